import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { noLimit, setUpTooEarlyMs } from './set-up-limits.ts';

test('[DOOR-20] no user gets more set-ups in any minute than twice the limit, and never less than the limit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 300 }),
      (perMinute, gapsMs) => {
        const limit = { ...noLimit(), perMinute };
        const passedAt: number[] = [];
        let nowMs = 1_000_000;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          const inLastMinute = passedAt.filter((atMs) => atMs > nowMs - 60_000).length;
          const earlyMs = setUpTooEarlyMs(limit, 'bob', nowMs);
          if (earlyMs === 0) passedAt.push(nowMs);
          else assert(inLastMinute >= perMinute - 1, 'refused below the limit');
          assert(passedAt.filter((atMs) => atMs > nowMs - 60_000).length <= 2 * perMinute);
        }
      },
    ),
  );
});

test('[DOOR-21] whoever comes again after the time told passes, and others are not held up by him', () => {
  const limit = { ...noLimit(), perMinute: 3 };
  let nowMs = 5_000;
  for (let i = 0; i < 3; i++) assert.equal(setUpTooEarlyMs(limit, 'bob', nowMs), 0);
  const earlyMs = setUpTooEarlyMs(limit, 'bob', nowMs);
  assert(earlyMs > 0 && earlyMs <= 20_000);
  assert.equal(setUpTooEarlyMs(limit, 'carol', nowMs), 0);
  nowMs += earlyMs;
  assert.equal(setUpTooEarlyMs(limit, 'bob', nowMs), 0);
});

test('[DOOR-22] without a limit nobody is remembered; with one, no more than the bound, and not for ever', () => {
  const limit = noLimit();
  assert.equal(setUpTooEarlyMs(limit, 'bob', 0), 0);
  assert.equal(limit.dues.size, 0);
  limit.perMinute = 10;
  for (let i = 0; i < 70_000; i++) setUpTooEarlyMs(limit, `user ${i}`, 1_000);
  assert(limit.dues.size <= 65_536);
  for (let i = 0; i < 70_000; i++) setUpTooEarlyMs(limit, 'bob', 1e6 + i * 6_000);
  assert.equal(limit.dues.size, 1);
});
