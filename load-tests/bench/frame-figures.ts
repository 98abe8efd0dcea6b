/**
 * Frame figures: volatile, durable and in one process, by the yardstick; again with ten times the users.
 */

import { tokenSecret } from './bounds.ts';
import type { Figure } from './figure.ts';
import { type Case, idleMicrosPerMs, type Measured, measureFrames, type Schedule } from './frames.ts';
import { withKeeper } from './kept.ts';
import { type Load, startLoad } from './load.ts';
import { fleetSystem, type System, startBenchFleet, startYardstick, yardstickSystem } from './scene.ts';
import { ratios, spreadOf } from './spread.ts';

export interface FrameOptions {
  readonly users: number;
  readonly schedule: Schedule;
  readonly tenfold: boolean;
  readonly progress: (line: string) => void;
}

/** On their way at any moment: as much as the machine can carry, and few enough that each has a sender of its own. */
const IN_FLIGHT = 100;
const DELIVERIES_PER_SECOND = 2_000;
const TENFOLD_ROUNDS_MAX = 3;
const AT_ONCE = 32;

interface Systems {
  readonly yardstick: System;
  readonly fleet: System;
  readonly one: System;
}

export function frameFigures(options: FrameOptions): Promise<readonly Figure[]> {
  return withKeeper(async (keeper) => {
    const yardstick = keeper.keep(await startYardstick(), (one) => one.kill());
    const fleet = keeper.keep(await startBenchFleet(2, 1), (one) => one.stop());
    const one = keeper.keep(await startBenchFleet(0, 0), (one) => one.stop());
    const load = keeper.keep(startLoad(), (one) => one.close());
    return await figuresOf(load, options, {
      yardstick: yardstickSystem(yardstick),
      fleet: fleetSystem('fleet', fleet),
      one: fleetSystem('one process', one),
    });
  });
}

async function figuresOf(load: Load, options: FrameOptions, systems: Systems): Promise<readonly Figure[]> {
  const { users, schedule, progress, tenfold } = options;
  const all = [...small(systems), ...large(systems)];
  await openUsers(load, systems, 'users', 0, users);
  const measured = await measureFrames(load, 'users', all, schedule, progress);
  const figures = [
    ...goals(measured),
    ...absolutes(measured),
    ...(await idleFigures(systems, all, schedule)),
  ];
  if (!tenfold) return figures;
  await closeUsers(load, systems, 'users');
  await openUsers(load, systems, 'tenfold', users, 10 * users);
  const fewer = { ...schedule, rounds: Math.min(schedule.rounds, TENFOLD_ROUNDS_MAX) };
  const again = await measureFrames(load, 'tenfold', small(systems), fewer, progress);
  return [...figures, ...tenfoldFigures(users, measured, again)];
}

async function openUsers(
  load: Load,
  systems: Systems,
  crowd: string,
  from: number,
  count: number,
): Promise<void> {
  for (const system of [systems.yardstick, systems.fleet, systems.one]) {
    const greeting =
      system === systems.yardstick
        ? ({ kind: 'yardstick' } as const)
        : ({ kind: 'native', secret: tokenSecret } as const);
    const { addresses } = system;
    await load.do({
      order: 'open',
      crowd: `${crowd} ${system.name}`,
      greeting,
      addresses,
      from,
      count,
      atOnce: AT_ONCE,
    });
  }
}

async function closeUsers(load: Load, systems: Systems, crowd: string): Promise<void> {
  for (const { name } of [systems.yardstick, systems.fleet, systems.one])
    await load.do({ order: 'close', crowd: `${crowd} ${name}` });
}

// What is measured.

function small({ yardstick, fleet, one }: Systems): readonly Case[] {
  const at = { bodyBytes: 200, pace: { inFlight: IN_FLIGHT } };
  const timed = { bodyBytes: 200, pace: { framesPerSecond: DELIVERIES_PER_SECOND } };
  return [
    { name: 'yardstick, 200 B', system: yardstick, kind: 'yardstick', ...at },
    { name: 'volatile, 200 B', system: fleet, kind: 'volatile', ...at },
    { name: 'durable, 200 B', system: fleet, kind: 'durable', ...at },
    { name: 'one process, 200 B', system: one, kind: 'durable', ...at },
    { name: 'yardstick, 2,000/s', system: yardstick, kind: 'yardstick', ...timed },
    { name: 'durable, 2,000/s', system: fleet, kind: 'durable', ...timed },
  ];
}

