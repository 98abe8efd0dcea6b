import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLogClock, heedSample, logTimeMs } from './log-clock.ts';

const serverAheadMs = 1_800_000_000_000.4;

/** An answer whose question took `out` and which itself took `back` milliseconds, `atMs` on our clock. */
function sampleAt(atMs: number, out: number, back: number, aheadMs = serverAheadMs) {
  return { sentMs: atMs, receivedMs: atMs + out + back, serverMs: Math.floor(atMs + out + aheadMs) };
}

test('the estimate is never further off than half the best answer took, and a millisecond', () => {
  const delays = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 })), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(delays, (answers) => {
      const clock = createLogClock();
      let bestMs = Number.POSITIVE_INFINITY;
      answers.forEach(([out, back], n) => {
        heedSample(clock, sampleAt(n * 10_000, out, back));
        bestMs = Math.min(bestMs, out + back);
      });
      assert(Math.abs(clock.offsetMs! - serverAheadMs) <= Math.min(bestMs + 1, clock.errorMs) + 0.001);
    }),
  );
});

test('time never goes back by a correction, and moves on once it has been caught up with', () => {
  const clock = createLogClock();
  heedSample(clock, sampleAt(0, 800, 0));
  const given = logTimeMs(clock, 1_000);
  heedSample(clock, sampleAt(1_000, 0, 0));
  assert.equal(logTimeMs(clock, 1_001), given);
  assert(logTimeMs(clock, 2_000) > given);
});

test('a server that puts its clock back by more than a second is followed', () => {
  const clock = createLogClock();
  heedSample(clock, sampleAt(0, 0, 0));
  const given = logTimeMs(clock, 1_000);
  heedSample(clock, sampleAt(1_000, 0, 0, serverAheadMs - 60_000));
  assert(logTimeMs(clock, 1_000) < given - 50_000);
});
