/**
 * Spread: what repeated measurements of one figure come to.
 *
 * Machines are noisy, so a figure is measured in several rounds, each beside its yardstick, and told as the median
 * of the rounds with the least and the greatest. Pure.
 */

import assert from 'node:assert/strict';

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws AssertionError where nothing was measured. */
export function spreadOf(values: readonly number[]): Spread {
  assert(values.length > 0 && values.every(Number.isFinite), `not measured: ${values}`);
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0]!, median: quantile(sorted, 0.5), max: sorted.at(-1)! };
}

/** Round by round, one thing by another: what both have in common in a round goes out. */
export function ratios(values: readonly number[], yardsticks: readonly number[]): number[] {
  assert.equal(values.length, yardsticks.length);
  return values.map((value, round) => {
    const yardstick = yardsticks[round]!;
    assert(yardstick > 0, 'the yardstick was not measured');
    return value / yardstick;
  });
}

/**
 * The value below which this share of all lies, between the two nearest where it falls between.
 *
 * @param sorted ascending, not empty.
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  assert(sorted.length > 0 && share >= 0 && share <= 1);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}
