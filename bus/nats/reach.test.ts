import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { type Bus, BusUnavailable } from '../seams.ts';
import { reachBus } from './reach.ts';
import { BusMisconfigured } from './streams.ts';

function setUp(attempts: readonly (Bus | Error)[]) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const line = ({ event, reason = '' }: { event: string; reason?: string }) =>
    lines.push(`${event} ${reason}`);
  const log = { warn: line, info: line } as unknown as Logger;
  let tried = 0;
  const connect = () => {
    const outcome = attempts[Math.min(tried++, attempts.length - 1)] as Bus | Error;
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  };
  const reach = reachBus(connect, { clock, random: createSeededRandom(1), log });
  return { clock, lines, reach, tried: () => tried };
}

const bus = {} as Bus;
const away = (why: string) => new BusUnavailable(why);

test('[REACH-1] it tries on until the bus is there, and says why it is not', async () => {
  const { clock, reach, tried } = setUp([away('refused'), away('refused'), away('denied'), bus]);
  assert.equal(reach.notReached(), 'connecting to the bus');
  await clock.advance(0);
  assert.match(String(reach.notReached()), /cannot be reached.*refused/);
  await clock.advance(4_000);
  assert.match(String(reach.notReached()), /refused|denied/);
  await clock.advance(4_000);
  assert.equal(await reach.bus, bus);
  assert.equal(reach.notReached(), undefined);
  assert.equal(tried(), 4);
});

test('[REACH-2] a reason is logged when it is new, and once a minute', async () => {
  const { clock, lines } = setUp([away('refused')]);
  await clock.advance(59_000);
  assert.equal(lines.length, 1);
  await clock.advance(4_000);
  assert.equal(lines.length, 2);
});

test('[REACH-3] what no waiting mends is not tried again', async () => {
  const { clock, reach, tried } = setUp([away('refused'), new BusMisconfigured('other settings')]);
  const rejected = assert.rejects(reach.bus, BusMisconfigured);
  await clock.advance(10_000);
  await rejected;
  assert.equal(tried(), 2);
});
