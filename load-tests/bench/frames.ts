/**
 * Frames: what one frame costs, and how long it takes, from client to client.
 *
 * Round after round the yardstick and the systems take turns, each for a few seconds with the same load, so that
 * whatever else the machine does falls on all of them. Of the time on the processor what the processes take
 * when nothing is sent is taken off: it belongs to no frame, and is told by itself.
 */

import type { Load } from './load.ts';
import type { SendOrder, SendPace } from './orders.ts';
import { cpuOf, pause, type System } from './scene.ts';

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
  const idle = await idleMicrosPerMs(cases, schedule);
  const measured = new Map<string, Measured[]>(cases.map(({ name }) => [name, []]));
  // The first round warms the processes up and is not counted.
  for (let round = 0; round <= schedule.rounds; round++) {
    for (const one of cases) {
      const result = await measureCase(load, crowd, one, schedule, idle.get(one.system) ?? 0);
      if (round > 0) measured.get(one.name)!.push(result);
      progress(`round ${round}/${schedule.rounds}  ${one.name}  ${result.micros.toFixed(1)} µs`);
    }
  }
  return measured;
}

/** What each system takes while nothing is sent: microseconds on the processor per millisecond. */
export async function idleMicrosPerMs(
  cases: readonly Case[],
  { windowMs }: Schedule,
): Promise<ReadonlyMap<System, number>> {
  const systems = [...new Set(cases.map(({ system }) => system))];
  const measured = await Promise.all(systems.map(({ pids }) => cpuOf(pids, () => pause(2 * windowMs))));
  return new Map(systems.map((system, n) => [system, measured[n]!.micros / measured[n]!.ms]));
}

async function measureCase(
  load: Load,
  crowd: string,
  { system, kind, bodyBytes, pace }: Case,
  { warmMs, windowMs }: Schedule,
  idleMicrosPerMs: number,
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
  const cpu = await cpuOf(system.pids, () => pause(windowMs));
  const after = await load.do({ order: 'count' });
  const all = await load.do({ order: 'rest' });
  if (before === undefined || after === undefined || all === undefined)
    throw new Error('nothing was counted');
  const lost = all.sent - all.delivered;
  if (lost > 0 || all.refused > 0)
    throw new Error(`${system.name}, ${kind}: ${lost} of ${all.sent} lost, ${all.refused} refused`);
  const delivered = after.delivered - before.delivered;
  const micros = (cpu.micros - idleMicrosPerMs * cpu.ms) / delivered;
  return { micros, medianMs: after.medianMs, p99Ms: after.p99Ms };
}
