/**
 * Split: how much of a frame's time on the processor each process takes.
 *
 * `node load-tests/split.ts [--kinds yardstick,volatile,durable,one] [--rate 2000] [--partitions 64]` puts one kind
 * of load after another on the same processes, a hundred frames on their way at any moment or so many a second, and prints
 * the median of the rounds. What the processes take with nothing to do is in it.
 */

import { parseArgs } from 'node:util';
import { tokenSecret } from './bench/bounds.ts';
import { type Load, startLoad } from './bench/load.ts';
import type { Greeting, SendOrder } from './bench/orders.ts';
import { cpuMicros } from './bench/proc.ts';
import {
  fleetSystem,
  pause,
  type System,
  startBenchFleet,
  startYardstick,
  yardstickSystem,
} from './bench/scene.ts';
import { spreadOf } from './bench/spread.ts';

const { values } = parseArgs({
  options: {
    kinds: { type: 'string', default: 'yardstick,volatile,durable,one' },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    bytes: { type: 'string', default: '200' },
    partitions: { type: 'string', default: '64' },
  },
});

type Kind = 'yardstick' | 'volatile' | 'durable' | 'one';

interface Side {
  readonly system: System;
  /** Of its processes, in the order of `system.pids`. */
  readonly names: readonly string[];
  readonly greeting: Greeting;
  stop(): Promise<unknown>;
}

const USERS = 400;
const IN_FLIGHT = 100;
const WARM_MS = 1_000;
const native: Greeting = { kind: 'native', secret: tokenSecret };
const seconds = Number(values.seconds);
const kinds = values.kinds.split(',') as Kind[];
const env = { LOG_PARTITIONS: values.partitions };
const load = startLoad();
const sides = new Map<string, Side>();
for (const kind of kinds) {
  const name = sideOf(kind);
  if (sides.has(name)) continue;
  const side = await started(name);
  sides.set(name, side);
  const { system, greeting } = side;
  await load.do({
    ...{
      order: 'open',
      crowd: name,
      greeting,
      addresses: system.addresses,
      from: 0,
      count: USERS,
      atOnce: 32,
    },
  });
}
for (const kind of kinds) await run(kind, sides.get(sideOf(kind))!);
await Promise.all([...sides.values()].map((side) => side.stop()));
load.close();

function sideOf(kind: Kind): string {
  return kind === 'volatile' || kind === 'durable' ? 'fleet' : kind;
}

async function started(name: string): Promise<Side> {
  if (name === 'yardstick') {
    const process = await startYardstick();
    const system = yardstickSystem(process);
    return { system, names: [name], greeting: { kind: 'yardstick' }, stop: () => process.kill() };
  }
  const fleet = name === 'one' ? await startBenchFleet(0, 0) : await startBenchFleet(2, 1, env);
  const names =
    name === 'one' ? [name] : ['gateway of the sender', 'gateway of the target', 'router', 'NATS'];
  return { system: fleetSystem(name, fleet), names, greeting: native, stop: () => fleet.stop() };
}

async function run(kind: Kind, side: Side): Promise<void> {
  const pace = values.rate === undefined ? { inFlight: IN_FLIGHT } : { framesPerSecond: Number(values.rate) };
  const order: SendOrder = {
    ...{ order: 'send', crowd: sideOf(kind), kind: kind === 'one' ? 'durable' : kind, pace },
    bodyBytes: Number(values.bytes),
  };
  await load.do(order);
  await pause(WARM_MS);
  await measureTimes(kind, side);
  await load.do({ order: 'rest' });
}

async function measureTimes(kind: Kind, { system, names }: Side): Promise<void> {
  const rounds: (readonly number[])[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    await load.do({ order: 'count' });
    const before = system.pids.map((pid) => cpuMicros([pid]));
    await pause(seconds * 1_000);
    const after = system.pids.map((pid) => cpuMicros([pid]));
    const frames = await delivered(load);
    rounds.push(after.map((micros, n) => (micros - before[n]!) / frames));
  }
  const columns = names.map((name, n) => `${name} ${middle(rounds.map((one) => one[n]!))}`);
  const together = middle(rounds.map((one) => one.reduce((sum, micros) => sum + micros, 0)));
  console.log(`${kind}: ${together} µs per frame; ${columns.join(', ')}`);
}

function middle(all: readonly number[]): string {
  return spreadOf(all).median.toFixed(1);
}

async function delivered(load: Load): Promise<number> {
  return (await load.do({ order: 'count' }))?.delivered ?? 0;
}
