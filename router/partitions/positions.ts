/**
 * Positions: how far a partition was forwarded now and half a minute ago.
 *
 * The next owner starts at the older one, so that it knows the last positions of the channels that are
 * busy. A sample is kept for each renewal; the newest that is old enough is what the lease shows.
 *
 * Pure. `holder.ts` samples at each renewal.
 */

/** How far before the position of the lease the next owner starts. */
export const LOOKBACK_MS = 30_000;

export interface Trail {
  readonly samples: { readonly atMs: number; readonly position: number }[];
}

export function startTrail(position: number, nowMs: number): Trail {
  return { samples: [{ atMs: nowMs, position }] };
}

/** Notes where forwarding stands, and gives where it stood `LOOKBACK_MS` ago (or began). */
export function positionBefore(trail: Trail, position: number, nowMs: number): number {
  const { samples } = trail;
  samples.push({ atMs: nowMs, position });
  while (samples.length > 1 && samples[1]!.atMs <= nowMs - LOOKBACK_MS) samples.shift();
  return samples[0]!.position;
}
