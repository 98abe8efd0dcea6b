/**
 * Spread: over how long clients come back, told to them while they are connected.
 *
 *     W1 = connections of this gateway / spare set-up rate of the others      one gateway lost
 *     W2 = 0.7 × all connections / set-up rate of the fleet                    all lost
 *
 * Half the fleet lost gives the same W2: half the clients, half the rate. It is less than the whole drain, since
 * a window that was too small grows, and one that was too large leaves the fleet idle. A fleet that is still
 * filling up would tell windows for the few it has; so the connections counted are the most there were of late.
 *
 * Pure. `admission.ts` asks it.
 */

import { type Load, spareSetUpsPerSecond } from './loads.ts';

/** As `wire/messages.ts` tells it to clients. */
export interface SpreadOf {
  readonly gatewayMs: number;
  readonly fleetMs: number;
  readonly gateways?: readonly { readonly url: string; readonly weight: number }[];
}

const FLEET_SHARE = 0.7;
/** No client is told to stay away for longer, whatever was measured. */
export const SPREAD_MS_MAX = 600_000;

/** @param connectionsUsual of the whole fleet; what counts where fewer are connected now. */
export function spreads(
  loads: ReadonlyMap<string, Load>,
  connectionsUsual: number,
): ReadonlyMap<string, SpreadOf> {
  const all = [...loads.values()];
  const connections = Math.max(
    connectionsUsual,
    sum(all, (load) => load.connections),
  );
  const rate = sum(all, (load) => load.setUpsPerSecond);
  const spareOfAll = sum(all, spareSetUpsPerSecond);
  const fleetMs = windowMs(FLEET_SHARE * connections, rate);
  const gateways = weights(all, spareOfAll);
  const told = new Map<string, SpreadOf>();
  for (const [gateway, load] of loads) {
    const spare = spareSetUpsPerSecond(load);
    const usual = spareOfAll > 0 ? (connectionsUsual * spare) / spareOfAll : 0;
    const alone = loads.size === 1;
    const gatewayMs = alone ? fleetMs : windowMs(Math.max(load.connections, usual), spareOfAll - spare);
    told.set(gateway, { gatewayMs, fleetMs, ...(gateways === undefined ? {} : { gateways }) });
  }
  return told;
}

/** Only where every gateway can be reached by itself: a part of them would get the clients of all. */
function weights(all: readonly Load[], spareOfAll: number): SpreadOf['gateways'] {
  if (spareOfAll <= 0) return undefined;
  const places = all.map((load) => ({ url: load.url, weight: spareSetUpsPerSecond(load) / spareOfAll }));
  return places.every((place): place is { url: string; weight: number } => place.url !== undefined)
    ? places.map(({ url, weight }) => ({ url, weight: Math.round(weight * 1e4) / 1e4 }))
    : undefined;
}

function windowMs(clients: number, perSecond: number): number {
  if (clients <= 0) return 0;
  return perSecond > 0 ? Math.min(Math.round((1_000 * clients) / perSecond), SPREAD_MS_MAX) : SPREAD_MS_MAX;
}

function sum(all: readonly Load[], of: (load: Load) => number): number {
  return all.reduce((total, load) => total + of(load), 0);
}

const QUARTER = 0.25;
/** Below this no client's return changes by anything that counts. */
const NEGLIGIBLE_MS = 50;
const NEGLIGIBLE_WEIGHT = 0.005;

/** Whether clients that were told `told` are to be told again. */
export function changedByAQuarter(told: SpreadOf, now: SpreadOf): boolean {
  return (
    farOff(told.gatewayMs, now.gatewayMs, NEGLIGIBLE_MS) ||
    farOff(told.fleetMs, now.fleetMs, NEGLIGIBLE_MS) ||
    weightsFarOff(told.gateways ?? [], now.gateways ?? [])
  );
}

function weightsFarOff(
  told: NonNullable<SpreadOf['gateways']>,
  now: NonNullable<SpreadOf['gateways']>,
): boolean {
  if (told.length !== now.length) return true;
  const before = new Map(told.map(({ url, weight }) => [url, weight]));
  return now.some(({ url, weight }) => {
    const was = before.get(url);
    return was === undefined || farOff(was, weight, NEGLIGIBLE_WEIGHT);
  });
}

function farOff(told: number, now: number, negligible: number): boolean {
  return Math.abs(now - told) >= Math.max(QUARTER * told, negligible);
}
