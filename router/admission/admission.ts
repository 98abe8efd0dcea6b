/**
 * Admission: what one router tells all gateways every 250 ms, out of the loads they report.
 *
 * One router of the fleet does this at a time, and all routers hear all reports; so whoever takes over knows what
 * the one before knew: `watched` keeps that up to date, `takenUp` begins to count under a new term. A router that has
 * listened for less than 3 s decides nothing, and the gateways go on by themselves.
 *
 * Pure: the state changes with these functions only.
 */

import { CREDIT_WINDOW_MS, deal } from './credits.ts';
import { type Load, likeThoseMeasured, type SpreadStanding } from './loads.ts';
import { sheds } from './rebalance.ts';
import { changedByAQuarter, type SpreadBounds, type SpreadOf, spreads, type ToldSpread } from './spread.ts';
import { type Move, moves } from './takeover.ts';

/** Set-ups per second that something behind the gateways allows: for clients with a token, for all. */
export interface Ceilings {
  readonly fresh: number | undefined;
  readonly all: number | undefined;
}
export type CeilingKind = keyof Ceilings;

export interface AdmissionPolicy {
  readonly ceilings: Ceilings;
  /** The part of a whole set-up that is left once a client is open. */
  readonly setUpShare: number;
  readonly spread: SpreadBounds;
  /** Whether gateways that hold more than their part shed idle sessions. */
  readonly rebalance: boolean;
}

interface Reporter {
  readonly load: Load;
  readonly atMs: number;
  /** What its clients were told, and when. */
  readonly told: ToldSpread | undefined;
  readonly toldAtMs: number;
  /** When it was last asked to send clients on, or was to get some. */
  readonly movedAtMs: number;
}

export interface Admission {
  /** Since when all reports were heard. */
  readonly beganMs: number;
  /** Windows are counted under it: the router's own, higher than that of any before. */
  readonly term: number;
  readonly window: number;
  readonly carried: { readonly fresh: number; readonly all: number };
  /** The most connections of late, and when that was. */
  readonly usual: number;
  readonly usualAtMs: number;
  readonly reporters: ReadonlyMap<string, Reporter>;
}

interface Dealt {
  readonly credits: number;
  readonly perSecond: number;
}

/** What one gateway is told. */
export interface Told {
  readonly gateway: string;
  /** Absent while the router is learning. A kind that is absent has no ceiling. */
  readonly credits?: { readonly gateways: number; readonly fresh?: Dealt; readonly all?: Dealt };
  /** Only if its clients are to be told. */
  readonly spread?: SpreadOf;
  /** Idle sessions it is to close, since it holds more than its part. */
  readonly shed?: number;
}

export interface Considered {
  readonly term: number;
  readonly window: number;
  readonly told: readonly Told[];
  readonly moves: readonly Move[];
}

export const CONSIDER_MS = CREDIT_WINDOW_MS;
/** A report counts for this long in windows, weights and moves. */
const FRESH_MS = 3_000;
/** After this a silent gateway is dead: its part of the ceiling goes to the others. */
const FORGOTTEN_MS = 10_000;
export const LEARNING_MS = 3_000;
/** Connections that were there count on, falling by half in this time. */
const USUAL_HALVES_MS = 600_000;
/** Telling a hundred thousand clients costs CPU, and a fleet that comes back changes all the time. */
const TELL_AGAIN_MS = 10_000;
/** A report that was under way may not know yet what was told. */
const TOLD_IS_REPORTED_MS = 1_000;

const nothingCarried = { fresh: 0, all: 0 };

export function emptyAdmission(term: number, nowMs: number): Admission {
  const usual = { usual: 0, usualAtMs: nowMs };
  return { beganMs: nowMs, term, window: 0, carried: nothingCarried, ...usual, reporters: new Map() };
}

/** Gateways reported their loads. */
export function reported(state: Admission, loads: ReadonlyMap<string, Load>, nowMs: number): Admission {
  if (loads.size === 0) return state;
  const reporters = new Map(state.reporters);
  for (const [gateway, load] of loads) {
    const before = reporters.get(gateway);
    const toldAtMs = before?.toldAtMs ?? Number.NEGATIVE_INFINITY;
    const movedAtMs = before?.movedAtMs ?? Number.NEGATIVE_INFINITY;
    const saysSo = nowMs - toldAtMs >= TOLD_IS_REPORTED_MS ? load.spread : undefined;
    reporters.set(gateway, { load, atMs: nowMs, told: standing(before?.told, saysSo), toldAtMs, movedAtMs });
  }
  return { ...state, reporters };
}

/** What its clients know: a gateway that began anew, or did not hear, knows better than who told it. */
function standing(
  told: ToldSpread | undefined,
  said: SpreadStanding | 'none' | undefined,
): ToldSpread | undefined {
  if (said === undefined) return told;
  if (said === 'none') return undefined;
  const { gatewayMs, fleetMs, gateways } = said;
  if (told?.gatewayMs !== gatewayMs || told.fleetMs !== fleetMs) return said;
  const count = typeof told.gateways === 'number' ? told.gateways : told.gateways?.length;
  return count === gateways ? told : said;
}

