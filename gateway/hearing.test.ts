import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHearing, HEARING_TICK_MS, ticked, unreadMs } from './hearing.ts';

test('[HEARING-1] a process that runs hears at once, however its ticks tremble', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (lates) => {
      const hearing = createHearing(0);
      let nowMs = 0;
      for (const lateMs of lates) {
        nowMs += HEARING_TICK_MS + lateMs;
        assert.equal(unreadMs(hearing, nowMs), 0);
        ticked(hearing, nowMs);
      }
    }),
  );
});

test('[HEARING-2] what is read while it wakes up is never younger than it may be', () => {
  const naps = fc.array(
    fc.record({
      awakeTicks: fc.integer({ min: 1, max: 3 }),
      stillMs: fc.integer({ min: 1_000, max: 20_000 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(naps, fc.integer({ min: 0, max: 900 }), (all, readAfterMs) => {
      const hearing = createHearing(0);
      let nowMs = 0;
      for (const { awakeTicks, stillMs } of all) {
        for (let n = 0; n < awakeTicks; n++) {
          nowMs += HEARING_TICK_MS;
          ticked(hearing, nowMs);
        }
        nowMs += stillMs;
        // Sockets are read before timers run, and again after it.
        assert(unreadMs(hearing, nowMs) >= stillMs);
        ticked(hearing, nowMs);
        assert(unreadMs(hearing, nowMs + readAfterMs) >= stillMs);
      }
    }),
  );
});

test('[HEARING-3] a second after it woke up it hears at once again', () => {
  const hearing = createHearing(0);
  ticked(hearing, 10_000);
  for (let nowMs = 10_250; nowMs <= 11_250; nowMs += HEARING_TICK_MS) ticked(hearing, nowMs);
  assert.equal(unreadMs(hearing, 11_300), 0);
});
