/**
 * Reconnect: when a client that lost its flow tries again, so that all clients that lost theirs come back as
 * evenly as the service can take them, and nobody who may come at once is made to wait.
 *
 * Nobody can tell a client anything after a crash, so the service tells before: over W1 (`gatewayMs`) the
 * clients of one lost gateway come back, over W2 (`fleetMs`) those of a lost fleet. A client draws one random
 * rank u per loss and keeps it over all attempts, so that a window that grows never brings two clients to the
 * same place twice. Attempt 0 stands at u·W1. An attempt that fails shows that W was too small: it grows, first to
 * twice, then to 3.5 times what it was, up to W2, until u·W lies ahead. Past W2 the next attempt lies as much
 * further on as the end expected is away: attempts that are far from it would be refused, and who is far away when it
 * comes leaves the service idle. Rank and window start afresh only after a welcome that stayed up. Who is in a call
 * takes u/4, tries at once, and goes on with short steps.
 *
 * Pure. `connection.ts` drives it; so does the simulation.
 */

import type { Spread } from '#wire/messages.ts';

export type Windows = Pick<Spread, 'gatewayMs' | 'fleetMs'>;

/** One loss: what is kept over all attempts to come back from it. */
export interface Loss {
  readonly atMs: number;
  /** u, from (0, 1). */
  readonly rank: number;
  readonly inCall: boolean;
  /** W. */
  readonly windowMs: number;
}

export type Reconnect = {
  /** As last told. */
  readonly spread: Windows;
  readonly loss: Loss;
} & (
  | { readonly phase: 'waiting'; readonly attemptAtMs: number; readonly notBeforeMs: number }
  /** An attempt is under way; once it is open it stays, however long the welcome takes. */
  | { readonly phase: 'trying' }
  | { readonly phase: 'up'; readonly sinceMs: number }
);

export type ReconnectEvent =
  /** The time of the attempt has come. */
  | { readonly kind: 'due' }
  /** The attempt ended before a welcome. `afterMs`: the service said not to come before that. */
  | { readonly kind: 'failed'; readonly afterMs?: number | undefined }
  /** While it waited to be set up, it was sent to another gateway, at a time of its own: the loss goes on as it is. */
  | { readonly kind: 'sentOn'; readonly afterMs: number }
  | { readonly kind: 'welcomed' }
  /** The flow ended after its welcome. `withinMs`: the service said over how long its clients come back. */
  | { readonly kind: 'lost'; readonly inCall: boolean; readonly withinMs?: number | undefined }
  | { readonly kind: 'told'; readonly spread: Windows }
  /** This client alone got another network: what failed before says nothing about now. */
  | { readonly kind: 'networkChanged' };

/** Until the service has told its own. */
export const spreadUntilTold: Windows = { gatewayMs: 1_000, fleetMs: 10_000 };

const WINDOW_MS_MIN = 250;
/** How far ahead of now an attempt in a window lies at least. */
const AHEAD_MS = 100;
/** How much a window grows: the first of a loss, which is wide enough for one gateway, and others, up to that of the fleet. */
const FIRST_GROWTH = 2;
const GROWTH = 3.5;
/** W2 is this part of the time in which the whole fleet is back. */
const FLEET_SHARE = 0.7;
/** By which part of the way to that end, or from it, the next attempt lies ahead; of W2 at most. */
const BEYOND_SHARE = 0.3;
/**
 * How far it lies ahead at least: that part of W2, between these two. Who is outside comes once in such a step, evenly,
 * and so just as fast as the last of them can be served.
 */
const BEYOND_MS_MIN = 1_000;
const BEYOND_MS = 6_000;
/** The end was expected too soon: it cannot be far now, and is not waited for by more than this part of the time since the loss. */
const LATE_SHARE = 1 / 16;
/** However long it takes, no more often than this part of the time since the loss. */
const LONG_AWAY_SHARE = 1 / 50;
/** After a welcome, since the service had room a moment ago, and for the few who are in a call: so far ahead at least. */
const SOON_MS = 500;
const SOON_GROWTH = 1.15;
/** A welcome that lasted this long ends a loss. */
export const STAYED_UP_MS = 10_000;
/** Below this a rank would need too many windows to come forward. */
const RANK_MIN = 1e-4;

/** A client that starts: its first attempt is at once. */
export function started(spread: Windows, nowMs: number, draw: () => number): Reconnect {
  const windowMs = firstWindowMs(spread.gatewayMs);
  return {
    phase: 'trying',
    spread,
    loss: { atMs: nowMs, rank: rankOf(draw(), false), inCall: false, windowMs },
  };
}

