/**
 * Rebalance: how many idle sessions a gateway sheds that holds more than its part, so that they come back elsewhere.
 *
 * After a rolling restart the gateway that was replaced last is nearly empty, and after scaling out the new one is. No
 * balancer moves what is connected. So a gateway more than a tenth above its part closes sessions that are idle, a fiftieth of
 * them in a second at most, and only while nobody waits anywhere. Where each gateway has an address of its own, its part is
 * by what it can set up, as clients choose by these weights; behind one address all parts are even.
 *
 * Pure. `admission.ts` asks it.
 */

import { type Load, spareSetUpsPerSecond } from './loads.ts';

/** Sessions to shed in this window, by gateway; those that shed none are left out. */
export type Sheds = ReadonlyMap<string, number>;

/** Below this a gateway is as full as chance makes it. */
export const SHEDS_ABOVE = 1.1;
const SHEDS_DOWN_TO = 1.05;
const SHEDS_FROM = 20;
/** Of its sessions, in a second. */
const SHARE_PER_SECOND = 0.02;
/** Of what the fleet can set up beside its other work; the rest stays for who comes by himself. */
const SPARE_SHARE = 0.1;
/** Work that others would have to wait for. */
const CALM_MS = 200;

const none: Sheds = new Map();

/** @param window runs on by one, so that parts of a session add up over windows. */
export function sheds(loads: ReadonlyMap<string, Load>, window: number, windowMs: number): Sheds {
  const staying = [...loads].filter(([, load]) => load.leaving !== true);
  if (staying.length < 2 || staying.length < loads.size || !staying.every(([, load]) => calm(load)))
    return none;
  const partOf = parts(staying.map(([, load]) => load));
  const wanted = staying.flatMap(([gateway, load], i) => {
    const perSecond = shedPerSecond(load, partOf[i]!);
    return perSecond > 0 ? [{ gateway, perSecond }] : [];
  });
  const spare = staying.reduce((sum, [, load]) => sum + spareSetUpsPerSecond(load), 0) * SPARE_SHARE;
  const asked = wanted.reduce((sum, { perSecond }) => sum + perSecond, 0);
  const granted = Math.min(1, spare / asked);
  const now = wanted.map(({ gateway, perSecond }) => {
    const each = (perSecond * granted * windowMs) / 1_000;
    return [gateway, Math.floor((window + 1) * each) - Math.floor(window * each)] as const;
  });
  return new Map(now.filter(([, sessions]) => sessions > 0));
}

/** Nobody waits, and nobody is about to. */
function calm({ waiting, workMs }: Load): boolean {
  return waiting === 0 && workMs < CALM_MS;
}

/** What each would hold if all had come anew. */
function parts(loads: readonly Load[]): readonly number[] {
  const connections = loads.reduce((sum, load) => sum + load.connections, 0);
  const byWeight = loads.every(({ url }) => url !== undefined);
  const weights = loads.map((load) => (byWeight ? spareSetUpsPerSecond(load) : 1));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (all > 0 ? (connections * weight) / all : connections / loads.length));
}

function shedPerSecond({ connections }: Load, part: number): number {
  if (connections <= SHEDS_ABOVE * part || connections - part < SHEDS_FROM) return 0;
  return Math.min(connections - SHEDS_DOWN_TO * part, connections * SHARE_PER_SECOND);
}
