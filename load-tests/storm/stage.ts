/**
 * Stage: gateways held down by a quota, routers, NATS and a swarm, and what each of them is seen to use.
 */

import { readFileSync } from 'node:fs';
import { freePorts } from '#test/harness/free-ports.ts';
import type { Environment, ServiceProcess } from '#test/harness/process.ts';
import { cpuMicros } from '../bench/proc.ts';
import type { GatewayPlaces, Timing } from '../swarm/orders.ts';
import { placeAt, type Scene, startScene } from '../swarm/scene.ts';
import { type Swarm, type SwarmOptions, startSwarm } from '../swarm/swarm.ts';
import { type Held, openQuota, type Quota } from './quota.ts';

export interface StageOptions {
  readonly sessions: number;
  readonly gateways: number;
  readonly routers: number;
  readonly tls: boolean;
  readonly pairs: number;
  readonly timing: Timing;
  readonly seed: number;
  readonly secret: string;
  readonly env: Environment;
}

/** Another crowd beside the swarm. */
export type Guests = Pick<
  SwarmOptions,
  'sessions' | 'timing' | 'greeting' | 'replay' | 'atPriority' | 'perAddress'
> &
  Partial<Pick<SwarmOptions, 'pairs' | 'frameEveryMs'>>;

export interface GatewayOnStage {
  readonly process: ServiceProcess;
  readonly priorityPort: number;
  held: Held | undefined;
}

export interface Stage {
  readonly options: StageOptions;
  readonly scene: Scene;
  readonly swarm: Swarm;
  gateways(): readonly GatewayOnStage[];
  /** From now on every gateway, those that come later as well, has this part of a core. */
  holdDown(share: number): void;
  letGo(): void;
  /** Of one core, of all gateways that run. */
  allowed(): number;
  /** The newest: those that are left have done the most. */
  kill(count: number): Promise<void>;
  /** So many new ones, held down once they are ready. */
  replace(count: number): Promise<void>;
  /** Another crowd that comes to the same gateways. */
  invite(options: Guests): Promise<Swarm>;
  dismiss(guests: Swarm): void;
  /** The clients find the gateways that run, from now on. */
  announce(): Promise<void>;
  stop(): Promise<void>;
}

/** One frame of each client in a call per so long. */
export const FRAME_EVERY_MS = 20_000;
/** Number of the first client of another crowd, and how far they are apart: none has the addresses of one before. */
const GUESTS = 1_000_000;
const GUESTS_APART = 50_000;
/** A core so slow holds its idle sessions as a fast one would: the slower, the rarer they ask. */
const PING_MS = 600_000;
const IDLE_MS = 960_000;

export async function startStage(options: StageOptions): Promise<Stage> {
  const { gateways, routers, tls, secret } = options;
  const ports = [...(await freePorts(6 * gateways))];
  const priorityPorts = new Map<string, number>();
  const quota = openQuota();
  const scene = await startScene({
    ...{ gateways, routers, tls, secret },
    env: { GATEWAY_PING_MS: String(PING_MS), GATEWAY_IDLE_MS: String(IDLE_MS), ...options.env },
    envOf(name) {
      const port = ports.pop()!;
      priorityPorts.set(name, port);
      return name.startsWith('gateway') ? { GATEWAY_PRIORITY_PORT: String(port) } : {};
    },
  });
  try {
    const { sessions, pairs, timing, seed } = options;
    const swarm = await startSwarm({
      sessions,
      tls,
      secret,
      timing,
      pairs,
      frameEveryMs: FRAME_EVERY_MS,
      seed,
    });
    const stage = assembled(options, scene, swarm, quota, priorityPorts);
    await stage.announce();
    return stage;
  } catch (error) {
    await scene.stop();
    throw error;
  }
}

