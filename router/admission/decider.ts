/**
 * Decider: hears what all gateways report, and tells them what follows while this router is the one that decides.
 *
 *     loads ──▶ reports ──every 250 ms──▶ admission (pure) ──▶ door.<gateway>
 *     settings: limits ──▶ ceilings
 *
 * The router that holds partition 0 decides, under the term of that lease; the others keep what they hear, so that
 * each of them can go on in its place. Nothing is answered or repeated: a gateway that missed news says so by its
 * next report.
 */

import type { Bus } from '#bus/seams.ts';
import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import {
  type DoorNews,
  encodeAdmission,
  LIMITS_KEY,
  type Limits,
  type LoadReport,
  readLimits,
  readLoadReport,
  type Unreadable,
} from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';
import type { RouterOptions } from '../config.ts';
import type { RouterMetrics } from '../metrics.ts';
import {
  type Admission,
  CONSIDER_MS,
  type Considered,
  considered,
  deafened,
  emptyAdmission,
  fleetView,
  reported,
  type Told,
  takenUp,
  watched,
} from './admission.ts';
import { countReport, showFleet } from './fleet-metrics.ts';
import { type CeilingsInForce, ceilingsInForce, configuredLimits } from './limits.ts';
import type { Load } from './loads.ts';

export interface DeciderDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: RouterOptions;
  readonly metrics: RouterMetrics;
  readonly router: string;
  /** The term under which this router decides; `undefined`: another one does. */
  term(): number | undefined;
}

/** Gateways that may report; further ones are counted and not heard. */
const GATEWAYS_MAX = 10_000;
/** A turn this late means that the process stood still, and heard nobody. */
const STALL_MS = 1_000;
/** Of a whole set-up, the part left once a client is open: what `npm run bench` measures with TLS at the gateway. */
const SET_UP_SHARE = 0.37;

interface State extends DeciderDeps {
  readonly configured: Limits;
  admission: Admission;
  /** The last report of each gateway that is known. */
  readonly reports: Map<string, LoadReport>;
  /** Loads that came since the last turn. */
  loads: Map<string, Load>;
  limits: Limits;
  limitsRevision: number;
  inForce: CeilingsInForce;
  deciding: boolean;
  turnAtMs: number;
}

/** Hears and decides until it is cancelled. */
export function startDecider(deps: DeciderDeps): Cancel {
  const { bus, clock, config } = deps;
  const nowMs = clock.monotonicMs();
  const configured = configuredLimits(config);
  const state: State = {
    ...deps,
    configured,
    admission: emptyAdmission(0, nowMs),
    ...{ reports: new Map(), loads: new Map() },
    ...{ limits: {}, limitsRevision: 0, inForce: ceilingsInForce(configured, {}) },
    ...{ deciding: false, turnAtMs: nowMs },
  };
  const cancels = [
    bus.post.subscribe(LOADS_SUBJECT, (data) => hear(state, data)),
    bus.settings.watch({
      entry: ({ key, value, revision }) => key === LIMITS_KEY && limitsChanged(state, value, revision),
      ready: () => undefined,
    }),
    bus.post.watchConnection((connected) => connected && forgetWhen(state)),
    clock.every(CONSIDER_MS, () => turn(state)),
  ];
  return () => {
    for (const cancel of cancels) cancel();
  };
}

// Hearing.

function hear(state: State, data: Uint8Array): void {
  const { metrics, reports } = state;
  const report = readLoadReport(data);
  if (typeof report === 'string') return refuse(state, report);
  const before = reports.get(report.gateway);
  if (before === undefined && reports.size >= GATEWAYS_MAX) return refuse(state, 'TOO_MANY');
  countReport(metrics, before, report);
  reports.set(report.gateway, report);
  state.loads.set(report.gateway, loadOf(report));
}

function refuse({ metrics }: State, reason: Unreadable | 'TOO_MANY'): void {
  metrics.reportsRefused.inc({ reason: reason.toLowerCase().replace('_', '-') });
}

function loadOf(report: LoadReport): Load {
  const { waiting } = report;
  return {
    connections: report.connections,
    setUpsPerSecond: report.setUpsPerSecond,
    believed: report.believed === true,
    busyShare: report.busyShare,
    workMs: report.workMs,
    waiting: waiting.call + waiting.stock + waiting.resume + waiting.fresh + waiting.pretender,
    waitingFresh: report.waitingFresh,
    movable: report.movable,
    url: report.url,
    priorityUrl: report.priorityUrl,
    leaving: report.leaving === true,
    spread: report.spread ?? 'none',
  };
}

function limitsChanged(state: State, value: Uint8Array | undefined, revision: number): void {
  const read = value === undefined ? { limits: {} } : readLimits(value);
  if (typeof read === 'string') {
    refuse(state, read);
    state.log.warn({ event: 'limits.unreadable', revision }, 'limits cannot be read; those before stay');
    return;
  }
  state.limits = read.limits;
  state.limitsRevision = revision;
  state.inForce = ceilingsInForce(state.configured, read.limits);
  state.log.info({ event: 'limits.changed', revision, limits: read.limits }, 'an operator set limits');
}

