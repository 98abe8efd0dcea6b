/**
 * Takeover figures: how long nobody hears anything when the router of a partition is killed.
 *
 * One partition with so many sessions, announced by gateways without connections, and a real gateway with the two
 * clients that listen for the first frame sent after the kill. Two routers; the owner is killed.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Fleet } from '#test/harness/fleet.ts';
import type { Environment, ServiceProcess } from '#test/harness/process.ts';
import { tokenSecret } from './bounds.ts';
import type { Figure } from './figure.ts';
import { type Keeper, withKeeper } from './kept.ts';
import { type Load, startLoad } from './load.ts';
import { nativeAddress, pause, startBenchFleet } from './scene.ts';
import { spreadOf } from './spread.ts';

export interface TakeoverOptions {
  readonly sessions: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

const ANNOUNCERS = 2;
const PROBES_PER_SECOND = 100;
const POLL_MS = 10;
const TAKEOVER_MS_MAX = 20_000;
/** Between two kills: the new router is known to all. */
const SETTLING_MS = 4_000;
const env: Environment = { LOG_PARTITIONS: '1', LOG_STREAMS: '1' };

export function takeoverFigures({ sessions, rounds, progress }: TakeoverOptions): Promise<readonly Figure[]> {
  return withKeeper(async (keeper) => {
    const fleet = keeper.keep(await startBenchFleet(1, 2, env), (one) => one.stop());
    const load = keeper.keep(startLoad(), (one) => one.close());
    await load.do({
      ...{ order: 'open', crowd: 'listening', greeting: { kind: 'native', secret: tokenSecret } },
      ...{ addresses: [nativeAddress(fleet.gateways[0]!)], from: sessions, count: 2, atOnce: 2 },
    });
    const few = await takeovers(fleet, load, rounds, progress);
    await announced(keeper, fleet, sessions);
    progress(`${sessions} sessions announced`);
    const many = await takeovers(fleet, load, rounds, progress);
    return [
      {
        what: `takeover of a partition with ${sessions} sessions: from the kill to the first delivery`,
        goal: '≤ 2 s',
        goalMax: 2,
        spread: spreadOf(many),
        unit: 's',
      },
      { what: 'the same with two sessions', spread: spreadOf(few), unit: 's' },
    ];
  });
}

async function announced(keeper: Keeper, { env }: Fleet, sessions: number): Promise<void> {
  const count = sessions / ANNOUNCERS;
  const announcers = Array.from({ length: ANNOUNCERS }, (_, n) =>
    keeper.keep(announcer(n * count, count, env), (child) => child.disconnect()),
  );
  await Promise.all(announcers.map((child) => once(child, 'message')));
}

function announcer(from: number, count: number, env: Environment): ChildProcess {
  return fork(join(import.meta.dirname, 'announcer.ts'), [`${from}`, `${count}`], {
    env: { PATH: process.env['PATH'], ...env },
  });
}

async function takeovers(
  fleet: Fleet,
  load: Load,
  rounds: number,
  progress: (line: string) => void,
): Promise<readonly number[]> {
  const seconds: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await pause(SETTLING_MS);
    // The kill falls anywhere between two renewals of the lease.
    await pause((1_000 * round) / rounds);
    seconds.push((await takeover(fleet, load)) / 1_000);
    progress(`takeover ${round}/${rounds}  ${seconds.at(-1)!.toFixed(2)} s`);
    await (await fleet.addRouter()).ready();
  }
  return seconds;
}

async function takeover(fleet: Fleet, load: Load): Promise<number> {
  const owner = await ownerOf(fleet);
  const startMs = performance.now();
  await owner.kill();
  await load.do({
    ...{ order: 'send', crowd: 'listening', kind: 'durable', bodyBytes: 200 },
    pace: { framesPerSecond: PROBES_PER_SECOND },
  });
  while (((await load.do({ order: 'count' }))?.delivered ?? 0) === 0) {
    assert(performance.now() - startMs < TAKEOVER_MS_MAX, 'nobody took the partition over');
    await pause(POLL_MS);
  }
  const tookMs = performance.now() - startMs;
  const all = await load.do({ order: 'rest' });
  assert.equal(all?.delivered, all?.sent, 'frames were lost');
  return tookMs;
}

async function ownerOf({ routers }: Fleet): Promise<ServiceProcess> {
  for (const router of routers)
    if (router.running && (await router.metric('router_partitions_owned')) === 1) return router;
  throw new Error('nobody owns the partition');
}