function assembled(
  options: StageOptions,
  scene: Scene,
  swarm: Swarm,
  quota: Quota,
  priorityPorts: ReadonlyMap<string, number>,
): Stage {
  const { fleet } = scene;
  let share: number | undefined;
  const crowds = [swarm];
  let invited = 0;
  const known = new Map<ServiceProcess, GatewayOnStage>();
  const gateways = () =>
    fleet.gateways
      .filter(({ running }) => running)
      .map((process) => {
        const one = known.get(process) ?? {
          process,
          priorityPort: priorityPorts.get(process.name)!,
          held: undefined,
        };
        known.set(process, one);
        return one;
      });
  const hold = () => {
    if (share === undefined) return;
    for (const one of gateways()) {
      if (one.held?.share === share) continue;
      one.held?.release();
      one.held = quota.hold(one.process.pid, share);
    }
  };
  return {
    options,
    scene,
    swarm,
    gateways,
    holdDown(wanted) {
      share = wanted;
      hold();
    },
    letGo() {
      share = undefined;
      for (const one of gateways()) {
        one.held?.release();
        one.held = undefined;
      }
    },
    allowed: () => gateways().reduce((sum, { held }) => sum + (held?.share ?? 1), 0),
    async kill(count) {
      await Promise.all(
        gateways()
          .slice(gateways().length - count)
          .map(({ process }) => process.kill()),
      );
    },
    async replace(count) {
      const added = await Promise.all(Array.from({ length: count }, () => fleet.addGateway()));
      await Promise.all(added.map((one) => one.ready(60_000)));
      hold();
    },
    async invite(its) {
      const { tls, secret } = options;
      const guests = await startSwarm({
        ...its,
        tls,
        secret,
        first: GUESTS + GUESTS_APART * invited++,
        pairs: its.pairs ?? 0,
        frameEveryMs: its.frameEveryMs ?? FRAME_EVERY_MS,
      });
      crowds.push(guests);
      await guests.places(gateways().map(placesOf));
      return guests;
    },
    dismiss(guests) {
      crowds.splice(crowds.indexOf(guests), 1);
      guests.stop();
    },
    announce: async () =>
      void (await Promise.all(crowds.map((crowd) => crowd.places(gateways().map(placesOf))))),
    async stop() {
      for (const crowd of crowds) crowd.stop();
      await scene.stop();
      quota.releaseAll();
    },
  };
}

function placesOf({ process, priorityPort }: GatewayOnStage): GatewayPlaces {
  const main = placeAt(process.url);
  return { main, priority: { host: main.host, port: priorityPort } };
}

/** What was used between two looks. */
export interface Look {
  readonly atMs: number;
  /** Microseconds on the processor. */
  readonly gateways: number;
  readonly behind: number;
  readonly swarm: number;
  /** Of all cores, of the whole machine, in ticks of 10 ms. */
  readonly machineIdle: number;
  readonly setUps: number;
}

export function look({ scene, swarm, gateways }: Stage): Look {
  const { fleet } = scene;
  const routers = fleet.routers.filter(({ running }) => running).map(({ pid }) => pid);
  const nats = fleet.nats?.pid;
  return {
    atMs: performance.now(),
    gateways: spentMicros(gateways().map(({ process }) => process.pid)),
    behind: spentMicros(nats === undefined ? routers : [...routers, nats]),
    swarm: cpuMicros(swarm.pids),
    machineIdle: machineIdleTicks(),
    setUps: swarm.tally().welcomed,
  };
}

/** One that ends just now has spent nothing. */
function spentMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    try {
      return sum + cpuMicros([pid]);
    } catch {
      return sum;
    }
  }, 0);
}

/** Bytes in memory of the largest gateway. */
export function largestGateway({ gateways }: Stage): number {
  return Math.max(0, ...gateways().map(({ process }) => residentBytes(process.pid)));
}

function residentBytes(pid: number): number {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
    return Number(pages) * 4_096;
  } catch {
    return 0;
  }
}

function machineIdleTicks(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/);
  return Number(ticks[3]) + Number(ticks[4]);
}