function large({ yardstick, fleet, one }: Systems): readonly Case[] {
  const at = { bodyBytes: 2_000, pace: { inFlight: IN_FLIGHT } };
  return [
    { name: 'yardstick, 2 kB', system: yardstick, kind: 'yardstick', ...at },
    { name: 'volatile, 2 kB', system: fleet, kind: 'volatile', ...at },
    { name: 'durable, 2 kB', system: fleet, kind: 'durable', ...at },
    { name: 'one process, 2 kB', system: one, kind: 'durable', ...at },
  ];
}

type Results = ReadonlyMap<string, readonly Measured[]>;

function micros(results: Results, name: string): readonly number[] {
  return results.get(name)!.map((one) => one.micros);
}

function goals(results: Results): readonly Figure[] {
  const by = (what: string, name: string, measure: string, goalMax: number): Figure => ({
    what,
    goal: `≤ ${goalMax} × ${measure.split(',')[0]}`,
    goalMax,
    spread: spreadOf(ratios(micros(results, name), micros(results, measure))),
    unit: '×',
  });
  return [
    by('volatile frame between two gateways, 200 B', 'volatile, 200 B', 'yardstick, 200 B', 7),
    by('volatile frame between two gateways, 2 kB', 'volatile, 2 kB', 'yardstick, 2 kB', 7),
    by('durable frame, log on file, 200 B', 'durable, 200 B', 'volatile, 200 B', 1.5),
    by('durable frame, log on file, 2 kB', 'durable, 2 kB', 'volatile, 2 kB', 1.5),
    by('frame in one process, 200 B', 'one process, 200 B', 'yardstick, 200 B', 2.5),
    by('frame in one process, 2 kB', 'one process, 2 kB', 'yardstick, 2 kB', 2.5),
    {
      what: 'median delivery of a durable frame at 2,000/s',
      goal: '≤ 4 × yardstick',
      goalMax: 4,
      spread: spreadOf(
        ratios(
          times(results, 'durable, 2,000/s', 'medianMs'),
          times(results, 'yardstick, 2,000/s', 'medianMs'),
        ),
      ),
      unit: '×',
    },
  ];
}

function times(results: Results, name: string, which: 'medianMs' | 'p99Ms'): readonly number[] {
  return results.get(name)!.map((one) => one[which]);
}

function absolutes(results: Results): readonly Figure[] {
  return [...results.keys()].flatMap((name): readonly Figure[] =>
    name.endsWith('/s')
      ? [
          {
            what: `${name}: median delivery`,
            spread: spreadOf(times(results, name, 'medianMs')),
            unit: 'ms',
          },
          {
            what: `${name}: 99 of 100 delivered within`,
            spread: spreadOf(times(results, name, 'p99Ms')),
            unit: 'ms',
          },
        ]
      : [{ what: `${name}: processor time per frame`, spread: spreadOf(micros(results, name)), unit: 'µs' }],
  );
}

async function idleFigures(
  systems: Systems,
  cases: readonly Case[],
  schedule: Schedule,
): Promise<readonly Figure[]> {
  const idle = await idleMicrosPerMs(cases, schedule);
  const share = (system: System) => (idle.get(system) ?? 0) / 10;
  return [
    {
      what: 'two gateways, router and NATS with nothing to do: of one core',
      spread: spreadOf([share(systems.fleet)]),
      unit: '%',
    },
    {
      what: 'one process with nothing to do: of one core',
      spread: spreadOf([share(systems.one)]),
      unit: '%',
    },
  ];
}

function tenfoldFigures(users: number, before: Results, after: Results): readonly Figure[] {
  const grown = (
    name: string,
    yardstick: string,
    values: (results: Results, name: string) => readonly number[],
  ): Figure => {
    const by = (results: Results) => spreadOf(ratios(values(results, name), values(results, yardstick)));
    return {
      what: `${name}: with ${10 * users} users by ${users}`,
      goal: '≤ 1.1',
      goalMax: 1.1,
      spread: spreadOf([by(after).median / by(before).median]),
      unit: '×',
    };
  };
  return [
    grown('volatile, 200 B', 'yardstick, 200 B', micros),
    grown('durable, 200 B', 'volatile, 200 B', micros),
    grown('one process, 200 B', 'yardstick, 200 B', micros),
    grown('durable, 2,000/s', 'yardstick, 2,000/s', (results, name) => times(results, name, 'medianMs')),
  ];
}