/** Every 250 ms, by the router that decides. */
export function considered(
  state: Admission,
  policy: AdmissionPolicy,
  nowMs: number,
): [Admission, Considered] {
  const { term, window } = state;
  const { next, known, fresh, loads } = lookedAt(state, nowMs);
  if (nowMs - state.beganMs < LEARNING_MS) {
    const told = fresh.map(([gateway]): Told => ({ gateway }));
    return [
      { ...next, window: window + 1, carried: nothingCarried },
      { term, window, told, moves: [] },
    ];
  }
  const spreadOf = spreads(loads, next.usual, policy.spread);
  const dealt = credits(state, policy, fresh, known.length - fresh.length);
  const reporters = new Map(next.reporters);
  const shedBy =
    policy.rebalance && known.length === fresh.length ? sheds(loads, window, CONSIDER_MS) : undefined;
  const told = fresh.map(([gateway, reporter], i): Told => {
    const spread = spreadOf.get(gateway)!;
    const tells = toTell(reporter, spread, nowMs);
    if (tells) reporters.set(gateway, { ...reporter, told: spread, toldAtMs: nowMs });
    const shed = shedBy?.get(gateway);
    return {
      ...{ gateway, credits: dealt.told[i]! },
      ...(tells ? { spread } : {}),
      ...(shed === undefined ? {} : { shed }),
    };
  });
  const planned = moves(heardSinceMoved(fresh, loads), policy.setUpShare);
  for (const gateway of new Set(planned.flatMap(({ from, to }) => [from, to])))
    reporters.set(gateway, { ...reporters.get(gateway)!, movedAtMs: nowMs });
  return [
    { ...next, window: window + 1, carried: dealt.carried, reporters },
    { term, window, told, moves: planned },
  ];
}

/** A report of before says nothing of those who were moved: a gateway that is slow to report would give the same ones twice. */
function heardSinceMoved(fresh: Fresh, loads: ReadonlyMap<string, Load>): ReadonlyMap<string, Load> {
  const heard = fresh.filter(([, { atMs, movedAtMs }]) => atMs >= movedAtMs);
  return new Map(heard.map(([gateway]) => [gateway, loads.get(gateway)!]));
}

/** Every 250 ms, by the routers that do not decide. */
export function watched(state: Admission, nowMs: number): Admission {
  return lookedAt(state, nowMs).next;
}

/** From here on this router decides. */
export function takenUp(state: Admission, term: number): Admission {
  return { ...state, term, window: 0, carried: nothingCarried };
}

/** For a while nothing could be heard. */
export function deafened(state: Admission, nowMs: number): Admission {
  return { ...state, beganMs: nowMs };
}

export interface FleetView {
  /** Of gateways heard of late. */
  readonly loads: ReadonlyMap<string, Load>;
  /** Gateways that were heard a while ago, and are not taken for dead yet. */
  readonly silent: number;
}

export function fleetView(state: Admission, nowMs: number): FleetView {
  const { known, loads } = lookedAt(state, nowMs);
  return { loads, silent: known.length - loads.size };
}

function lookedAt(state: Admission, nowMs: number) {
  const known = [...state.reporters].filter(
    ([, { atMs, load }]) => nowMs - atMs <= (load.leaving === true ? FRESH_MS : FORGOTTEN_MS),
  );
  const fresh = known.filter(([, { atMs }]) => nowMs - atMs <= FRESH_MS);
  const loads = likeThoseMeasured(new Map(fresh.map(([gateway, { load }]) => [gateway, load])));
  const usual = usualConnections(state, loads, nowMs);
  const next: Admission = { ...state, usual, usualAtMs: nowMs, reporters: new Map(known) };
  return { next, known, fresh, loads };
}

function usualConnections(state: Admission, loads: ReadonlyMap<string, Load>, nowMs: number): number {
  let connections = 0;
  for (const load of loads.values()) connections += load.connections;
  return Math.max(connections, state.usual * 0.5 ** ((nowMs - state.usualAtMs) / USUAL_HALVES_MS));
}

function toTell({ told, toldAtMs }: Reporter, spread: SpreadOf, nowMs: number): boolean {
  if (told === undefined) return nowMs - toldAtMs >= TOLD_IS_REPORTED_MS;
  return nowMs - toldAtMs >= TELL_AGAIN_MS && changedByAQuarter(told, spread);
}

type Fresh = readonly (readonly [string, Reporter])[];

function credits(
  { carried, window }: Admission,
  { ceilings }: AdmissionPolicy,
  fresh: Fresh,
  silent: number,
): { readonly told: readonly NonNullable<Told['credits']>[]; readonly carried: Admission['carried'] } {
  const gateways = fresh.length + silent;
  const dealtOf = (kind: CeilingKind, waiting: (load: Load) => number) => {
    const perSecond = ceilings[kind];
    if (perSecond === undefined) return undefined;
    const all = fresh.map(([, { load }]) => waiting(load));
    return { perSecond, ...deal(perSecond, all, silent, carried[kind], window) };
  };
  const ofFresh = dealtOf('fresh', (load) => load.waitingFresh);
  const ofAll = dealtOf('all', (load) => load.waiting);
  const told = fresh.map((_, i) => ({
    gateways,
    ...(ofFresh && { fresh: { credits: ofFresh.credits[i]!, perSecond: ofFresh.perSecond } }),
    ...(ofAll && { all: { credits: ofAll.credits[i]!, perSecond: ofAll.perSecond } }),
  }));
  return { told, carried: { fresh: ofFresh?.carried ?? 0, all: ofAll?.carried ?? 0 } };
}
