import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { createVirtualClock } from '#runtime/clock.ts';
import { createDoor } from './door/door.ts';
import { FlowRecord } from './flow-record.ts';
import { createGatewayMetrics } from './metrics.ts';
import type { Dialect, Flow, Knock } from './seams.ts';
import { createVetting } from './vetting.ts';

function vetting() {
  const clock = createVirtualClock();
  const door = createDoor(
    {
      ...{ patienceMs: 10_000, patienceShare: 0.45, handshakeMs: 1, setUpMs: 0.5, speed: 1 },
      ...{ handshakeShare: 0.5, acceptQueueMax: 512, openMax: 1_000, ceiling: undefined },
    },
    clock.monotonicMs(),
  );
  const metrics = createGatewayMetrics(new Registry());
  const its = createVetting(door, clock, metrics);
  const wentOn: number[] = [];
  const closed: number[] = [];
  let numbers = 0;
  return {
    ...{ clock, door, metrics, its, wentOn },
    /** One that is through its handshake and has said nothing. */
    open(place: FlowRecord['place'] = 'silent'): FlowRecord {
      const flow = { number: ++numbers, opening: { transport: 'websocket', address: '192.0.2.1' } };
      const record = new FlowRecord(flow as unknown as Flow, {} as Dialect);
      record.place = place;
      record.openedAtMs = clock.monotonicMs();
      return record;
    },
    closed,
    knock: knockOf('192.0.2.1', wentOn, closed),
    /** A connection of which no address is known, as a trusted proxy stands between. */
    proxied: knockOf(undefined, wentOn),
  };
}

/** Whether it stands behind somebody who waits. */
function isBehind(its: ReturnType<typeof createVetting>, knock: Knock): boolean {
  its.standsBehind(knockOf('192.0.2.2', [])(), true);
  return its.standsBehind(knock, true);
}

function knockOf(address: string | undefined, wentOn: number[], closed: number[] = []) {
  return (number = 0): Knock => ({
    listener: 'main',
    address: () => address,
    hold: () => undefined,
    goOn: () => void wentOn.push(number),
    close: () => void closed.push(number),
  });
}

test('[DOOR-63] who waited for its turn and left is not held against its address, who left at once is', async () => {
  for (const [waitedMs, suspected] of [
    [2_000, false],
    [100, true],
  ] as const) {
    const { its, open, clock, knock } = vetting();
    const crowd = Array.from({ length: 20 }, () => open('waiting'));
    await clock.advance(waitedMs);
    for (const record of crowd) its.gone(record);
    assert.equal(isBehind(its, knock()), suspected);
  }
});

test('[DOOR-67] suspects take no more than a quarter of the places that are left', () => {
  const { its, knock } = vetting();
  const taken = Array.from({ length: 60 }, () => its.putsOff(knock(), 100)).filter(Boolean);
  assert.equal(taken.length, 25);
});

test('[DOOR-68] who is open and silent for two seconds is held against its address, and once', async () => {
  const { its, open, clock, knock } = vetting();
  const silent = Array.from({ length: 5 }, () => open());
  await clock.advance(1_900);
  its.second(silent);
  assert(!isBehind(its, knock()));
  await clock.advance(100);
  its.second(silent);
  assert(isBehind(its, knock()));
  for (const record of silent) its.gone(record);
  await clock.advance(20_000);
  assert(!isBehind(its, knock()), 'five are fewer than four by then, ten would not be');
});

test('[DOOR-69] whom a trusted proxy brings is no suspect, whatever comes from where', () => {
  const { its, open, proxied, knock } = vetting();
  for (let i = 0; i < 100; i++) its.gone(open());
  assert(isBehind(its, knock()));
  assert(!isBehind(its, proxied()));
});

test('[DOOR-71] a second after others have waited suspects go on, the newest first, up to three quarters of what may be open', async () => {
  const { its, open, clock, door, knock, wentOn } = vetting();
  for (let i = 0; i < 100; i++) its.gone(open());
  assert(isBehind(its, knock()));
  for (let i = 0; i < 5; i++) its.putsOff(knock(i), 1_000);
  await clock.advance(999);
  assert(!its.nobodyElse(2));
  await clock.advance(1);
  assert(its.nobodyElse(2));
  assert.deepEqual(wentOn, [4, 3]);
  door.open = 750;
  assert(!its.nobodyElse(2));
  door.open = 749;
  assert(its.nobodyElse(2));
  assert(its.nobodyElse(2));
  assert(!its.nobodyElse(2));
  assert.deepEqual(wentOn, [4, 3, 2, 1, 0]);
});

test('[DOOR-72] who comes while suspects go on keeps them back, although nothing else is done', async () => {
  const { its, open, clock, knock, wentOn } = vetting();
  for (let i = 0; i < 100; i++) its.gone(open());
  assert(isBehind(its, knock()));
  for (let i = 0; i < 5; i++) its.putsOff(knock(i), 1_000);
  await clock.advance(1_000);
  assert(its.nobodyElse(2));
  its.standsBehind(knockOf('192.0.2.2', [])(), false);
  assert(!its.nobodyElse(2));
  assert.deepEqual(wentOn, [4, 3]);
});

test('[DOOR-73] who was put off for twelve seconds is closed, as its client has most likely gone, and nobody before', async () => {
  const { its, clock, knock, wentOn, closed } = vetting();
  for (let i = 0; i < 4; i++) {
    its.putsOff(knock(i), 1_000);
    await clock.advance(1_000);
  }
  await clock.advance(7_900);
  its.second([]);
  assert.deepEqual(closed, []);
  await clock.advance(1_200);
  its.second([]);
  assert.deepEqual(closed, [0, 1]);
  assert(its.nobodyElse(4));
  assert.deepEqual(wentOn, [3, 2]);
  assert(!its.puttingOff());
});

test('[DOOR-76] from where the listener for calls is used by clients in none, they stand behind there, and by the main listener with the others', () => {
  const { its, open, knock } = vetting();
  for (let i = 0; i < 5; i++) its.judgeCaller(open(), 'pretender');
  const asCaller: Knock = { ...knock(), listener: 'call' };
  assert(isBehind(its, asCaller));
  assert(!isBehind(its, knock()));
  for (let i = 0; i < 2; i++) its.judgeCaller(open(), 'call');
  assert(!isBehind(its, asCaller), 'some of that address are in a call');
});

test('[DOOR-77] the listener for calls is trusted again a minute after the last who used it without being in one', () => {
  const { its, door, open } = vetting();
  for (let i = 0; i < 10_000; i++) its.judgeCaller(open(), 'pretender');
  for (let seconds = 0; seconds < 59; seconds++) its.second([]);
  assert.equal(door.callersTrusted, false);
  its.second([]);
  its.second([]);
  assert.equal(door.callersTrusted, true);
});
