/**
 * Acts: what is done to the fleet in a storm, and what is seen of it: calm, in which a set-up's cost is measured, and the
 * loss of gateways with the drain after it.
 */

import { quantile } from '../bench/spread.ts';
import { nowMs } from '../swarm/clock.ts';
import type { Episode } from '../swarm/orders.ts';
import { type Look, largestGateway, look, type Stage } from './stage.ts';

/** What the gateways do when clients come back just as fast as they are served. */
export interface Calm {
  /** Processor time of the gateways per set-up, with everything else they do meanwhile. */
  readonly costMicros: number;
  /** The same of routers and NATS. */
  readonly behindMicros: number;
  /** Of the CPU allowed. */
  readonly usedShare: number;
  readonly setUps: number;
  /** What all gateways take with nobody coming, of one core. */
  readonly idleCores: number;
  /** How long frames between those in a call took meanwhile. */
  readonly frames: FrameTimes;
}

/** Both not a number where no frame came. */
export interface FrameTimes {
  readonly medianMs: number;
  readonly p99Ms: number;
}

const LOOK_MS = 250;
const IDLE_MS = 5_000;
/** The end of connections is dealt with within this. */
const ENDED_MS = 3_000;
/** On their way at once, per gateway: so many that none ever waits for a client, and no client for more than a second or two. */
export const AT_ONCE = 128;
const CALM_PART = 0.9;
const CALM_MS_MAX = 180_000;
/** A welcome that lasted so long ends a loss: who is lost earlier goes on with the last. */
export const SETTLE_MS = 12_000;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function untilUp(stage: Stage, msMax: number): Promise<void> {
  const untilMs = performance.now() + msMax;
  // A tally may be as old as this.
  await pause(2 * LOOK_MS);
  while (missing(stage) > 0 && performance.now() < untilMs) await pause(LOOK_MS);
}

/** Who is on the way to where it was sent is not missing. */
function missing({ swarm, options }: Stage): number {
  const { up, sentAway } = swarm.tally();
  return options.sessions - up - sentAway;
}

/**
 * So many lose their connections and come back: the next when one of some at once is in, so that the gateways use all the CPU
 * they may and nobody is refused, gives up or comes in vain. What the end of the old connections takes is not counted:
 * a gateway that dies does not pay for it.
 */
export async function calm(stage: Stage, clients: number): Promise<Calm> {
  const idleCores = await idling(stage);
  await stage.swarm.drop(clients);
  await pause(ENDED_MS);
  await frameTimes(stage);
  const before = look(stage);
  const back = stage.swarm.inTurn(AT_ONCE * stage.gateways().length);
  // Until the last few are on their way, when not every gateway has something to do.
  await untilBack(stage, before.setUps + CALM_PART * clients);
  const after = look(stage);
  const frames = await frameTimes(stage);
  await back;
  const setUps = after.setUps - before.setUps;
  const cores = (after.gateways - before.gateways) / 1_000 / (after.atMs - before.atMs);
  return {
    costMicros: (after.gateways - before.gateways) / setUps,
    behindMicros: (after.behind - before.behind) / setUps,
    usedShare: cores / stage.allowed(),
    setUps,
    idleCores,
    frames,
  };
}

