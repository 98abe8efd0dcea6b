import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFollowLag, isStuck } from './follow-lag.ts';

const lookEveryMs = 500;

/** When it is found to be stuck, looked at each half second until `untilMs`. */
function stuckAt(headAt: (ms: number) => number, endAt: (ms: number) => number, untilMs: number): number[] {
  const lag = createFollowLag(0);
  const found: number[] = [];
  for (let ms = 0; ms <= untilMs; ms += lookEveryMs) {
    // The leader is asked every ten seconds.
    if (isStuck(lag, headAt(ms), endAt(ms - (ms % 10_000)), ms)) found.push(ms);
  }
  return found;
}

test('a head that stands before the end is stuck three seconds after that is known, and later each time it does not help', () => {
  const end = (ms: number) => (ms < 20_000 ? 100 : 200);
  assert.deepEqual(
    stuckAt(() => 100, end, 60_000),
    [22_500, 28_500, 40_500],
  );
});

test('whoever moves is not stuck, however far behind', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), (perLook) => {
      const head = (ms: number) => (ms / lookEveryMs) * perLook;
      assert.deepEqual(
        stuckAt(head, () => 1_000_000, 120_000),
        [],
      );
    }),
  );
});

test('whoever is at the end is not stuck, and once there its patience is short again', () => {
  const head = (ms: number) => (ms < 50_000 ? 100 : ms < 80_000 ? 200 : 250);
  const end = (ms: number) => (ms < 20_000 ? 100 : ms < 80_000 ? 200 : 300);
  assert.deepEqual(stuckAt(head, end, 90_000), [22_500, 28_500, 40_500, 83_000, 89_000]);
});

test('where no end is known nothing is stuck', () => {
  const lag = createFollowLag(0);
  for (let ms = 0; ms < 60_000; ms += lookEveryMs) assert.equal(isStuck(lag, 5, undefined, ms), false);
});
