/**
 * Pace: how slow something has been of late, so that whoever waits for it gives up on the dead and not on the slow.
 *
 * A fixed limit that is shorter than an answer takes makes all work behind the answer useless, and its repeats make the
 * next one slower. So limits grow with the slowest answer of late; what was slow counts half after ten seconds.
 *
 * Pure.
 */

const HALF_LIFE_MS = 10_000;
/** What took longer stood still, and says nothing of the pace. */
const SLOW_MS_MAX = 4_000;

export interface Pace {
  readonly slowestMs: number;
  /** When that was said. */
  readonly atMs: number;
}

export const quick: Pace = { slowestMs: 0, atMs: 0 };

/** After something that took so long, or that has been waited for so long. */
export function paced(pace: Pace, tookMs: number, nowMs: number): Pace {
  return { slowestMs: Math.max(Math.min(tookMs, SLOW_MS_MAX), slowestMs(pace, nowMs)), atMs: nowMs };
}

/** The slowest of late, in milliseconds. */
export function slowestMs(pace: Pace, nowMs: number): number {
  return pace.slowestMs * 0.5 ** (Math.max(0, nowMs - pace.atMs) / HALF_LIFE_MS);
}

/** The limit of a wait: so many times the slowest of late, within bounds. */
export function limitMs(
  pace: Pace,
  nowMs: number,
  { times, minMs, maxMs }: { readonly times: number; readonly minMs: number; readonly maxMs: number },
): number {
  return Math.min(Math.max(minMs, times * slowestMs(pace, nowMs)), maxMs);
}
