/**
 * Credits: how many set-ups that use a shared ceiling (a token service, a data base) this gateway may begin now.
 *
 * A router shares the ceiling out for windows of 250 ms, which it numbers. What is used of a window is
 * remembered under its number, so news that come early, late or twice allow nothing twice. Windows without news go on
 * with what was told last; after 3 s without any the gateway takes its even part of the ceiling, so that the sum
 * over the fleet stays below it. Credits that a window leaves unused are lost, but for the fraction of one; what was used
 * of a window before news that allow less is owed by those after it.
 *
 * Pure, though it changes its state in place. `door.ts` drives it.
 */

export const CREDIT_WINDOW_MS = 250;
export const ROUTER_SILENT_MS = 3_000;

/** The ceiling as last known, and how many gateways share it. */
export interface Ceiling {
  readonly perSecond: number;
  readonly gateways: number;
}

export interface Allotment extends Ceiling {
  /** Names the router that counts the windows. */
  readonly term: number;
  readonly window: number;
  readonly credits: number;
}

export interface Credits {
  /** `undefined`: nothing is shared, every set-up may begin. */
  ceiling: Ceiling | undefined;
  /** What was told last, so that what comes late changes nothing. */
  term: number;
  toldWindow: number;
  /** The window that counts now, and when it ends. */
  window: number;
  windowEndsMs: number;
  credits: number;
  used: number;
  /** It is only tried out: what goes beyond is counted, and passes. */
  dryRun: boolean;
  /**
   * The fraction of a credit left over by windows of less than one; below 0 where more was used, before the news came, than
   * they allow: that is held back from the windows after.
   */
  carried: number;
  toldAtMs: number;
}

/** @param ceiling what is configured, until a router tells what it is now. */
export function creditsOf(ceiling: Ceiling | undefined, nowMs: number): Credits {
  const credits = ceiling === undefined ? 0 : evenPart(ceiling);
  const windowEndsMs = nowMs + CREDIT_WINDOW_MS;
  const told = { term: 0, toldWindow: -1, toldAtMs: nowMs };
  return { ceiling, ...told, window: 0, windowEndsMs, credits, used: 0, dryRun: false, carried: 0 };
}

export function allotted(state: Credits, told: Allotment, nowMs: number): void {
  const sameCount = told.term === state.term;
  // After a silence an older term is one that was counted anew, as where the leases were lost.
  const isOlder = told.term < state.term && nowMs - state.toldAtMs <= ROUTER_SILENT_MS;
  if (isOlder || (sameCount && told.window <= state.toldWindow)) return;
  turnWindows(state, nowMs);
  // Another router counts otherwise; what was used of the window that runs stays used.
  if (!sameCount) state.window = told.window;
  // News that were slow find a window of their own under way, which lasts as long as theirs.
  else if (told.window > state.window) beginWindow(state, told.window, nowMs);
  state.term = told.term;
  state.toldWindow = told.window;
  state.ceiling = { perSecond: told.perSecond, gateways: told.gateways };
  state.credits = told.credits;
  state.toldAtMs = nowMs;
}

/** How many set-ups may begin now. */
export function creditsLeft(state: Credits, nowMs: number): number {
  if (state.ceiling === undefined) return Number.POSITIVE_INFINITY;
  turnWindows(state, nowMs);
  return Math.max(0, Math.floor(state.credits + state.carried + 1e-9) - state.used);
}

/** Whether a set-up may begin. */
export function mayBegin(state: Credits, nowMs: number): boolean {
  return state.dryRun || creditsLeft(state, nowMs) >= 1;
}

/** Nothing is shared any more, and nothing owed. */
export function freed(state: Credits): void {
  state.ceiling = undefined;
  state.dryRun = false;
  state.used = 0;
  state.carried = 0;
}

/** Whether the ceiling is only tried out from now on. What went beyond it meanwhile is not owed when it counts. */
export function triedOut(state: Credits, dryRun: boolean): void {
  if (state.dryRun && !dryRun) {
    state.carried = Math.max(0, state.carried);
    state.used = Math.min(state.used, state.credits);
  }
  state.dryRun = dryRun;
}

/** Call it only while a set-up may begin. */
export function creditUsed(state: Credits): void {
  if (state.ceiling !== undefined) state.used += 1;
}

/** How many may begin per second, as things stand. */
export function creditsPerSecond(state: Credits): number {
  const { ceiling, credits, dryRun } = state;
  if (ceiling === undefined || dryRun) return Number.POSITIVE_INFINITY;
  // None in this window: where there are few, they go round.
  return (1_000 * (credits > 0 ? credits : evenPart(ceiling))) / CREDIT_WINDOW_MS;
}

function turnWindows(state: Credits, nowMs: number): void {
  while (nowMs >= state.windowEndsMs) {
    const missed = Math.floor((nowMs - state.windowEndsMs) / CREDIT_WINDOW_MS);
    const beganMs = state.windowEndsMs + missed * CREDIT_WINDOW_MS;
    beginWindow(state, state.window + missed + 1, beganMs);
  }
  const { ceiling } = state;
  if (ceiling !== undefined && nowMs - state.toldAtMs > ROUTER_SILENT_MS) state.credits = evenPart(ceiling);
}

function beginWindow(state: Credits, window: number, nowMs: number): void {
  const left = state.credits + state.carried - state.used;
  state.carried = left < 0 ? left : Math.max(0, left - Math.floor(left + 1e-9));
  state.window = window;
  state.windowEndsMs = nowMs + CREDIT_WINDOW_MS;
  state.used = 0;
}

function evenPart({ perSecond, gateways }: Ceiling): number {
  return (perSecond * CREDIT_WINDOW_MS) / 1_000 / Math.max(1, gateways);
}
