/**
 * Reconnect: when a client that lost its flow tries again, so that all clients that lost theirs come back as
 * evenly as the service can take them, and nobody who may come at once is made to wait.
 *
 * Nobody can tell a client anything after a crash, so the service tells before: over W1 (`gatewayMs`) the
 * clients of one lost gateway come back, over W2 (`fleetMs`) those of a lost fleet. A client draws one random
 * rank u per loss and keeps it over all attempts, so that a window that grows never brings two clients to the
 * same place twice. Attempt 0 stands at u·W1. An attempt that fails shows that W was too small: it grows, by
 * 3 up to W2 and by 1.15 beyond, until u·W lies ahead. Rank and window start afresh only after a welcome that
 * stayed up. Who is in a call takes u/4, and tries at once.
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
/**
 * How far ahead the next attempt lies at least, once the window is larger than that of the fleet; or W2 / 10, if that is
 * more. Each refusal costs the service a hundredth of a set-up, and a gateway has more work than this
 * before it stops to listen, so it does not run dry meanwhile.
 */
const BEYOND_FLEET_MS = 2_500;
/** The same after a welcome, since the service had room a moment ago, and for the few who are in a call. */
const SOON_MS = 500;
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
      return state.phase === 'trying' ? retried(state, nowMs, event.afterMs, beyondFleetMs(state)) : state;
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
    return retried(state, nowMs, undefined, SOON_MS);
  }
  const { inCall } = event;
  const rank = stayedUp ? rankOf(draw(), inCall) : state.loss.rank;
  const firstMs = event.withinMs ?? (inCall ? 0 : spread.gatewayMs);
  const loss = { atMs: nowMs, rank, inCall, windowMs: firstWindowMs(event.withinMs ?? spread.gatewayMs) };
  return { phase: 'waiting', spread, loss, attemptAtMs: nowMs + rank * firstMs, notBeforeMs: nowMs };
}

function retried(state: Reconnect, nowMs: number, afterMs: number | undefined, beyondMs: number): Reconnect {
  const { spread, loss } = state;
  const windowMs = grownWindowMs(loss, spread.fleetMs, nowMs, beyondMs);
  const notBeforeMs = afterMs === undefined ? nowMs : nowMs + afterMs * (1 + loss.rank / 4);
  const attemptAtMs = Math.max(loss.atMs + loss.rank * windowMs, notBeforeMs);
  return { phase: 'waiting', spread, loss: { ...loss, windowMs }, attemptAtMs, notBeforeMs };
}

function sentOn({ spread, loss }: Reconnect, attemptAtMs: number): Reconnect {
  return { phase: 'waiting', spread, loss, attemptAtMs, notBeforeMs: attemptAtMs };
}

function beyondFleetMs({ spread, loss }: Reconnect): number {
  return loss.inCall ? SOON_MS : Math.max(BEYOND_FLEET_MS, spread.fleetMs / 10);
}

/** The next window in which this rank still lies ahead. */
function grownWindowMs(
  { atMs, rank, windowMs }: Loss,
  fleetMs: number,
  nowMs: number,
  beyondMs: number,
): number {
  const sinceLossMs = nowMs - atMs;
  let grownMs = windowMs;
  do {
    grownMs = grownMs < fleetMs ? Math.min(3 * grownMs, fleetMs) : 1.15 * grownMs;
  } while (rank * grownMs <= sinceLossMs + (grownMs > fleetMs ? beyondMs : 100));
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
