/**
 * Fleet: how all doors stand, out of the reports of gateways and the news of the router that decides.
 *
 * The drain is what the slowest of three takes: CPU for everything accepted, and the credits of both kinds for those
 * who wait. Set-ups per second are what was done between the first report heard and the last.
 *
 * Pure. `doors.ts` and `limits.ts` show it.
 */

import type { CreditKind, DoorNews, LimitCounts, LoadReport, WaitingCounts } from '#wire/admission.ts';
import { creditKinds, waitingClasses } from '#wire/admission.ts';

/** What was heard of one gateway. */
export interface Heard {
  readonly first: LoadReport;
  readonly firstAtMs: number;
  readonly last: LoadReport;
  readonly lastAtMs: number;
  readonly news: DoorNews | undefined;
}

export interface DoorState {
  readonly gateway: string;
  readonly url: string | null;
  readonly listening: 'yes' | 'calls only' | 'no' | 'leaving';
  readonly connections: number;
  readonly waiting: WaitingCounts;
  readonly handshakes: number;
  readonly setUpsPerSecond: number;
  readonly setUpsPerSecondMax: number;
  /** It has not worked yet, and only believes that it could. */
  readonly believed: boolean;
  readonly busyShare: number;
  /** Per second; `null`: no ceiling. */
  readonly credits: { readonly [kind in CreditKind]: number | null };
  readonly spread: { readonly gatewayMs: number; readonly fleetMs: number } | null;
  readonly drainMs: number;
  /** No router has told it anything for a while. */
  readonly byItself: boolean;
  readonly silentMs: number;
}

export interface FleetState {
  readonly router: string | null;
  readonly term: number | null;
  readonly ceilings: { readonly [kind in CreditKind]: number | null };
  readonly dryRun: { readonly [kind in CreditKind]: boolean };
  readonly gateways: readonly DoorState[];
  readonly connections: number;
  readonly waiting: number;
  readonly setUpsPerSecond: number;
  readonly setUpsPerSecondMax: number;
  readonly drainMs: number;
}

const WINDOWS_PER_SECOND = 4;

export function fleetState(heard: ReadonlyMap<string, Heard>, nowMs: number): FleetState {
  const gateways = [...heard.values()]
    .map((one) => doorState(one, nowMs))
    .sort((a, b) => (a.url ?? a.gateway).localeCompare(b.url ?? b.gateway));
  const sum = (of: (door: DoorState) => number) => gateways.reduce((all, door) => all + of(door), 0);
  const told = [...heard.values()].flatMap(({ news }) => news ?? []);
  const news = told.toSorted((a, b) => b.term - a.term || b.window - a.window)[0];
  return {
    router: news?.router ?? null,
    term: news?.term ?? null,
    ceilings: ofKinds((kind) => news?.credits?.[kind]?.perSecond ?? null),
    dryRun: ofKinds((kind) => news?.credits?.[kind]?.dryRun === true),
    gateways,
    connections: sum((door) => door.connections),
    waiting: sum(({ waiting }) => waitingOf(waiting)),
    setUpsPerSecond: sum((door) => door.setUpsPerSecond),
    setUpsPerSecondMax: sum((door) => door.setUpsPerSecondMax),
    drainMs: Math.max(0, ...gateways.map(({ drainMs }) => drainMs)),
  };
}

function doorState({ first, firstAtMs, last, lastAtMs, news }: Heard, nowMs: number): DoorState {
  const passedMs = lastAtMs - firstAtMs;
  return {
    gateway: last.gateway,
    url: last.url ?? null,
    listening: listeningOf(last),
    connections: last.connections,
    waiting: last.waiting,
    handshakes: last.handshakes,
    setUpsPerSecond: passedMs > 0 ? (1_000 * (last.setUps - first.setUps)) / passedMs : 0,
    setUpsPerSecondMax: last.setUpsPerSecond,
    believed: last.believed === true,
    busyShare: last.busyShare,
    credits: ofKinds((kind) => perSecond(last, kind)),
    spread:
      last.spread === undefined ? null : { gatewayMs: last.spread.gatewayMs, fleetMs: last.spread.fleetMs },
    drainMs: drainMs(last, news),
    byItself: last.term === undefined,
    silentMs: nowMs - lastAtMs,
  };
}

function listeningOf({ leaving, listening }: LoadReport): DoorState['listening'] {
  if (leaving === true) return 'leaving';
  if (listening.main) return 'yes';
  return listening.call ? 'calls only' : 'no';
}

function perSecond({ credits }: LoadReport, kind: CreditKind): number | null {
  const perWindow = credits?.[kind];
  return perWindow === undefined ? null : WINDOWS_PER_SECOND * perWindow;
}

/** What everybody who is there now still takes. A ceiling that is only tried out holds nobody up. */
function drainMs(report: LoadReport, news: DoorNews | undefined): number {
  const waiting = { fresh: report.waitingFresh, all: waitingOf(report.waiting) };
  const byCredits = creditKinds.map((kind) => {
    const rate = perSecond(report, kind);
    if (rate === null || waiting[kind] === 0 || news?.credits?.[kind]?.dryRun === true) return 0;
    return rate > 0 ? (1_000 * waiting[kind]) / rate : 0;
  });
  return Math.round(Math.max(report.workMs, ...byCredits));
}

export function waitingOf(waiting: WaitingCounts): number {
  return waitingClasses.reduce((all, name) => all + waiting[name], 0);
}

function ofKinds<Value>(of: (kind: CreditKind) => Value): { readonly [kind in CreditKind]: Value } {
  return { fresh: of('fresh'), all: of('all') };
}

/** How many were held up or refused since the gateways began, by cause. */
export function limitedBy(
  heard: ReadonlyMap<string, Heard>,
  which: 'limited' | 'wouldLimit',
): { readonly [cause in keyof LimitCounts]-?: number } {
  const sum = (cause: keyof LimitCounts) =>
    [...heard.values()].reduce((all, { last }) => all + (last[which]?.[cause] ?? 0), 0);
  return {
    fresh: sum('fresh'),
    all: sum('all'),
    perAddress: sum('perAddress'),
    perUser: sum('perUser'),
  };
}
