import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { nextDueMs, type RatePolicy, tooEarlyMs } from './rate.ts';

const policies = fc.record({
  perSecond: fc.integer({ min: 1, max: 1_000 }),
  burst: fc.integer({ min: 1, max: 500 }),
});
const arrivals = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 400, size: 'max' });

/** The moments at which messages passed. */
function passed(policy: RatePolicy, gapsMs: readonly number[]): number[] {
  let nowMs = 1_000;
  let dueMs = 0;
  const times: number[] = [];
  for (const gapMs of gapsMs) {
    nowMs += gapMs;
    if (tooEarlyMs(policy, dueMs, nowMs) > 0) continue;
    dueMs = nextDueMs(policy, dueMs, nowMs);
    times.push(nowMs);
  }
  return times;
}

test('[RATE-1] no window lets through more than burst + rate × window', () => {
  fc.assert(
    fc.property(policies, arrivals, (policy, gapsMs) => {
      const times = passed(policy, gapsMs);
      for (let first = 0; first < times.length; first++) {
        const last = times.length - 1;
        const windowMs = times[last]! - times[first]!;
        assert(last - first + 1 <= policy.burst + (policy.perSecond * windowMs) / 1000 + 1e-6);
      }
    }),
  );
});

test('[RATE-2] a refused message passes after the time it was told', () => {
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 0, max: 1e6 }),
      (policy, dueMs, nowMs) => {
        const waitMs = tooEarlyMs(policy, dueMs, nowMs);
        assert(tooEarlyMs(policy, dueMs, nowMs + waitMs) < 1e-6);
      },
    ),
  );
});

test('[RATE-3] an even pace at the rate is never refused', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      const gaps = Array.from({ length: 300 }, () => Math.ceil(1000 / policy.perSecond));
      assert.equal(passed(policy, gaps).length, gaps.length);
    }),
  );
});
