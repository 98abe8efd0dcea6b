/**
 * Setup: what every test file shares, loaded before it by `tools/test.ts` (`node --import`).
 *
 * Properties draw from one fixed seed, so that a red run is red again; `FAST_CHECK_SEED` tries another
 * and `FAST_CHECK_RUNS` asks for more than the usual hundred draws.
 */

import fc from 'fast-check';

export const seed = Number(process.env['FAST_CHECK_SEED'] ?? 20_261_001);

fc.configureGlobal({
  seed,
  numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 100),
  // Otherwise an array of at most 120 has at most 10 elements, and a long history is never drawn.
  defaultSizeToMaxWhenMaxSpecified: true,
});
