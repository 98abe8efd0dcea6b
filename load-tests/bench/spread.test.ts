import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { quantile, ratios, spreadOf } from './spread.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });

test('the spread has the least, the greatest, and between them as many values below as above the median', () => {
  fc.assert(
    fc.property(values, (all) => {
      const { min, median, max } = spreadOf(all);
      assert.equal(min, Math.min(...all));
      assert.equal(max, Math.max(...all));
      assert(min <= median && median <= max);
      const below = all.filter((value) => value < median).length;
      const above = all.filter((value) => value > median).length;
      assert.equal(Math.abs(below - above) <= all.filter((value) => value === median).length, true);
    }),
  );
});

test('a spread of nothing, or of what is no number, is a mistake', () => {
  assert.throws(() => spreadOf([]));
  assert.throws(() => spreadOf([1, Number.NaN]));
});

test('a quantile lies between its neighbours by its share', () => {
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([10], 0.99), 10);
  assert.equal(quantile([0, 100], 0.99), 99);
});

test('ratios are taken round by round', () => {
  assert.deepEqual(ratios([6, 9], [2, 3]), [3, 3]);
  assert.throws(() => ratios([6], [2, 3]));
  assert.throws(() => ratios([6], [0]));
});
