/**
 * Abandonment: what part of those who are let on have left by then, and how long the others may therefore be kept waiting.
 *
 * The time a client waits for its handshake is no loss while the client stays: the queue keeps the CPU at work. But where
 * more come for minutes than can be set up, clients give up for good, some of them in the queue; a connection that
 * waits does not show it, and its handshake is done for nobody. How many leave while they wait grows with the time they
 * wait, so that time is cut until few do. (The term is that of queueing theory, as in Erlang A.)
 *
 * Pure, though it changes its state in place. `door.ts` drives it.
 */

/** Of a hundred, so many may have left. Each costs most of a set-up. */
const ABANDONED_MAX = 0.02;
/** The shortest wait, as a part of the longest: long enough to bridge a pause of a CPU that is shared. */
export const CUT_MIN = 1 / 8;
/** A window changes the wait by no more than this: who waits behind came under the wait of before. */
const SHRINKS = 0.5;
const GROWS = 1.25;
/** Fewer say nothing. */
const WENT_ON_MIN = 32;
/** A window lasts at least so long. */
const WINDOW_MS = 1_000;
/** After so long with nobody waiting nothing is known any more. */
const FORGOTTEN_MS = 30_000;

export interface Abandonment {
  /** Part of the longest wait that is left, from {@link CUT_MIN} to 1. */
  cut: number;
  /** In this window. */
  wentOn: number;
  abandoned: number;
  windowEndsMs: number;
}

export function noAbandonment(): Abandonment {
  return { cut: 1, wentOn: 0, abandoned: 0, windowEndsMs: 0 };
}

/**
 * One that has waited goes on to its handshake.
 *
 * @param longestMs the longest wait, uncut. A window lasts as long as the wait it set, so that it sees who came under it.
 */
export function goesOn(state: Abandonment, longestMs: number, nowMs: number): void {
  if (nowMs >= state.windowEndsMs + FORGOTTEN_MS) {
    state.cut = 1;
    begin(state, longestMs, nowMs);
  } else if (nowMs >= state.windowEndsMs && state.wentOn >= WENT_ON_MIN) {
    const share = state.abandoned / state.wentOn;
    const factor = share === 0 ? GROWS : Math.min(Math.max(ABANDONED_MAX / share, SHRINKS), GROWS);
    state.cut = Math.min(Math.max(state.cut * factor, CUT_MIN), 1);
    begin(state, longestMs, nowMs);
  }
  state.wentOn += 1;
}

function begin(state: Abandonment, longestMs: number, nowMs: number): void {
  state.wentOn = state.abandoned = 0;
  state.windowEndsMs = nowMs + Math.max(WINDOW_MS, Math.min(longestMs, FORGOTTEN_MS) * state.cut);
}

/** One that waited, or had waited, left before it was set up. */
export function abandons(state: Abandonment): void {
  state.abandoned += 1;
}
