/**
 * Taking over: a gateway that is nearly done gets waiting clients of one that has much to do.
 *
 * Chance gives some gateways more clients than others, and a balancer may not know which are slow. A gateway with
 * less than 0.5 s of work takes clients from one with more than 1.1 s, until the one has 0.8 s or the
 * other is down to 1.1 s. Whoever is moved shakes hands again, so each client is moved once at most; the gateway that gives
 * it up sees to that.
 *
 * Pure. `admission.ts` asks it.
 */

import type { Load } from './loads.ts';

export interface Move {
  readonly from: string;
  readonly to: string;
  readonly clients: number;
}

export const TAKES_BELOW_MS = 500;
export const GIVES_ABOVE_MS = 1_100;
const FILLED_MS = 800;

/** @param setUpShare the part of a whole set-up that is left once a client is open. */
export function moves(loads: ReadonlyMap<string, Load>, setUpShare: number): Move[] {
  const takers = [...loads].filter(([, load]) => mayTake(load));
  takers.sort(([, a], [, b]) => a.workMs - b.workMs);
  const givers = [...loads]
    .filter(([, load]) => load.workMs > GIVES_ABOVE_MS && load.movable > 0 && load.setUpsPerSecond > 0)
    .sort(([, a], [, b]) => b.workMs - a.workMs)
    .map(([from, load]) => ({ from, left: clientsToGive(load, setUpShare) }));
  const planned: Move[] = [];
  for (const [to, load] of takers) {
    let room = Math.floor(((FILLED_MS - load.workMs) * load.setUpsPerSecond) / 1_000);
    for (const giver of givers) {
      const clients = Math.min(room, giver.left);
      if (clients <= 0) continue;
      planned.push({ from: giver.from, to, clients });
      giver.left -= clients;
      room -= clients;
    }
  }
  return planned;
}

/** Whoever is sent on needs an address to go to. */
function mayTake({ workMs, setUpsPerSecond, url, leaving }: Load): boolean {
  return workMs < TAKES_BELOW_MS && setUpsPerSecond > 0 && url !== undefined && leaving !== true;
}

function clientsToGive({ workMs, setUpsPerSecond, movable }: Load, setUpShare: number): number {
  const aboveMs = workMs - GIVES_ABOVE_MS;
  return Math.min(movable, Math.floor((aboveMs * setUpsPerSecond) / 1_000 / setUpShare));
}
