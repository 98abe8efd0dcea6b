import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sliceOf } from './quota.ts';

test('a process gets the part it is to have, in periods that the kernel takes', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.0051, max: 2, noNaN: true }), (share) => {
      const { quotaMicros, periodMicros } = sliceOf(share);
      assert(Number.isInteger(quotaMicros) && quotaMicros >= 5_000);
      assert(Number.isInteger(periodMicros) && periodMicros >= 1_000 && periodMicros <= 1_000_000);
      assert(Math.abs(quotaMicros / periodMicros / share - 1) < 0.005);
    }),
  );
});

test('a part that is too small to be held is refused', () => {
  for (const share of [0, 0.0001, Number.NaN]) assert.throws(() => sliceOf(share), /too small/);
});
