/**
 * Spread: over how long clients come back, told to them while they are connected.
 *
 *     W1 = 1.25 × connections of this gateway / spare set-up rate of the others    one gateway lost
 *     W2 = 0.7 × all connections / set-up rate of the fleet                         all lost
 *
 * Half the fleet lost gives the same W2: half the clients, half the rate. It is less than the whole drain, since
 * a window that was too small grows, and one that was too large leaves the fleet idle. W1 is no more than W2 by the spare
 * rate would be: of two gateways one is half. A fleet that is still filling up would tell windows for the few it has; so the connections counted are
 * the most there were of late.
 *
 * Pure. `admission.ts` asks it.
 */

import { type Load, spareSetUpsPerSecond } from './loads.ts';

export interface Place {
  readonly url: string;
  readonly weight: number;
  readonly priorityUrl?: string;
}

/** As `wire/messages.ts` tells it to clients. */
export interface SpreadOf {
  readonly gatewayMs: number;
  readonly fleetMs: number;
  readonly gateways?: Place[];
}

/** What clients were told; of the weights perhaps only how many there were. */
export interface ToldSpread extends Pick<SpreadOf, 'gatewayMs' | 'fleetMs'> {
  readonly gateways?: readonly Place[] | number;
}

/** No client is told to stay away for longer, or to come back sooner, whatever was measured. */
export interface SpreadBounds {
  readonly msMin: number;
  readonly msMax: number;
}

const FLEET_SHARE = 0.7;
/** A little longer than it takes, so that where all are lost fewer come in the first second, and others stay responsive. */
const GATEWAY_SHARE = 1.25;
/** Every client is told them: so few that they fit into a packet or two. */
export const PLACES_MAX = 32;

/** @param connectionsUsual of the whole fleet; what counts where fewer are connected now. */
export function spreads(
  loads: ReadonlyMap<string, Load>,
  connectionsUsual: number,
  bounds: SpreadBounds,
): ReadonlyMap<string, SpreadOf> {
  const all = [...loads.values()];
  const connections = Math.max(
    connectionsUsual,
    sum(all, (load) => load.connections),
  );
  const rate = sum(all, (load) => (load.leaving === true ? 0 : load.setUpsPerSecond));
  const spareOfAll = sum(all, spareSetUpsPerSecond);
  const fleetMs = windowMs(FLEET_SHARE * connections, rate, bounds);
  const gatewayMsMax = windowMs(FLEET_SHARE * connections, spareOfAll, bounds);
  const places = placesOf(all, spareOfAll);
  const told = new Map<string, SpreadOf>();
  let turn = 0;
  for (const [gateway, load] of loads) {
    const gateways = places && someOf(places, turn++);
    const spare = spareSetUpsPerSecond(load);
    const usual = spareOfAll > 0 ? (connectionsUsual * spare) / spareOfAll : 0;
    const ownMs = windowMs(GATEWAY_SHARE * Math.max(load.connections, usual), spareOfAll - spare, bounds);
    const gatewayMs = loads.size === 1 ? fleetMs : Math.min(ownMs, gatewayMsMax);
    told.set(gateway, { gatewayMs, fleetMs, ...(gateways === undefined ? {} : { gateways }) });
  }
  return told;
}

/** Only where every gateway can be reached by itself: a part of them would get the clients of all. */
function placesOf(all: readonly Load[], spareOfAll: number): SpreadOf['gateways'] {
  if (spareOfAll <= 0) return undefined;
  const places: Place[] = [];
  for (const load of all) {
    const { url, priorityUrl } = load;
    if (url === undefined) return undefined;
    const weight = Math.round((1e4 * spareSetUpsPerSecond(load)) / spareOfAll) / 1e4;
    if (load.leaving !== true)
      places.push({ url, weight, ...(priorityUrl === undefined ? {} : { priorityUrl }) });
  }
  return places.length > 0 ? places : undefined;
}

/** Of a large fleet the clients of each gateway know others, so that together they know each as often. */
function someOf(places: Place[], turn: number): Place[] {
  if (places.length <= PLACES_MAX) return places;
  return Array.from({ length: PLACES_MAX }, (_, i) => places[(turn + i) % places.length]!);
}

function windowMs(clients: number, perSecond: number, { msMin, msMax }: SpreadBounds): number {
  if (clients <= 0) return msMin;
  const drainMs = perSecond > 0 ? Math.round((1_000 * clients) / perSecond) : msMax;
  return Math.min(Math.max(drainMs, msMin), msMax);
}

function sum(all: readonly Load[], of: (load: Load) => number): number {
  return all.reduce((total, load) => total + of(load), 0);
}

const QUARTER = 0.25;
/** Below this no client's return changes by anything that counts. */
const NEGLIGIBLE_MS = 50;
const NEGLIGIBLE_WEIGHT = 0.005;

/** Whether clients that were told `told` are to be told again. */
export function changedByAQuarter(told: ToldSpread, now: SpreadOf): boolean {
  return (
    farOff(told.gatewayMs, now.gatewayMs, NEGLIGIBLE_MS) ||
    farOff(told.fleetMs, now.fleetMs, NEGLIGIBLE_MS) ||
    weightsFarOff(told.gateways ?? 0, now.gateways ?? [])
  );
}

function weightsFarOff(
  told: NonNullable<ToldSpread['gateways']>,
  now: NonNullable<SpreadOf['gateways']>,
): boolean {
  if (typeof told === 'number') return told !== now.length;
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
