/**
 * Bus away: the bus dies under connected sessions, stays away, and comes back; what has to hold meanwhile.
 *
 * No process ends, no socket closes, liveness stays green, memory stays, senders are told that their sends are
 * undecided; and when the bus is back, everything heals soon and is asked for once, not again and again.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Stage } from '../harness/stage.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';

export interface AwayOptions {
  readonly stage: Stage;
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly framesPerSecond: number;
  readonly awayMs: number;
  /** How much larger the processes may be at the end of the outage than at its beginning. */
  readonly growthMax: number;
  /** Within which every send is answered again once the bus is back. */
  readonly healMsMax: number;
}

/** Memory is compared once the shock is over: buffers and code of the first seconds are no growth. */
const shockMs = 10_000;
const healthEveryMs = 1_000;

export async function busGoesAway(options: AwayOptions): Promise<Crowd> {
  const { stage, awayMs } = options;
  const { nats, gateways, routers } = stage.fleet;
  assert(nats !== undefined);
  const crowd = await gatherCrowd(options);
  await crowd.run(3_000);
  const announcedBefore = await announcements(stage);
  await nats.kill();
  await Promise.all([crowd.run(shockMs), healthy(stage, shockMs)]);
  const before = memory(stage);
  await Promise.all([crowd.run(awayMs - shockMs), healthy(stage, awayMs - shockMs)]);
  const after = memory(stage);
  await nats.start();

  const startMs = performance.now();
  let healedMs = 0;
  await crowd.run(options.healMsMax * 3, () => {
    // While sends go on some always wait; those of before have all been answered when the eldest is young.
    healedMs = performance.now() - startMs;
    return healedMs > 1_000 && crowd.sessions.every((session) => session.eldestWaitingMs < healedMs);
  });
  console.log(
    `healed after ${Math.round(healedMs)} ms; memory ${before.join(', ')} → ${after.join(', ')} MB`,
  );
  assert(healedMs < options.healMsMax, `healed after ${healedMs} ms`);
  await crowd.judge(40_000);

  for (const one of [...gateways, ...routers]) assert(one.running, `${one.name} has ended`);
  assert.deepEqual(
    crowd.sessions.flatMap(({ closings }) => closings),
    [],
    'no client noticed more than a delay',
  );
  assert(
    crowd.sessions.some(({ refusals }) => (refusals.get('UNDECIDED') ?? 0) > 0),
    'senders were told',
  );
  for (const [i, megabytes] of after.entries()) {
    const limit = (before[i] as number) * (1 + options.growthMax);
    assert(megabytes <= limit, `a process grew from ${before[i]} to ${megabytes} MB`);
  }
  const announced = (await announcements(stage)) - announcedBefore;
  // Once for the bus, once for the new owner, and again where the new owner was not there yet.
  const partitions = gateways.length * 64;
  assert(announced <= partitions * 6, `${announced} announcements of ${partitions} registrations`);
  return crowd;
}

function announcements({ fleet }: Stage): Promise<number> {
  return fleet.gatewayMetric('gateway_announcements_total');
}

/** Megabytes of each process. */
function memory({ fleet }: Stage): number[] {
  return [...fleet.gateways, ...fleet.routers].map(({ pid }) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kilobytes) / 1_024);
  });
}

/** Liveness never asks the bus. */
async function healthy({ fleet }: Stage, ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    for (const { name, opsUrl } of [...fleet.gateways, ...fleet.routers]) {
      const answer = await fetch(`${opsUrl}/healthz`);
      assert.equal(answer.status, 200, `${name} is said to be dead`);
    }
    await new Promise((resolve) => setTimeout(resolve, healthEveryMs));
  }
}
