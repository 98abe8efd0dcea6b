/**
 * Ramp and hold: sessions are opened at an even pace, stay, and are closed.
 *
 *     VUS 2, SESSIONS 500 (a virtual user), RAMP_S 10, DURATION_S 30 (ramp included)
 *
 * Idle populations past some ten thousand belong to the swarm: a socket costs k6 up to fifty times as much.
 */

import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import { type Identity, identity } from './identity.ts';
import { countFromNothing, notOpened, promises } from './metrics.ts';
import { closeAll, type LoadSession, openSession } from './session.ts';
import { amount, durationMs, onceForEach } from './settings.ts';

export { handleSummary } from './summary.ts';

const sessions = amount('SESSIONS', 500);
const rampMs = amount('RAMP_S', 10) * 1_000;

export const options = {
  scenarios: { ramp: onceForEach(60_000) },
  thresholds: {
    ...promises,
    // Of several pods each judges its own part, which is not `vus` times `sessions`.
    snowshed_sessions_opened: ['count>0'],
    snowshed_sessions_not_opened: ['count==0'],
    snowshed_flows_lost: [`count<${amount('FLOWS_LOST_BELOW', 1)}`],
    snowshed_welcome_ms: [`p(95)<${amount('WELCOME_P95_MS', 1_000)}`],
  },
};

export default function rampAndHold(): void {
  countFromNothing();
  const vu = exec.vu.idInTest;
  const all: LoadSession[] = [];
  const first = (vu - 1) * sessions;
  const who = identities(first);
  let opened = 0;
  const welcomed = (before: number) => {
    if (before === 0) opened++;
  };
  for (let n = 0; n < sessions; n++) {
    setTimeout(() => void all.push(openSession(who[n]!, { welcomed })), (n * rampMs) / sessions);
  }
  setTimeout(() => {
    notOpened.add(sessions - opened);
    closeAll(all);
  }, durationMs);
}

/** Where there are too few, none of this virtual user is opened. */
function identities(first: number): readonly Identity[] {
  try {
    return Array.from({ length: sessions }, (_, n) => identity(`load-${first + n}`, first + n));
  } catch (error) {
    notOpened.add(sessions);
    throw error;
  }
}
