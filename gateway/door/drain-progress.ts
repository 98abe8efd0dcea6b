/**
 * Drain progress: how far the drain under way has come, against what the machine would have allowed.
 *
 * A drain begins when the work accepted is more than half a second's, or the door does not listen; it ends when hardly any
 * is left. Looked at once a second: what was admitted since it began, and what would have been had the machine done nothing
 * but set-ups all the time. The one over the other is the drain against its optimum, of one gateway and, summed, of the
 * fleet. A time in which a drain had to wait for its clients, for a credit or for routers counts as allowed: that is what
 * one looks for.
 *
 * Pure. `doorway.ts` asks it.
 */

export interface DrainProgress {
  /** Of the drain under way; `undefined`: there is none. */
  readonly beganAtMs: number | undefined;
  /** Of the drain under way, or the last. */
  readonly admitted: number;
  readonly allowed: number;
  readonly lookedAtMs: number;
  /** Set-ups since the gateway began, as of the last look. */
  readonly setUps: number;
}

export interface DoorLook {
  readonly listens: boolean;
  readonly workMs: number;
  readonly setUps: number;
  readonly setUpsPerSecond: number;
}

const BEGINS_MS = 500;
const ENDS_MS = 50;

export function noDrain(nowMs: number): DrainProgress {
  return { beganAtMs: undefined, admitted: 0, allowed: 0, lookedAtMs: nowMs, setUps: 0 };
}

export function looked(before: DrainProgress, look: DoorLook, nowMs: number): DrainProgress {
  const { listens, workMs, setUps, setUpsPerSecond } = look;
  const now = { lookedAtMs: nowMs, setUps };
  if (before.beganAtMs === undefined) {
    const begins = !listens || workMs > BEGINS_MS;
    return begins ? { ...now, beganAtMs: nowMs, admitted: 0, allowed: 0 } : { ...before, ...now };
  }
  const admitted = before.admitted + setUps - before.setUps;
  const elapsedMs = nowMs - before.lookedAtMs;
  const ends = listens && workMs < ENDS_MS;
  // In its last second the work ran out before the second did: no more was allowed than came.
  const most = (setUpsPerSecond * elapsedMs) / 1_000;
  const allowed = before.allowed + (ends ? Math.min(most, setUps - before.setUps) : most);
  return { ...now, beganAtMs: ends ? undefined : before.beganAtMs, admitted, allowed };
}
