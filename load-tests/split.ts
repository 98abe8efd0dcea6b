/**
 * Split: how much of a frame's time on the processor each process takes.
 *
 * `node load-tests/split.ts [--kinds yardstick,volatile,durable,one] [--rate 2000] [--partitions 64]` measures as the
 * benchmark does, in turns, with a hundred frames on their way at any moment or so many a second, and prints the median of
 * the rounds. What the processes take with nothing to do is taken off.
 */

import { parseArgs } from 'node:util';
import { tokenSecret } from './bench/bounds.ts';
import { type Case, type Measured, measureFrames } from './bench/frames.ts';
import { startLoad } from './bench/load.ts';
import type { Greeting } from './bench/orders.ts';
import { fleetSystem, type System, startBenchFleet, startYardstick, yardstickSystem } from './bench/scene.ts';
import { ratios, spreadOf } from './bench/spread.ts';

const { values } = parseArgs({
  options: {
    kinds: { type: 'string', default: 'yardstick,volatile,durable,one' },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
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

const CROWD = 'users';
const USERS = 400;
const IN_FLIGHT = 100;
const WARM_MS = 500;
const native: Greeting = { kind: 'native', secret: tokenSecret };
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
  const open = { order: 'open', crowd: `${CROWD} ${system.name}`, greeting } as const;
  await load.do({ ...open, addresses: system.addresses, from: 0, count: USERS, atOnce: 32 });
}
const schedule = { rounds: Number(values.rounds), warmMs: WARM_MS, windowMs: Number(values.seconds) * 1_000 };
const measured = await measureFrames(load, CROWD, kinds.map(caseOf), schedule, () => undefined);
for (const kind of kinds) show(kind, measured.get(kind)!);
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

function caseOf(kind: Kind): Case {
  const pace = values.rate === undefined ? { inFlight: IN_FLIGHT } : { framesPerSecond: Number(values.rate) };
  const { system } = sides.get(sideOf(kind))!;
  const asked = kind === 'one' ? 'durable' : kind;
  return { name: kind, system, kind: asked, bodyBytes: Number(values.bytes), pace };
}

function show(kind: Kind, rounds: readonly Measured[]): void {
  const { names } = sides.get(sideOf(kind))!;
  const columns = names.map((name, n) => `${name} ${middle(rounds.map((one) => one.microsEach[n]!))}`);
  const together = middle(rounds.map(({ micros }) => micros));
  const perSecond = middle(rounds.map(({ framesPerSecond }) => framesPerSecond / 1_000));
  const clients = middle(rounds.map(({ loadMicros }) => loadMicros));
  console.log(`${kind}: ${together} µs per frame${byTheOthers(kind, rounds)}; ${columns.join(', ')}`);
  const sleeps = spreadOf(rounds.map((one) => one.sleeps)).median.toFixed(2);
  console.log(
    `  ${perSecond} thousand frames a second; ${clients} µs of the clients and ${sleeps} sleeps for each`,
  );
}

/** Ratios are taken within a round. */
function byTheOthers(kind: Kind, rounds: readonly Measured[]): string {
  const others = [...measured].filter(
    ([name]) => name !== kind && (name === 'yardstick' || kind === 'durable'),
  );
  return others
    .filter(([name]) => name !== 'one')
    .map(([name, theirs]) => {
      const by = spreadOf(ratios(rounds.map(micros), theirs.map(micros)));
      return `, ${by.median.toFixed(2)} × ${name} (${by.min.toFixed(2)}–${by.max.toFixed(2)})`;
    })
    .join('');
}

function micros(one: Measured): number {
  return one.micros;
}

function middle(all: readonly number[]): string {
  return spreadOf(all).median.toFixed(1);
}
