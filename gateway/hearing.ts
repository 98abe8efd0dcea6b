/**
 * Hearing: for how long what is read now may have lain unread, because this process stood still.
 *
 * A process that was stopped, or whose machine was, reads what came meanwhile as if it came now. A send says how old it is,
 * but it said so when it was written; taken at its word it would be repeated longer than the log recognizes repeats. A tick
 * that is late shows how long the process stood still. What is read before that tick, and for a moment after it,
 * as the buffers are not emptied in one turn, may be as old.
 *
 * Pure. The gateway ticks it, and asks it with every event of a session.
 */

export interface Hearing {
  tickedAtMs: number;
  /** How long the process stood still last, and until when that counts. */
  stoodStillMs: number;
  untilMs: number;
}

export const HEARING_TICK_MS = 250;
/** A tick may be so late on a busy machine; repeats end earlier than the log forgets by more than this. */
const LATE_MS_MAX = 750;
/** For so long after standing still old messages may come. */
const CATCHING_UP_MS = 1_000;

export function createHearing(nowMs: number): Hearing {
  return { tickedAtMs: nowMs, stoodStillMs: 0, untilMs: nowMs };
}

export function ticked(hearing: Hearing, nowMs: number): void {
  const stillMs = unreadMs(hearing, nowMs);
  if (nowMs - hearing.tickedAtMs > LATE_MS_MAX) {
    hearing.stoodStillMs = stillMs;
    hearing.untilMs = nowMs + CATCHING_UP_MS;
  }
  hearing.tickedAtMs = nowMs;
}

/** The age at most of a message that is read now, counted from when it reached this machine. */
export function unreadMs({ tickedAtMs, stoodStillMs, untilMs }: Hearing, nowMs: number): number {
  const sinceMs = nowMs - tickedAtMs;
  const beforeMs = tickedAtMs < untilMs ? stoodStillMs : 0;
  if (sinceMs > LATE_MS_MAX) return sinceMs + beforeMs;
  return nowMs < untilMs ? stoodStillMs : 0;
}
