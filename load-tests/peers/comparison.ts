/**
 * Comparison: every peer does the same exchange, one to one between two clients: what a connection and a frame of 200
 * bytes cost its servers, and how long the frame takes.
 *
 * Connections are measured on servers freshly started, one peer after the other in each round; frames with all of
 * them up at once, in turns of a few seconds. So what else the machine does falls on all of them alike.
 */

import { type Case, measureFrames, type Schedule } from '../bench/frames.ts';
import { withKeeper } from '../bench/kept.ts';
import { type Load, startLoad } from '../bench/load.ts';
import { cpuOf, pause } from '../bench/scene.ts';
import { centrifugoInMemory, centrifugoWithRedis } from './centrifugo.ts';
import type { Peer, Running } from './peer.ts';
import { socketIo, ws, yardstick } from './relays.ts';
import { snowshedFleet, snowshedInOne } from './snowshed.ts';

export const peers: readonly Peer[] = [
  yardstick,
  ws,
  socketIo,
  centrifugoInMemory,
  snowshedInOne,
  centrifugoWithRedis,
  snowshedFleet,
];

export interface ComparisonOptions {
  /** Opened for the memory of one. */
  readonly connections: number;
  readonly users: number;
  readonly schedule: Schedule;
  readonly progress: (line: string) => void;
}

/** What one peer came to, round by round. */
export interface Compared {
  readonly peer: Peer;
  /** Of all its server processes, per idle connection. */
  readonly bytes: readonly number[];
  /** Of all its server processes, per connection made. */
  readonly connectMicros: readonly number[];
  /** Of all its server processes, per frame. */
  readonly frameMicros: readonly number[];
  readonly medianMs: readonly number[];
}

const BODY_BYTES = 200;
export const framesPerSecond = 1_000;
const IN_FLIGHT = 100;
const AT_ONCE = 32;
const WARMING = 1_000;
/** What a server still does for a connection after its client is in belongs to the connection. */
const AFTER_OPENING_MS = 500;
const SETTLING_MS = 2_000;

export async function compare(options: ComparisonOptions): Promise<readonly Compared[]> {
  const { schedule, progress } = options;
  const openings = new Map<Peer, Opening[]>(peers.map((peer) => [peer, []]));
  for (let round = 1; round <= schedule.rounds; round++) {
    for (const peer of peers) {
      const one = await measureOpening(peer, options);
      openings.get(peer)!.push(one);
      const costs = `${(one.bytes / 1_000).toFixed(2)} kB, ${one.micros.toFixed(0)} µs per connection`;
      progress(`round ${round}/${schedule.rounds}  ${peer.name}  ${costs}`);
    }
  }
  const results = await measureExchange(options);
  return peers.map((peer) => ({
    peer,
    bytes: openings.get(peer)!.map(({ bytes }) => bytes),
    connectMicros: openings.get(peer)!.map(({ micros }) => micros),
    frameMicros: results.get(loaded(peer))!.map(({ micros }) => micros),
    medianMs: results.get(timed(peer))!.map(({ medianMs }) => medianMs),
  }));
}

interface Opening {
  readonly bytes: number;
  readonly micros: number;
}

function measureOpening(peer: Peer, { connections, schedule }: ComparisonOptions): Promise<Opening> {
  return withKeeper(async (keeper) => {
    const running = keeper.keep(await peer.start(), (one) => one.stop());
    const load = keeper.keep(startLoad(), (one) => one.close());
    const { pids } = running.system;
    await open(load, peer, running, 'warming', 0, WARMING);
    await pause(SETTLING_MS);
    const before = await running.ownBytes();
    const idle = await cpuOf(pids, () => pause(schedule.windowMs));
    const cpu = await cpuOf(pids, async () => {
      await open(load, peer, running, 'measured', WARMING, connections);
      await pause(AFTER_OPENING_MS);
    });
    await pause(SETTLING_MS);
    const bytes = ((await running.ownBytes()) - before) / connections;
    return { bytes, micros: (cpu.micros - (idle.micros / idle.ms) * cpu.ms) / connections };
  });
}

function measureExchange({ users, schedule, progress }: ComparisonOptions) {
  return withKeeper(async (keeper) => {
    const load = keeper.keep(startLoad(), (one) => one.close());
    const cases: Case[] = [];
    for (const peer of peers) {
      const running = keeper.keep(await peer.start(), (one) => one.stop());
      await open(load, peer, running, `users ${running.system.name}`, 0, users);
      const of = { system: running.system, kind: peer.kind, bodyBytes: BODY_BYTES };
      cases.push({ ...of, name: loaded(peer), pace: { inFlight: IN_FLIGHT } });
      cases.push({ ...of, name: timed(peer), pace: { framesPerSecond } });
    }
    return measureFrames(load, 'users', cases, schedule, progress);
  });
}

function loaded({ name }: Peer): string {
  return `${name}, as many as it carries`;
}

function timed({ name }: Peer): string {
  return `${name}, ${framesPerSecond}/s`;
}

async function open(
  load: Load,
  { greeting }: Peer,
  { system: { addresses } }: Running,
  crowd: string,
  from: number,
  count: number,
): Promise<void> {
  await load.do({ order: 'open', crowd, greeting, addresses, from, count, atOnce: AT_ONCE });
}
