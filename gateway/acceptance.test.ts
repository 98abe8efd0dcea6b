import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { createVirtualClock } from '#runtime/clock.ts';
import { createAcceptance } from './acceptance.ts';
import { createDoor, decideListening, listenersAlike, nextTurn } from './door/door.ts';
import type { WaitingClass } from './door/waiting-room.ts';
import type { FlowRecord } from './flow-record.ts';
import { createGatewayMetrics } from './metrics.ts';
import type { Listener } from './seams.ts';
import { createVetting } from './vetting.ts';

/** Hellos that say what most of a listener's clients are. */
const ENOUGH = 50;

function acceptance() {
  const clock = createVirtualClock();
  const metrics = createGatewayMetrics(new Registry());
  const limits = { handshakeShare: 0.5, acceptQueueMax: 512, openMax: 1_000, ceiling: undefined };
  const costs = { patienceMs: 10_000, patienceShare: 0.45, handshakeMs: 1, setUpMs: 0.5, speed: 1 };
  const door = createDoor({ ...limits, ...costs }, clock.monotonicMs());
  const vetting = createVetting(door, clock, metrics);
  const shutters = { follow: () => undefined, someShut: () => false, listens: { main: true, call: true } };
  const placesLeft = () => 1_000;
  const its = createAcceptance(door, { clock, metrics, vetting, shutters, handshakesPerTurn: 2, placesLeft });
  const wentOn: string[] = [];
  const gone = new Map<string, () => void>();
  return {
    ...{ door, wentOn, gone, clock, metrics, heldMs: its.heldMs },
    /** Many hellos by the listener for calls, from elsewhere. */
    judge(name: WaitingClass): void {
      const flow = { opening: { address: '192.0.2.9' } };
      const record = { flow } as unknown as FlowRecord;
      for (let i = 0; i < ENOUGH; i++) vetting.judgeCaller(record, name);
    },
    /** Names of connections, those by the listener for calls begin with a `c`. */
    come(...names: readonly string[]): void {
      for (const name of names) {
        const listener: Listener = name.startsWith('c') ? 'call' : 'main';
        const hold = (whenGone: () => void) => void gone.set(name, whenGone);
        const goOn = () => void wentOn.push(name);
        its.takes({ listener, address: () => '192.0.2.1', hold, goOn, close: () => undefined }, true);
      }
    },
    /** All that may go on do, one after the other. */
    serve(): void {
      for (let turn = nextTurn(door, 0); turn !== undefined; turn = nextTurn(door, 0)) {
        assert(turn === 'callHandshake' || turn === 'handshake', turn);
        its.next(turn === 'callHandshake' ? ['call'] : listenersAlike(door));
      }
    },
  };
}

test('[DOOR-74] who comes by the listener for calls goes on first, and in no order but that of coming while most of them are in none', () => {
  const { door, judge, wentOn, gone, come, serve } = acceptance();
  come('passes', 'passes too', 'm1', 'c1', 'm2', 'c2');
  serve();
  assert.deepEqual(wentOn.splice(0), ['c1', 'c2', 'm1', 'm2']);
  judge('pretender');
  come('m3', 'm4', 'c3', 'm5', 'c4', 'm6');
  gone.get('m4')!();
  serve();
  assert.deepEqual(wentOn.splice(0), ['m3', 'c3', 'm5', 'c4', 'm6']);
  assert.deepEqual(door.handshakes, { call: 0, main: 0 });
  judge('call');
  come('m7', 'c5');
  serve();
  assert.deepEqual(wentOn, ['c5', 'm7'], 'it is one of those in a call again');
});

test('[DOOR-75] where the door is full, the listener for calls takes nobody either who comes while most are in none', () => {
  for (const [name, taken] of [
    ['call', 100],
    ['pretender', 0],
  ] as const) {
    const { door, judge, come } = acceptance();
    judge(name);
    come(...Array.from({ length: 20_000 }, (_, i) => `m${i}`));
    assert.equal(door.listening.main, false);
    come(...Array.from({ length: 100 }, (_, i) => `c${i}`));
    assert.equal(door.handshakes.call, taken);
    assert.equal(door.listening.call, taken > 0);
  }
});

test('[DOOR-78] for how long those were held who went on a moment ago is known, and soon forgotten', async () => {
  const { clock, heldMs, come, serve } = acceptance();
  come('passes', 'passes too', 'm1', 'm2');
  assert.equal(heldMs(), 0);
  await clock.advance(3_000);
  come('m3');
  serve();
  assert.equal(heldMs(), 3_000);
  await clock.advance(1_000);
  come('m4');
  serve();
  assert.equal(heldMs(), 3_000);
  await clock.advance(2_000);
  assert.equal(heldMs(), 0);
});

test('[DOOR-81] who left while it was held is counted once, before its turn or when it goes on', async () => {
  const { door, gone, metrics, come, serve } = acceptance();
  come('passes', 'passes too', 'm1', 'm2', 'm3', 'c1');
  gone.get('m2')!();
  assert.deepEqual(door.handshakes, { call: 1, main: 2 });
  serve();
  gone.get('m3')!();
  gone.get('c1')!();
  assert.deepEqual(door.handshakes, { call: 0, main: 0 });
  assert.equal((await metrics.abandoned.get()).values[0]!.value, 3);
  assert.equal(door.abandonment.abandoned, 3);
});

test('[DOOR-82] while clients leave before their turn, a gateway stops listening sooner; those who came all at once are held all the same', async () => {
  const { door, clock, gone, come, serve } = acceptance();
  const crowd = Array.from({ length: 2_000 }, (_, i) => `m${i}`);
  come('passes', 'passes too');
  for (let round = 0; round < 10; round++) {
    const few = crowd.slice(0, 100);
    come(...few);
    serve();
    for (const name of few.slice(0, 20)) gone.get(name)!();
    await clock.advance(5_000);
  }
  decideListening(door, 0);
  assert.equal(door.listening.main, true);
  come(...crowd);
  assert.equal(door.handshakes.main, 2_000);
  decideListening(door, 0);
  assert.equal(door.listening.main, false);
  const { door: calm, come: comeInCalm } = acceptance();
  comeInCalm('passes', 'passes too', ...crowd);
  decideListening(calm, 0);
  assert.equal(calm.listening.main, true);
});