/** What was not heard meanwhile is not known: gateways may have come and gone. */
function forgetWhen(state: State): void {
  state.admission = deafened(state.admission, state.clock.monotonicMs());
}

// Deciding.

function turn(state: State): void {
  const { clock, metrics } = state;
  const nowMs = clock.monotonicMs();
  if (nowMs - state.turnAtMs > STALL_MS) forgetWhen(state);
  state.turnAtMs = nowMs;
  state.admission = reported(state.admission, state.loads, nowMs);
  state.loads = new Map();
  const term = state.term();
  if (term === undefined) state.admission = watched(state.admission, nowMs);
  else decide(state, term, nowMs);
  showDeciding(state, term !== undefined);
  for (const gateway of state.reports.keys()) {
    if (!state.admission.reporters.has(gateway)) state.reports.delete(gateway);
  }
  showFleet(metrics, fleetView(state.admission, nowMs), state.reports);
}

function decide(state: State, term: number, nowMs: number): void {
  const { config, inForce } = state;
  const { ADMISSION_SPREAD_MS_MIN: msMin, ADMISSION_SPREAD_MS_MAX: msMax } = config;
  const policy = {
    ...{ ceilings: inForce.ceilings, setUpShare: SET_UP_SHARE, spread: { msMin, msMax } },
    rebalance: config.ADMISSION_REBALANCE,
  };
  if (state.admission.term !== term) state.admission = takenUp(state.admission, term);
  const [next, verdict] = considered(state.admission, policy, nowMs);
  state.admission = next;
  for (const told of verdict.told) tell(state, told, verdict);
}

function tell(state: State, told: Told, verdict: Considered): void {
  const { bus, router } = state;
  const { gateway, spread, shed } = told;
  const moves = movesFrom(state, gateway, verdict);
  const limits = limitsFor(state, gateway);
  const credits = creditsOf(state, told);
  const news: DoorNews = {
    ...{ v: NODE_VERSION, router, term: verdict.term, window: verdict.window },
    ...(credits && { credits }),
    ...(spread && { spread }),
    ...(moves.length > 0 && { moves }),
    ...(shed !== undefined && { shed }),
    ...(limits && { limits }),
  };
  if (bus.post.publish(doorSubject(gateway), encodeAdmission(news))) count(state, news);
}

function creditsOf({ inForce }: State, { credits }: Told): DoorNews['credits'] {
  if (credits === undefined) return undefined;
  const { gateways, fresh, all } = credits;
  const { dryRun } = inForce;
  return {
    gateways,
    ...(fresh && { fresh: { ...fresh, ...(dryRun.fresh && { dryRun: true as const }) } }),
    ...(all && { all: { ...all, ...(dryRun.all && { dryRun: true as const }) } }),
  };
}

function movesFrom(
  { reports }: State,
  gateway: string,
  { moves }: Considered,
): { url: string; clients: number }[] {
  return moves
    .filter(({ from }) => from === gateway)
    .flatMap(({ to, clients }) => {
      const url = reports.get(to)?.url;
      return url === undefined ? [] : [{ url, clients }];
    });
}

/** What is not a ceiling each gateway holds to by itself, so it has to know it. */
function limitsFor({ reports, limits, limitsRevision }: State, gateway: string): DoorNews['limits'] {
  if (reports.get(gateway)?.limits === limitsRevision) return undefined;
  const { perAddress, perUser } = limits;
  return { revision: limitsRevision, ...(perAddress && { perAddress }), ...(perUser && { perUser }) };
}

// Counting.

function count({ metrics }: State, { credits, spread, moves, shed }: DoorNews): void {
  for (const kind of ['fresh', 'all'] as const) {
    const dealt = credits?.[kind];
    if (dealt !== undefined) metrics.credits.inc({ kind }, dealt.credits);
  }
  if (spread !== undefined) {
    metrics.spreadsTold.inc();
    metrics.spreadSeconds.set({ window: 'gateway' }, spread.gatewayMs / 1_000);
    metrics.spreadSeconds.set({ window: 'fleet' }, spread.fleetMs / 1_000);
  }
  for (const { clients } of moves ?? []) metrics.moves.inc(clients);
  if (shed !== undefined) metrics.sheds.inc(shed);
}

function showDeciding(state: State, deciding: boolean): void {
  const { metrics, inForce, admission } = state;
  metrics.deciding.set(deciding ? 1 : 0);
  for (const kind of ['fresh', 'all'] as const) metrics.ceiling.set({ kind }, inForce.ceilings[kind] ?? 0);
  if (deciding === state.deciding) return;
  state.deciding = deciding;
  const { log } = state;
  if (deciding)
    log.info({ event: 'admission.taken', term: admission.term }, 'this router decides on admission');
  else log.info({ event: 'admission.left', term: admission.term }, 'another router decides on admission');
}
