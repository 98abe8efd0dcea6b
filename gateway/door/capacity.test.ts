import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSeededRandom } from '#runtime/random.ts';
import { believed, type Capacity, isMeasured, WINDOW_MS, worked } from './capacity.ts';

/** Works without a pause, in pieces of 1 ms of another machine; the clock is off by `noise`, anew for each window. */
function workedFor(
  capacity: Capacity,
  speed: number,
  windows: number,
  noise: number,
  draw: () => number,
): number[] {
  const estimates: number[] = [];
  let nowMs = capacity.windowEndsMs - WINDOW_MS;
  for (let window = 0; window < windows; window++) {
    const off = 1 + noise * (2 * draw() - 1);
    const endsMs = capacity.windowEndsMs;
    while (nowMs < endsMs) {
      nowMs += 1 / speed;
      worked(capacity, 1, off / speed, nowMs);
    }
    estimates.push(capacity.speed);
  }
  return estimates;
}

const speeds = fc.double({ min: 0.05, max: 20, noNaN: true });
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

test('[CAPACITY-1] the estimate comes to within 5 % of the true speed, from half or double of it within 3 s', () => {
  fc.assert(
    fc.property(speeds, fc.constantFrom(0.5, 0.7, 1, 1.5, 2), (speed, wrong) => {
      const estimates = workedFor(believed(speed * wrong, 0), speed, 15, 0, () => 0.5);
      assert(Math.abs(estimates.at(-1)! / speed - 1) < 0.05, `${estimates.at(-1)} for ${speed}`);
    }),
  );
});

test('[CAPACITY-2] samples that are off by 30 % move it by less than that, and around the true speed', () => {
  fc.assert(
    fc.property(speeds, fc.constantFrom(0.5, 1.5), seeds, (speed, wrong, seed) => {
      const { draw } = createSeededRandom(seed);
      const estimates = workedFor(believed(speed * wrong, 0), speed, 300, 0.3, draw).slice(30);
      for (const estimate of estimates) assert(estimate > speed / 1.31 && estimate < speed / 0.69);
      const mean = estimates.reduce((sum, one) => sum + one, 0) / estimates.length;
      assert(Math.abs(mean / speed - 1) < 0.1, `mean ${mean} of ${speed}`);
    }),
  );
});

test('[CAPACITY-3] a CPU of which half is taken away is noticed within two seconds, and given back as soon', () => {
  const capacity = believed(1, 0);
  workedFor(capacity, 1, 5, 0, () => 0.5);
  workedFor(capacity, 0.5, 10, 0, () => 0.5);
  assert(capacity.speed < 0.6);
  workedFor(capacity, 1, 10, 0, () => 0.5);
  assert(capacity.speed > 0.88);
});

test('[CAPACITY-4] who does little learns little, who does nothing learns nothing', () => {
  const idle = believed(3, 0);
  worked(idle, 0, 0, 10_000);
  assert.equal(idle.speed, 3);
  const [little, much] = [believed(1, 0), believed(1, 0)];
  worked(little, 10, 20, WINDOW_MS);
  worked(much, 100, 200, WINDOW_MS);
  assert(little.speed < 1 && little.speed > much.speed);
});

test('[CAPACITY-5] whatever is measured, the estimate stays a positive number, and one window does not ruin it', () => {
  const sample = fc.record({
    workMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    spentMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    passMs: fc.integer({ min: 0, max: 10_000 }),
  });
  fc.assert(
    fc.property(speeds, fc.array(sample, { maxLength: 50 }), (speed, samples) => {
      const capacity = believed(speed, 0);
      workedFor(capacity, speed, 10, 0, () => 0.5);
      let nowMs = capacity.windowEndsMs;
      for (const { workMs, spentMs, passMs } of samples) {
        nowMs += passMs;
        const before = capacity.speed;
        worked(capacity, workMs, spentMs, nowMs);
        assert(capacity.speed >= 0.65 * before && capacity.speed <= 1.55 * before);
        assert(Number.isFinite(capacity.speed) && capacity.speed > 0);
      }
    }),
  );
});

test('[CAPACITY-6] what is believed before anything was measured is given up in a quarter of a second of work', () => {
  fc.assert(
    fc.property(speeds, fc.double({ min: 0.1, max: 10, noNaN: true }), (speed, wrong) => {
      const [estimate = Number.NaN] = workedFor(believed(speed * wrong, 0), speed, 2, 0, () => 0.5).slice(1);
      assert(Math.abs(estimate / speed - 1) < 0.1, `${estimate} for ${speed}`);
    }),
  );
});

test('[CAPACITY-7] a speed counts as measured once a short window was worked whole', () => {
  const capacity = believed(1, 0);
  worked(capacity, 10, 20, WINDOW_MS);
  assert(!isMeasured(capacity));
  worked(capacity, 20, 60, 2 * WINDOW_MS);
  assert(isMeasured(capacity));
});