/** Of the frames that came since it was asked last, the newest. */
export async function frameTimes({ swarm }: Pick<Stage, 'swarm'>): Promise<FrameTimes> {
  const { tookMs } = await swarm.ledger();
  if (tookMs.length === 0) return { medianMs: Number.NaN, p99Ms: Number.NaN };
  const sorted = Float64Array.from(tookMs).sort();
  return { medianMs: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
}

async function untilBack({ swarm }: Stage, setUps: number): Promise<void> {
  const untilMs = performance.now() + CALM_MS_MAX;
  while (swarm.tally().welcomed < setUps && performance.now() < untilMs) await pause(LOOK_MS / 5);
}

/** So many come for the first time, evenly. */
export async function ramp(stage: Stage, overMs: number): Promise<readonly Look[]> {
  const looks = [look(stage)];
  let done = false;
  const ramped = stage.swarm.ramp(overMs).then(() => {
    done = true;
  });
  while (!done) {
    await pause(LOOK_MS);
    looks.push(look(stage));
  }
  await ramped;
  return looks;
}

/** What a set-up took of the gateways in the last third of a ramp, idling taken off. */
export function rampCostMicros(looks: readonly Look[], idleCores: number): number {
  const [third, last] = [looks[Math.floor((looks.length * 2) / 3)]!, looks.at(-1)!];
  const micros = last.gateways - third.gateways - 1_000 * idleCores * (last.atMs - third.atMs);
  return micros / Math.max(1, last.setUps - third.setUps);
}

/** What the gateways take while nobody comes, of one core. */
export async function idling(stage: Stage): Promise<number> {
  const before = look(stage);
  await pause(IDLE_MS);
  const after = look(stage);
  return (after.gateways - before.gateways) / 1_000 / (after.atMs - before.atMs);
}

export interface Loss {
  readonly name: string;
  readonly title: string;
  readonly killed: number;
  /** New ones take their place at once; they are held down from when they are ready. */
  readonly replaced: boolean;
  /** Given up after this. */
  readonly msMax: number;
  /** Meanwhile, from when the clients were lost. */
  disturb?(stage: Stage): Promise<void>;
}

/** What was seen in one moment of a drain. */
export interface Sample {
  readonly atMs: number;
  readonly gatewayCores: number;
  readonly behindCores: number;
  readonly swarmCores: number;
  readonly machineIdleCores: number;
  readonly swarmLateMs: number;
  readonly up: number;
  readonly waiting: number;
}

export interface Drain {
  readonly loss: Omit<Loss, 'disturb'>;
  readonly sessions: number;
  readonly gatewaysLeft: number;
  /** Of one core, together. */
  readonly allowedCores: number;
  /** After the mark: when the fleet was there to come back to. */
  readonly returnedMs: number;
  readonly episode: Episode;
  readonly samples: readonly Sample[];
  readonly spreadTold: { readonly gatewayMs: number; readonly fleetMs: number };
  readonly waitsTold: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly bytesBefore: number;
  readonly bytesMax: number;
  readonly door: DoorCounts;
}

/** What the doors of the gateways that are left counted meanwhile. */
export interface DoorCounts {
  /** Connections accepted, those included that were closed at once. */
  readonly arrivals: number;
  readonly dropped: number;
  readonly stops: number;
}

const doorMetrics: { readonly [name in keyof DoorCounts]: string } = {
  arrivals: 'gateway_door_arrivals_total',
  dropped: 'gateway_door_dropped_total',
  stops: 'gateway_door_stops_total',
};

export async function lose(stage: Stage, loss: Loss, progress: (line: string) => void): Promise<Drain> {
  const { swarm, options } = stage;
  const told = swarm.tally();
  const bytesBefore = largestGateway(stage);
  const door = await watchDoors(stage);
  const markMs = await swarm.mark();
  await stage.kill(loss.killed);
  await stage.announce();
  if (loss.replaced) {
    await stage.replace(loss.killed);
    await stage.announce();
  }
  const returnedMs = loss.replaced ? nowMs() - markMs : 0;
  const disturbed = loss.disturb?.(stage);
  const watched = await watch(stage, markMs, loss.msMax, progress);
  await disturbed;
  const after = swarm.tally();
  const { disturb: _, ...plain } = loss;
  return {
    loss: plain,
    sessions: options.sessions,
    gatewaysLeft: stage.gateways().length,
    allowedCores: stage.allowed(),
    returnedMs,
    episode: await swarm.episode(),
    samples: watched.samples,
    spreadTold: told.spread,
    waitsTold: after.waitsTold - told.waitsTold,
    faults: difference(after.faults, told.faults),
    bytesBefore,
    bytesMax: watched.bytesMax,
    door: await door(),
  };
}

/** What they count from now on. */
export async function watchDoors(stage: Stage): Promise<() => Promise<DoorCounts>> {
  const before = await doorCounts(stage);
  return async () => counted(before, await doorCounts(stage));
}

type CountsOfEach = ReadonlyMap<object, DoorCounts>;

async function doorCounts(stage: Stage): Promise<CountsOfEach> {
  const of = async ({ process }: ReturnType<Stage['gateways']>[number]) => {
    const names = Object.keys(doorMetrics) as (keyof DoorCounts)[];
    const counts = names.map(async (name) => [name, await process.metric(doorMetrics[name])] as const);
    return [process, Object.fromEntries(await Promise.all(counts)) as unknown as DoorCounts] as const;
  };
  return new Map(await Promise.all(stage.gateways().map(of)));
}

/** A gateway that is new has counted nothing before. */
function counted(before: CountsOfEach, after: CountsOfEach): DoorCounts {
  const sum = (name: keyof DoorCounts) =>
    [...after].reduce((all, [process, counts]) => all + counts[name] - (before.get(process)?.[name] ?? 0), 0);
  return { arrivals: sum('arrivals'), dropped: sum('dropped'), stops: sum('stops') };
}

/** Until all are back, or for as long as there is. */
async function watch(stage: Stage, markMs: number, msMax: number, progress: (line: string) => void) {
  const { swarm, options } = stage;
  const samples: Sample[] = [];
  let bytesMax = 0;
  let before = look(stage);
  const untilMs = performance.now() + msMax;
  while (performance.now() < untilMs) {
    await pause(LOOK_MS);
    const now = look(stage);
    const tally = swarm.tally();
    samples.push({
      ...between(before, now),
      atMs: nowMs() - markMs,
      swarmLateMs: tally.lateMs,
      up: tally.up,
      waiting: tally.waiting,
    });
    before = now;
    bytesMax = Math.max(bytesMax, largestGateway(stage));
    progress(`${tally.up}/${options.sessions} up, ${tally.waiting} waiting, ${tally.attempts} attempts`);
    if (samples.length > 4 && missing(stage) === 0) break;
  }
  return { samples, bytesMax };
}

function between(before: Look, now: Look): Omit<Sample, 'atMs' | 'swarmLateMs' | 'up' | 'waiting'> {
  const ms = now.atMs - before.atMs;
  // A gateway that died meanwhile takes its time with it.
  const cores = (of: (look: Look) => number) => Math.max(0, of(now) - of(before)) / 1_000 / ms;
  return {
    gatewayCores: cores(({ gateways }) => gateways),
    behindCores: cores(({ behind }) => behind),
    swarmCores: cores(({ swarm }) => swarm),
    machineIdleCores: ((now.machineIdle - before.machineIdle) * 10) / ms,
  };
}

function difference(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const all = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}