/** @param draw asked once per loss. */
export function reconnect(
  state: Reconnect,
  event: ReconnectEvent,
  nowMs: number,
  draw: () => number,
): Reconnect {
  const { spread, loss } = state;
  switch (event.kind) {
    case 'due':
      return state.phase === 'waiting' && nowMs >= state.attemptAtMs
        ? { phase: 'trying', spread, loss }
        : state;
    case 'failed':
      return state.phase === 'trying' ? retried(state, nowMs, event.afterMs, state.loss.inCall) : state;
    case 'sentOn':
      return state.phase === 'trying' ? sentOn(state, nowMs + event.afterMs) : state;
    case 'welcomed':
      return state.phase === 'up' ? state : { phase: 'up', spread, loss, sinceMs: nowMs };
    case 'lost':
      return state.phase === 'up' ? lost(state, event, nowMs, draw) : state;
    case 'told': {
      const { gatewayMs, fleetMs } = event.spread;
      return { ...state, spread: { gatewayMs, fleetMs } };
    }
    case 'networkChanged':
      return state.phase === 'waiting' ? hurried(state, nowMs) : state;
  }
}

function lost(
  state: Reconnect & { phase: 'up' },
  event: ReconnectEvent & { kind: 'lost' },
  nowMs: number,
  draw: () => number,
): Reconnect {
  const { spread } = state;
  const stayedUp = nowMs - state.sinceMs >= STAYED_UP_MS;
  // Lost again at once, and not sent away: the loss goes on, with the rank it had, as if the attempt had failed.
  if (!stayedUp && (event.withinMs ?? 0) < WINDOW_MS_MIN) {
    return retried(state, nowMs, undefined, true);
  }
  const { inCall } = event;
  const rank = stayedUp ? rankOf(draw(), inCall) : state.loss.rank;
  const firstMs = event.withinMs ?? (inCall ? 0 : spread.gatewayMs);
  const loss = { atMs: nowMs, rank, inCall, windowMs: firstWindowMs(event.withinMs ?? spread.gatewayMs) };
  return { phase: 'waiting', spread, loss, attemptAtMs: nowMs + rank * firstMs, notBeforeMs: nowMs };
}

function retried(state: Reconnect, nowMs: number, afterMs: number | undefined, soon: boolean): Reconnect {
  const { spread, loss } = state;
  const sinceLossMs = nowMs - loss.atMs;
  const windowMs =
    windowAheadMs(loss, spread, sinceLossMs) ??
    (soon ? soonWindowMs(loss, spread, sinceLossMs) : beyondFleetMs(spread, sinceLossMs) / loss.rank);
  const notBeforeMs = afterMs === undefined ? nowMs : nowMs + afterMs * (1 + loss.rank / 4);
  const attemptAtMs = Math.max(loss.atMs + loss.rank * windowMs, notBeforeMs);
  return { phase: 'waiting', spread, loss: { ...loss, windowMs }, attemptAtMs, notBeforeMs };
}

function sentOn({ spread, loss }: Reconnect, attemptAtMs: number): Reconnect {
  return { phase: 'waiting', spread, loss, attemptAtMs, notBeforeMs: attemptAtMs };
}

/** The next window up to that of the fleet in which this rank still lies ahead, if there is one. */
function windowAheadMs(
  { rank, windowMs }: Loss,
  { gatewayMs, fleetMs }: Windows,
  sinceLossMs: number,
): number | undefined {
  for (let grownMs = windowMs; grownMs < fleetMs; ) {
    const growth = grownMs <= firstWindowMs(gatewayMs) ? FIRST_GROWTH : GROWTH;
    grownMs = Math.min(growth * grownMs, fleetMs);
    if (rank * grownMs > sinceLossMs + AHEAD_MS) return grownMs;
  }
  return undefined;
}

/** When the next attempt is due, since the loss, where no window has a place left for it. */
function beyondFleetMs({ fleetMs }: Windows, sinceLossMs: number): number {
  const toEndMs = fleetMs / FLEET_SHARE - sinceLossMs;
  const leastMs = Math.min(Math.max(BEYOND_SHARE * fleetMs, BEYOND_MS_MIN), BEYOND_MS);
  const farMs = BEYOND_SHARE * Math.min(Math.abs(toEndMs), fleetMs);
  const stepMs = toEndMs < 0 ? Math.min(farMs, LATE_SHARE * sinceLossMs) : farMs;
  return sinceLossMs + Math.max(leastMs, stepMs, LONG_AWAY_SHARE * sinceLossMs);
}

function soonWindowMs({ rank, windowMs }: Loss, { fleetMs }: Windows, sinceLossMs: number): number {
  let grownMs = Math.max(windowMs, fleetMs);
  while (rank * grownMs <= sinceLossMs + SOON_MS) grownMs *= SOON_GROWTH;
  return grownMs;
}

function hurried(state: Reconnect & { phase: 'waiting' }, nowMs: number): Reconnect {
  const { spread, notBeforeMs } = state;
  const windowMs = firstWindowMs(spread.gatewayMs);
  const loss = { ...state.loss, atMs: nowMs, windowMs };
  const soonMs = Math.max(nowMs + loss.rank * windowMs, notBeforeMs);
  if (soonMs >= state.attemptAtMs) return state;
  return { phase: 'waiting', spread, loss, attemptAtMs: soonMs, notBeforeMs };
}

function firstWindowMs(gatewayMs: number): number {
  return Math.max(gatewayMs, WINDOW_MS_MIN);
}

function rankOf(draw: number, inCall: boolean): number {
  return Math.max(inCall ? draw / 4 : draw, RANK_MIN);
}
