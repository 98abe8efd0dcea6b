/**
 * Opening figures: the processor time of a resume and of a fresh session, by the bare upgrade of the yardstick.
 *
 * So many come at once, each is attached before it counts, and of the time what the processes take with nothing to do
 * is taken off. The gateway is told by itself, and with all that stands behind it: router and NATS.
 */

import { createJwksIssuer } from '#test/harness/tokens.ts';
import type { Figure } from './figure.ts';
import { type Keeper, withKeeper } from './kept.ts';
import { type Load, startLoad } from './load.ts';
import { type Greeting, nameOf } from './orders.ts';
import { cpuMicros } from './proc.ts';
import {
  cpuOf,
  fleetSystem,
  pause,
  type System,
  startBenchFleet,
  startYardstick,
  yardstickSystem,
} from './scene.ts';
import { ratios, spreadOf } from './spread.ts';

export interface OpeningOptions {
  readonly clients: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** Microseconds on the processor per client. */
interface Costs {
  readonly upgrade: number;
  /** An upgrade and one message each way. */
  readonly echo: number;
  readonly fresh: number;
  readonly freshAll: number;
  readonly resume: number;
  readonly resumeAll: number;
}

const AT_ONCE = 64;
const IDLE_MS = 2_000;
/** Rounds that are not counted, until V8 has compiled what runs often. */
const WARMING_ROUNDS = 3;
/** After the lines were cut: routers let the sessions go, and what they left is swept. */
const LEAVING_MS = 1_500;

export function openingFigures(options: OpeningOptions): Promise<readonly Figure[]> {
  return withKeeper(async (keeper) => figuresOf(await measure(keeper, options)));
}

function figuresOf(costs: readonly Costs[]): readonly Figure[] {
  const column = (name: keyof Costs) => costs.map((one) => one[name]);
  const by = (what: string, name: keyof Costs, goalMax?: number): Figure => ({
    what,
    ...(goalMax !== undefined && { goal: `≤ ${goalMax} × upgrade`, goalMax }),
    spread: spreadOf(ratios(column(name), column('upgrade'))),
    unit: '×',
  });
  const micros = (what: string, name: keyof Costs): Figure => ({
    what,
    spread: spreadOf(column(name)),
    unit: 'µs',
  });
  return [
    by('resume with a sealed token, attached: gateway', 'resume', 1.6),
    by('fresh session with ES256, attached: gateway', 'fresh', 3),
    by('upgrade of the yardstick and one message each way', 'echo'),
    by('resume with a sealed token: gateway, router and NATS', 'resumeAll'),
    by('fresh session with ES256: gateway, router and NATS', 'freshAll'),
    micros('bare upgrade: processor time', 'upgrade'),
    micros('resume: processor time of the gateway', 'resume'),
    micros('fresh session: processor time of the gateway', 'fresh'),
  ];
}

interface Scene {
  readonly load: Load;
  readonly yardstick: System;
  readonly fleet: System;
  readonly gateway: number;
  readonly clients: number;
  readonly tokenOf: (user: string) => string;
}

async function measure(
  keeper: Keeper,
  { clients, rounds, progress }: OpeningOptions,
): Promise<readonly Costs[]> {
  const issuer = keeper.keep(await createJwksIssuer(), (one) => one.close());
  const yardstick = keeper.keep(await startYardstick(), (one) => one.kill());
  const fleet = keeper.keep(await startBenchFleet(1, 1, {}, issuer), (one) => one.stop());
  const rights = { users: { send: ['*'] } };
  const scene: Scene = {
    load: keeper.keep(startLoad(), (one) => one.close()),
    yardstick: yardstickSystem(yardstick),
    fleet: fleetSystem('fleet', fleet),
    gateway: fleet.gateways[0]!.pid,
    clients,
    tokenOf: (user) => issuer.token(user, { rights }),
  };
  const costs: Costs[] = [];
  for (let round = 1 - WARMING_ROUNDS; round <= rounds; round++) {
    const one = await measureRound(scene, round + WARMING_ROUNDS);
    if (round > 0) costs.push(one);
    const { upgrade, resume, fresh } = one;
    progress(
      `round ${round}/${rounds}  ${[upgrade, resume, fresh].map((µs) => µs.toFixed(0)).join(', ')} µs`,
    );
  }
  return costs;
}

async function measureRound(scene: Scene, round: number): Promise<Costs> {
  const { yardstick, fleet, clients, gateway, tokenOf } = scene;
  const from = round * clients;
  const idle = await spent(fleet.pids, gateway, () => pause(IDLE_MS));
  const tokens = Array.from({ length: clients }, (_, n) => tokenOf(nameOf(from + n)));
  const upgrade = await opening(scene, yardstick, { kind: 'yardstick' }, from, 'bare');
  const echo = await opening(scene, yardstick, { kind: 'yardstick', echo: true }, from, 'echo');
  const fresh = await opening(scene, fleet, { kind: 'tokens', tokens }, from, 'fresh');
  const resume = await opening(scene, fleet, { kind: 'resume', crowd: 'fresh' }, from, 'resumed');
  const per = (which: 'all' | 'gateway', { ms, ...micros }: Spent) =>
    (micros[which] - (idle[which] / idle.ms) * ms) / clients;
  return {
    upgrade: upgrade.all / clients,
    echo: echo.all / clients,
    fresh: per('gateway', fresh),
    freshAll: per('all', fresh),
    resume: per('gateway', resume),
    resumeAll: per('all', resume),
  };
}

/** What the processes spend while a crowd comes, up to the moment when the last of it is attached. */
async function opening(
  { load, gateway, clients }: Scene,
  system: System,
  greeting: Greeting,
  from: number,
  crowd: string,
): Promise<Spent> {
  const { pids, addresses } = system;
  const order = { order: 'open', crowd, greeting, addresses, from, count: clients, atOnce: AT_ONCE } as const;
  const taken = await spent(pids, gateway, () => load.do(order));
  await load.do({ order: 'close', crowd });
  await pause(LEAVING_MS);
  return taken;
}

/** Microseconds on the processor. */
interface Spent {
  readonly all: number;
  readonly gateway: number;
  readonly ms: number;
}

async function spent(pids: readonly number[], gateway: number, act: () => Promise<unknown>): Promise<Spent> {
  const ofGateway = cpuMicros([gateway]);
  const { micros, ms } = await cpuOf(pids, act);
  return { all: micros, gateway: cpuMicros([gateway]) - ofGateway, ms };
}
