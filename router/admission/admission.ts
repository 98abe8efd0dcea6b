/**
 * Admission: what one router tells all gateways every 250 ms, out of the loads they report.
 *
 * One router of the fleet does this at a time. All it knows comes from the reports, so another may take over at any
 * time: for the first 3 s it deals no credits, while the gateways go on by themselves.
 *
 * Pure: the state changes with `reported` and `considered` only.
 */

import { CREDIT_WINDOW_MS, deal } from './credits.ts';
import type { Load } from './loads.ts';
import { changedByAQuarter, type SpreadOf, spreads } from './spread.ts';
import { type Move, moves } from './takeover.ts';

export interface AdmissionPolicy {
  /** Set-ups per second that something behind the gateways allows, if there is such a thing. */
  readonly ceilingPerSecond: number | undefined;
  /** The part of a whole set-up that is left once a client is open. */
  readonly setUpShare: number;
}

interface Reporter {
  readonly load: Load;
  readonly atMs: number;
  /** What its clients were told, and when. */
  readonly told: SpreadOf | undefined;
  readonly toldAtMs: number;
}

export interface Admission {
  readonly beganMs: number;
  /** Windows are counted under it: the router's own, higher than that of any before. */
  readonly term: number;
  readonly window: number;
  readonly carried: number;
  /** The most connections of late, and when that was. */
  readonly usual: number;
  readonly usualAtMs: number;
  readonly reporters: ReadonlyMap<string, Reporter>;
}

/** What one gateway is told. */
export interface Told {
  readonly gateway: string;
  readonly credits?: {
    readonly term: number;
    readonly window: number;
    readonly credits: number;
    readonly perSecond: number;
    readonly gateways: number;
  };
  /** Only if its clients are to be told. */
  readonly spread?: SpreadOf;
}

export interface Considered {
  readonly told: readonly Told[];
  readonly moves: readonly Move[];
}

export const CONSIDER_MS = CREDIT_WINDOW_MS;
/** A report counts for this long in windows, weights and moves. */
const FRESH_MS = 3_000;
/** After this a silent gateway is dead: its part of the ceiling goes to the others. */
const FORGOTTEN_MS = 10_000;
const LEARNING_MS = 3_000;
/** Connections that were there count on, falling by half in this time. */
const USUAL_HALVES_MS = 600_000;
/** Telling a hundred thousand clients costs CPU, and a fleet that comes back changes all the time. */
const TELL_AGAIN_MS = 10_000;

export function emptyAdmission(term: number, nowMs: number): Admission {
  const usual = { usual: 0, usualAtMs: nowMs };
  return { beganMs: nowMs, term, window: 0, carried: 0, ...usual, reporters: new Map() };
}

/** A gateway reported its load. */
export function reported(state: Admission, gateway: string, load: Load, nowMs: number): Admission {
  const before = state.reporters.get(gateway);
  const told = { told: before?.told, toldAtMs: before?.toldAtMs ?? Number.NEGATIVE_INFINITY };
  const reporters = new Map(state.reporters).set(gateway, { load, atMs: nowMs, ...told });
  return { ...state, reporters };
}

/** Every 250 ms. */
export function considered(
  state: Admission,
  policy: AdmissionPolicy,
  nowMs: number,
): [Admission, Considered] {
  const known = [...state.reporters].filter(([, { atMs }]) => nowMs - atMs <= FORGOTTEN_MS);
  const fresh = known.filter(([, { atMs }]) => nowMs - atMs <= FRESH_MS);
  const loads = new Map(fresh.map(([gateway, { load }]) => [gateway, load]));
  const usual = usualConnections(state, loads, nowMs);
  const spreadOf = spreads(loads, usual);
  const dealt = credits(state, policy, fresh, known.length - fresh.length, nowMs);
  const reporters = new Map(known);
  const told = fresh.map(([gateway, reporter], i): Told => {
    const spread = spreadOf.get(gateway)!;
    const tells = toTell(reporter, spread, nowMs);
    if (tells) reporters.set(gateway, { ...reporter, told: spread, toldAtMs: nowMs });
    const credits = dealt.told?.[i];
    return { gateway, ...(credits === undefined ? {} : { credits }), ...(tells ? { spread } : {}) };
  });
  const next = { usual, usualAtMs: nowMs, window: state.window + 1, carried: dealt.carried, reporters };
  return [
    { ...state, ...next },
    { told, moves: moves(loads, policy.setUpShare) },
  ];
}

function usualConnections(state: Admission, loads: ReadonlyMap<string, Load>, nowMs: number): number {
  let connections = 0;
  for (const load of loads.values()) connections += load.connections;
  return Math.max(connections, state.usual * 0.5 ** ((nowMs - state.usualAtMs) / USUAL_HALVES_MS));
}

function toTell({ told, toldAtMs }: Reporter, spread: SpreadOf, nowMs: number): boolean {
  if (told === undefined) return true;
  return nowMs - toldAtMs >= TELL_AGAIN_MS && changedByAQuarter(told, spread);
}

function credits(
  { beganMs, term, window, carried }: Admission,
  { ceilingPerSecond }: AdmissionPolicy,
  fresh: readonly (readonly [string, Reporter])[],
  silent: number,
  nowMs: number,
): { readonly told: readonly NonNullable<Told['credits']>[] | undefined; readonly carried: number } {
  if (ceilingPerSecond === undefined || nowMs - beganMs < LEARNING_MS) return { told: undefined, carried: 0 };
  const waiting = fresh.map(([, { load }]) => load.needCredit);
  const dealt = deal(ceilingPerSecond, waiting, silent, carried, window);
  const gateways = fresh.length + silent;
  const each = { term, window, perSecond: ceilingPerSecond, gateways };
  return { told: dealt.credits.map((count) => ({ ...each, credits: count })), carried: dealt.carried };
}
