import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '#runtime/clock.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import type { FlowRecord } from './flow-record.ts';
import { createWalk } from './walk.ts';

test('[WALK-1] every flow is looked at each second where that is quick, and takes a fiftieth of the time where it is not', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 150, noNaN: true }), (lookMs) => {
      let nowMs = 0;
      const clock: Clock = { ...createVirtualClock(), nowMs: () => nowMs, monotonicMs: () => nowMs };
      const looks: number[] = [];
      const walk = createWalk(
        clock,
        () => [{} as FlowRecord],
        () => {
          looks.push(nowMs);
          nowMs += lookMs;
        },
      );
      const seconds = 600;
      for (let second = 0; second < seconds; second++) {
        nowMs = Math.max(nowMs, 1_000 * second);
        walk.second();
      }
      if (lookMs <= 20) assert.equal(looks.length, seconds);
      assert(looks.length * lookMs <= 1_000 * (seconds / 50) + lookMs);
      for (let i = 1; i < looks.length; i++) assert(looks[i]! - looks[i - 1]! <= 11_000);
    }),
  );
});
