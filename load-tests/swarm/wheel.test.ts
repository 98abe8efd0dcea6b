import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { STEP_MS, type Timed, Wheel } from './wheel.ts';

class Clock implements Timed {
  step = -1;
  dueAtMs: number | undefined;
  firedAtMs: number[] = [];
  due(nowMs: number): void {
    this.firedAtMs.push(nowMs);
    this.dueAtMs = undefined;
  }
}

test('of all entries of one client the last counts, and it fires once, in time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }), (delaysMs) => {
      const wheel = new Wheel(0);
      const clock = new Clock();
      for (const delayMs of delaysMs) wheel.enter(clock, delayMs);
      const lastMs = delaysMs.at(-1)!;
      for (let nowMs = 0; nowMs <= 600; nowMs++) wheel.turn(nowMs);
      assert.equal(clock.firedAtMs.length, 1);
      assert(clock.firedAtMs[0]! >= lastMs);
      assert(clock.firedAtMs[0]! <= lastMs + 2 * STEP_MS);
    }),
  );
});

test('a wheel that was not turned for long fires all that fell due meanwhile', () => {
  const wheel = new Wheel(0);
  const clocks = Array.from({ length: 100 }, () => new Clock());
  for (const [i, clock] of clocks.entries()) wheel.enter(clock, 10 * i);
  wheel.turn(10_000);
  assert(clocks.every(({ firedAtMs }) => firedAtMs.length === 1));
});
