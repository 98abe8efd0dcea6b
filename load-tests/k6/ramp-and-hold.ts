/**
 * Ramp and hold: sessions are opened at an even pace, stay, and are closed.
 *
 *     VUS 2, SESSIONS 500 (a virtual user), RAMP_S 10, DURATION_S 30 (ramp included)
 *
 * Idle populations past some ten thousand belong to the swarm: a socket costs k6 up to fifty times as much.
 */

import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import { identity } from './identity.ts';
import { countFromNothing, promises } from './metrics.ts';
import { closeAll, type LoadSession, openSession } from './session.ts';
import { amount, durationMs, onceForEach, vus } from './settings.ts';

export { handleSummary } from './summary.ts';

const sessions = amount('SESSIONS', 500);
const rampMs = amount('RAMP_S', 10) * 1_000;

export const options = {
  scenarios: { ramp: onceForEach(60_000) },
  thresholds: {
    ...promises,
    snowshed_sessions_opened: [`count==${vus * sessions}`],
    snowshed_flows_lost: [`count<${amount('FLOWS_LOST_BELOW', 1)}`],
    snowshed_welcome_ms: [`p(95)<${amount('WELCOME_P95_MS', 1_000)}`],
  },
};

export default function rampAndHold(): void {
  countFromNothing();
  const vu = exec.vu.idInTest;
  const all: LoadSession[] = [];
  for (let n = 0; n < sessions; n++) {
    const index = (vu - 1) * sessions + n;
    setTimeout(
      () => void all.push(openSession(identity(`load-${index}`, index), {})),
      (n * rampMs) / sessions,
    );
  }
  setTimeout(() => closeAll(all), durationMs);
}
