/**
 * Set-up limits: how many set-ups in a minute one user or one address gets, where an operator has said so.
 *
 * Virtual scheduling as for frames: a whole minute's worth may come at once, and then one in every `60 s / limit`. The
 * table remembers only whom time has not cleared yet, and is bounded; past the bound, those longest in it are forgotten.
 *
 * Pure, though it changes its state in place: it is asked for every `hello`.
 */

export interface SetUpLimit {
  /** Set-ups per minute; `undefined`: as many as come. */
  perMinute: number | undefined;
  /** When the next set-up of each would be due. */
  readonly dues: Map<string, number>;
}

const MINUTE_MS = 60_000;
const REMEMBERED_MAX = 65_536;

export function noLimit(): SetUpLimit {
  return { perMinute: undefined, dues: new Map() };
}

/** How long a set-up that comes now is too early, in milliseconds; 0: it passes, and is counted. */
export function setUpTooEarlyMs(limit: SetUpLimit, key: string, nowMs: number): number {
  const { perMinute, dues } = limit;
  if (perMinute === undefined) return 0;
  const gapMs = MINUTE_MS / perMinute;
  const startMs = Math.max(
    dues.get(key) ?? Number.NEGATIVE_INFINITY,
    nowMs - (Math.max(1, perMinute) - 1) * gapMs,
  );
  if (startMs > nowMs) return startMs - nowMs;
  // Taken out and put in again, so that the oldest stand in front.
  dues.delete(key);
  dues.set(key, startMs + gapMs);
  forget(dues, nowMs - MINUTE_MS);
  return 0;
}

/** Two at a time, so that the table shrinks while it is used. */
function forget(dues: Map<string, number>, clearedMs: number): void {
  let looked = 0;
  for (const [key, dueMs] of dues) {
    if (dues.size <= REMEMBERED_MAX && (dueMs > clearedMs || looked >= 2)) return;
    dues.delete(key);
    looked += 1;
  }
}
