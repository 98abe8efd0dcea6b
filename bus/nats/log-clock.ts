/**
 * Log clock: what time it is for the log, wherever the clocks of the nodes stand.
 *
 * The server says its time in an answer; it was right at some moment between question and answer. So each
 * answer gives an interval in which the difference to the own monotonic clock lies, and the estimate moves
 * just as far as it must to lie in it (Marzullo's idea, one source at a time). Answers that took long move
 * it hardly. The time given never goes back, unless the server's own clock was put back by more than a second:
 * then standing still until it has caught up would let frames live too long.
 *
 * Pure.
 */

import assert from 'node:assert/strict';
import type { TimeSample } from './streams.ts';

export interface LogClock {
  /** The server's Unix milliseconds less our monotonic ones; `undefined` before the first answer. */
  offsetMs: number | undefined;
  /** By how much the best answer leaves it open. */
  errorMs: number;
  /** The latest time that was given. */
  givenMs: number;
}

/** Frames are stamped and believed on the assumption that it is no further off. */
export const LOG_CLOCK_ERROR_MS_MAX = 250;
const BACK_MS_MAX = 1_000;

export function createLogClock(): LogClock {
  return { offsetMs: undefined, errorMs: Number.POSITIVE_INFINITY, givenMs: 0 };
}

export function heedSample(clock: LogClock, { serverMs, sentMs, receivedMs }: TimeSample): void {
  const lowMs = serverMs - receivedMs;
  // The server's time is cut to whole milliseconds.
  const highMs = serverMs + 1 - sentMs;
  const middleMs = (lowMs + highMs) / 2;
  const offsetMs = Math.min(Math.max(clock.offsetMs ?? middleMs, lowMs), highMs);
  clock.offsetMs = offsetMs;
  clock.errorMs = Math.min(clock.errorMs, Math.max(highMs - offsetMs, offsetMs - lowMs));
}

/** Unix milliseconds of the log; only after the first sample. */
export function logTimeMs(clock: LogClock, monotonicMs: number): number {
  assert(clock.offsetMs !== undefined);
  const ms = Math.floor(clock.offsetMs + monotonicMs);
  if (ms < clock.givenMs && clock.givenMs - ms <= BACK_MS_MAX) return clock.givenMs;
  clock.givenMs = ms;
  return ms;
}
