/**
 * Connect storm: new sessions arrive at a rate that grows to a peak, whatever the service makes of it.
 *
 *     RATE 200 (a second at the peak), DURATION_S 30, STAY_S 5, VUS 200 (at most; each holds one session at a time)
 */

import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import { identity } from './identity.ts';
import { countFromNothing, promises } from './metrics.ts';
import { openSession } from './session.ts';
import { amount, durationMs } from './settings.ts';

export { handleSummary } from './summary.ts';

const rate = amount('RATE', 200);
const stayMs = amount('STAY_S', 5) * 1_000;
const third = `${Math.ceil(durationMs / 3_000)}s`;

export const options = {
  scenarios: {
    storm: {
      executor: 'ramping-arrival-rate',
      startRate: Math.ceil(rate / 10),
      timeUnit: '1s',
      preAllocatedVUs: Math.ceil(rate * (amount('STAY_S', 5) + 2)),
      stages: [
        { target: rate, duration: third },
        { target: rate, duration: third },
        { target: Math.ceil(rate / 10), duration: third },
      ],
      gracefulStop: '60s',
    },
  },
  thresholds: {
    ...promises,
    snowshed_attempts_failed: ['count==0'],
    dropped_iterations: ['count==0'],
    snowshed_welcome_ms: [`p(95)<${amount('WELCOME_P95_MS', 1_000)}`],
  },
};

export default function oneArrival(): void {
  countFromNothing();
  const index = exec.scenario.iterationInTest;
  const session = openSession(identity(`load-${index}`, index), {
    welcomed: (before) => {
      if (before === 0) setTimeout(() => session.close(), stayMs);
    },
  });
}
