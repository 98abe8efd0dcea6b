/**
 * Frames: what one frame costs, and how long it takes, from client to client.
 *
 * Round after round the yardstick and the systems take turns, each for a few seconds with the same load, so that
 * whatever else the machine does falls on all of them. Of the time on the processor what the processes take
 * when nothing is sent is taken off: it belongs to no frame, and is told by itself.
 */

import type { Load } from './load.ts';
import type { SendOrder, SendPace } from './orders.ts';
import { cpuMicros, sleepsOf } from './proc.ts';
import { pause, type System } from './scene.ts';

/** One kind of load on one system. */
export interface Case {
  readonly name: string;
  readonly system: System;
  readonly kind: SendOrder['kind'];
  readonly bodyBytes: number;
  readonly pace: SendPace;
}

export interface Measured {
  /** Microseconds on the processor per frame delivered, of all processes of the system. */
  readonly micros: number;
  /** Of each process, in the order of `system.pids`. */
  readonly microsEach: readonly number[];
  readonly framesPerSecond: number;
  /** How often a thread of the system found nothing to do, per frame. */
  readonly sleeps: number;
  /** Of the clients' process. */
  readonly loadMicros: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** How often and how long everything is measured. */
export interface Schedule {
  readonly rounds: number;
  readonly warmMs: number;
  readonly windowMs: number;
}

/** Measures all cases once per round, in turn; the results of each by its name, round by round. */
export async function measureFrames(
  load: Load,
  crowd: string,
  cases: readonly Case[],
  schedule: Schedule,
  progress: (line: string) => void,
): Promise<ReadonlyMap<string, readonly Measured[]>> {
  const idle = await idleOf(cases, schedule);
  const measured = new Map<string, Measured[]>(cases.map(({ name }) => [name, []]));
  // The first round warms the processes up and is not counted.
  for (let round = 0; round <= schedule.rounds; round++) {
    for (const one of cases) {
      const result = await measureCase(load, crowd, one, schedule, idle.get(one.system)!);
      if (round > 0) measured.get(one.name)!.push(result);
      progress(`round ${round}/${schedule.rounds}  ${one.name}  ${result.micros.toFixed(1)} µs`);
    }
  }
  return measured;
}

/** What each system takes while nothing is sent: microseconds on the processor per millisecond. */
export async function idleMicrosPerMs(
  cases: readonly Case[],
  schedule: Schedule,
): Promise<ReadonlyMap<System, number>> {
  const idle = await idleOf(cases, schedule);
  return new Map([...idle].map(([system, each]) => [system, sum(each)]));
}

/** The same of each process. */
async function idleOf(
  cases: readonly Case[],
  { windowMs }: Schedule,
): Promise<ReadonlyMap<System, readonly number[]>> {
  const systems = [...new Set(cases.map(({ system }) => system))];
  const spent = await Promise.all(systems.map(({ pids }) => spentBy(pids, 2 * windowMs)));
  return new Map(systems.map((system, n) => [system, spent[n]!.each.map((micros) => micros / spent[n]!.ms)]));
}

/** The time each process has on the processor meanwhile, in microseconds, and how long that was. */
async function spentBy(
  pids: readonly number[],
  pauseMs: number,
): Promise<{ readonly each: readonly number[]; readonly ms: number }> {
  const startMs = performance.now();
  const before = pids.map((pid) => cpuMicros([pid]));
  await pause(pauseMs);
  const each = pids.map((pid, n) => cpuMicros([pid]) - before[n]!);
  return { each, ms: performance.now() - startMs };
}

async function measureCase(
  load: Load,
  crowd: string,
  { system, kind, bodyBytes, pace }: Case,
  { warmMs, windowMs }: Schedule,
  idle: readonly number[],
): Promise<Measured> {
  const order = {
    order: 'send',
    crowd: `${crowd} ${system.name}`,
    kind,
    bodyBytes,
    pace,
  } as const;
  await load.do(order);
  await pause(warmMs);
  const before = await load.do({ order: 'count' });
  const sleptBefore = sleepsOf(system.pids);
  const { each, ms } = await spentBy([...system.pids, load.pid], windowMs);
  const slept = sleepsOf(system.pids) - sleptBefore;
  const after = await load.do({ order: 'count' });
  const all = await load.do({ order: 'rest' });
  if (before === undefined || after === undefined || all === undefined)
    throw new Error('nothing was counted');
  const lost = all.sent - all.delivered;
  if (lost > 0 || all.refused > 0)
    throw new Error(`${system.name}, ${kind}: ${lost} of ${all.sent} lost, ${all.refused} refused`);
  const delivered = after.delivered - before.delivered;
  const microsEach = idle.map((idleMicros, n) => (each[n]! - idleMicros * ms) / delivered);
  return {
    ...{
      micros: sum(microsEach),
      microsEach,
      framesPerSecond: (1_000 * delivered) / ms,
      sleeps: slept / delivered,
    },
    ...{ loadMicros: each.at(-1)! / delivered, medianMs: after.medianMs, p99Ms: after.p99Ms },
  };
}

function sum(all: readonly number[]): number {
  return all.reduce((before, one) => before + one, 0);
}
