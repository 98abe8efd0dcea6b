import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Clock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import type { DoorMode } from './door/config.ts';
import type { DoorPolicy } from './door/door.ts';
import type { WaitingClass } from './door/waiting-room.ts';
import { createDoorkeeper } from './doorkeeper.ts';
import { FlowRecord } from './flow-record.ts';
import { createGatewayMetrics } from './metrics.ts';
import type { Dialect, Flow, Listener } from './seams.ts';

const policy: DoorPolicy = {
  ...{ patienceMs: 10_000, patienceShare: 0.45 },
  ...{ handshakeMs: 1, setUpMs: 0.5, speed: 1, handshakeShare: 0.5 },
  ...{ acceptQueueMax: 512, openMax: 1_000, ceiling: undefined },
};

/** A loop that works when it is told to: time passes by hand, busy or idle, and turns come one by one. */
function handLoop() {
  let [nowMs, idleMs] = [1_000, 0];
  let soon: (() => void)[] = [];
  const timers = new Map<() => void, number>();
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(ms, act) {
      timers.set(act, nowMs + ms);
      return () => timers.delete(act);
    },
    every: () => () => undefined,
    soon: (act) => void soon.push(act),
    atEnd: (act) => void soon.push(act),
  };
  function turn(): void {
    for (const [act, atMs] of [...timers]) {
      if (atMs > nowMs) continue;
      timers.delete(act);
      act();
    }
    const due = soon;
    soon = [];
    for (const act of due) act();
  }
  return {
    clock,
    loop: { idleMs: () => idleMs },
    turn,
    busy(ms: number): void {
      nowMs += ms;
    },
    rest(ms: number): void {
      nowMs += ms;
      idleMs += ms;
    },
    turnsDue: () => soon.length,
  };
}

interface Held {
  readonly number: number;
  gone(): void;
}

function doorkeeper(mode: DoorMode = 'law', more: Partial<DoorPolicy> = {}) {
  const hand = handLoop();
  const metrics = createGatewayMetrics(new Registry());
  const listening = { main: true, call: true };
  const served: string[] = [];
  const told: { flow: number; etaMs: number; ahead: number }[] = [];
  const silenced: FlowRecord[] = [];
  let places = 100_000;
  let flows = 0;
  const keeper = createDoorkeeper({
    ...{ ...hand, metrics, mode, policy: { ...policy, ...more }, refuseOver: 5, handshakesPerTurn: 2 },
    log: createLogger('gateway', 'silent'),
    placesLeft: () => places,
    setListening: (listener, listens) => (listening[listener] = listens),
    tellWait: ({ flow: { number } }, etaMs, ahead) => void told.push({ flow: number, etaMs, ahead }),
    silent(record) {
      silenced.push(record);
      keeper.ended(record, false);
    },
  });
  function open(listener: Listener = 'main'): FlowRecord {
    const opening = { transport: 'websocket', address: '10.0.0.1', origin: undefined, secure: true } as const;
    const flow = { number: ++flows, opening: { ...opening, bearer: undefined, listener } };
    const record = new FlowRecord(flow as unknown as Flow, {} as Dialect);
    keeper.opened(record);
    return record;
  }
  function hello(record: FlowRecord, name: WaitingClass = 'resume', needsCredit = false): void {
    const label = `${name} ${record.flow.number}`;
    const setUp = () => {
      served.push(label);
      hand.busy(policy.setUpMs);
    };
    keeper.hello({ record, name, needsCredit, movable: true, setUp });
  }
  /** Connections that came; those that are held, and those that went on after that, in their order. */
  const held: Held[] = [];
  const wentOn: number[] = [];
  let numbers = 0;
  function knocks(count: number, listener: Listener = 'main', address = '10.0.0.1'): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const number = ++numbers;
      const knock = {
        listener,
        address: () => address,
        hold: (gone: () => void) => void held.push({ number, gone }),
        goOn: () => void wentOn.push(number),
        close: () => undefined,
      };
      if (keeper.knocked(knock)) taken += 1;
    }
    return taken;
  }
  return {
    ...{ hand, keeper, listening, served, told, silenced, metrics, open, hello, knocks, held, wentOn },
    setPlaces(count: number): void {
      places = count;
    },
    /** Turns of the loop in which it did handshakes alone, of so many milliseconds. */
    shakes(turns: number, ms: number): void {
      for (let i = 0; i < turns; i++) {
        hand.busy(ms);
        hand.turn();
      }
    },
  };
}

async function counted(metric: { get(): Promise<{ values: { value: number }[] }> }): Promise<number> {
  return (await metric.get()).values.reduce((sum, { value }) => sum + value, 0);
}

describe('the doorkeeper', () => {
  test('[DOOR-50] in calm a hello is served within the call that brings it, and the loop is not kept turning', () => {
    const { hand, keeper, served, open, hello, knocks } = doorkeeper();
    for (let i = 0; i < 3; i++) {
      assert.equal(knocks(1), 1);
      hand.turn();
      hand.rest(20);
      const record = open();
      hello(record);
      assert.equal(served.length, i + 1);
      keeper.stands(record, true);
      hand.turn();
      assert.equal(hand.turnsDue(), 0);
      hand.rest(1_000);
      hand.turn();
    }
  });

  test('[DOOR-51] it stops listening while handshakes take too long, and listens again when fewer are held', () => {
    const { listening, knocks, shakes, held, wentOn } = doorkeeper('law', { openMax: 10_000 });
    for (let turn = 0; turn < 15 && listening.main; turn++) {
      knocks(300);
      shakes(1, 2);
    }
    assert.deepEqual(listening, { main: false, call: true });
    const gone = held.filter(({ number }) => !wentOn.includes(number)).slice(-800);
    for (const one of gone) one.gone();
    shakes(1, 2);
    assert.equal(listening.main, true);
  });

  test('[DOOR-66] who comes in vain ends the accept pass: the gateway stops listening before it is told of the next', async () => {
    const { listening, knocks, hand, metrics } = doorkeeper('law', { openMax: 40_000 });
    knocks(40_000);
    assert.deepEqual(listening, { main: false, call: true });
    assert.equal(hand.turnsDue(), 1, 'no turn was needed');
    assert((await counted(metrics.dropped)) > 1);
  });

  test('[DOOR-52] who came first goes on first, a few in a turn, those of the listener for calls before all; who is gone is passed over', () => {
    const { knocks, hand, held, wentOn } = doorkeeper();
    knocks(10);
    assert.deepEqual(
      held.map(({ number }) => number),
      [3, 4, 5, 6, 7, 8, 9, 10],
      'two pass at once',
    );
    knocks(2, 'call');
    held.find(({ number }) => number === 4)!.gone();
    for (let i = 0; i < 3; i++) {
      hand.busy(2);
      hand.turn();
    }
    assert.deepEqual(wentOn, [11, 12, 3, 5, 6, 7]);
    held.find(({ number }) => number === 7)!.gone();
    for (let i = 0; i < 3; i++) {
      hand.busy(2);
      hand.turn();
    }
    assert.deepEqual(wentOn.slice(-3), [8, 9, 10]);
    assert.equal(hand.turnsDue(), 0, 'the loop rests');
  });

  test('[DOOR-61] ten thousand connections that never say a word shut nobody out once they were let on', () => {
    const { hand, listening, served, open, hello, knocks } = doorkeeper('law', { handshakeMs: 0.1 });
    knocks(10_000);
    hand.turn();
    // They had their turn, and nothing came of it: the loop finds nothing to do.
    for (let i = 0; i < 5_000; i++) {
      hand.busy(0.01);
      hand.turn();
    }
    assert.equal(listening.main, true);
    knocks(1);
    hello(open());
    assert.equal(served.length, 1);
  });

  test('[DOOR-53] while handshakes wait, set-ups get as long as these took, in the order of their classes', () => {
    const { hand, served, open, hello, knocks } = doorkeeper();
    knocks(1_000);
    hand.turn();
    for (const name of ['pretender', 'fresh', 'resume', 'stock'] as const) hello(open(), name);
    for (let i = 0; i < 10; i++) hello(open(), 'resume');
    hello(open(), 'call');
    assert.deepEqual(served, [], 'nobody is served out of turn');
    hand.busy(1);
    hand.turn();
    assert.equal(served[0], 'call 15');
    let before = served.length;
    for (let i = 0; i < 4; i++) {
      hand.busy(2);
      hand.turn();
      assert(served.length - before <= 4, `${served.length - before} in a turn`);
      before = served.length;
    }
    for (let i = 0; i < 20; i++) {
      hand.busy(1);
      hand.turn();
    }
    assert.deepEqual(
      served.map((label: string) => label.split(' ')[0]),
      ['call', 'stock', ...Array<string>(11).fill('resume'), 'fresh', 'pretender'],
    );
  });

  test('[DOOR-54] who waits is told so, again while it changes, and no more often than every two seconds', () => {
    const { hand, keeper, told, open, hello, knocks } = doorkeeper();
    const credits = { gateways: 1, fresh: { credits: 1, perSecond: 4 } };
    const news = { v: 1, router: 'r', term: 1 };
    for (let window = 1; window < 5; window++) keeper.credited({ ...news, window, credits });
    knocks(40);
    const records = Array.from({ length: 40 }, () => open());
    for (const record of records) hello(record, 'fresh', true);
    for (let ms = 0; ms < 8_000; ms += 10) {
      hand.rest(10);
      if (ms % 250 === 0) keeper.credited({ ...news, window: 5 + ms / 250, credits });
      hand.turn();
      hand.turn();
    }
    const ofLast = told.filter(({ flow }) => flow === records.at(-1)!.flow.number);
    assert(ofLast.length >= 2 && ofLast.length <= 4, `${ofLast.length} times`);
    assert(ofLast[0]!.etaMs > 7_000 && ofLast[0]!.etaMs < 12_000, `${ofLast[0]!.etaMs}`);
    assert(ofLast.every(({ ahead }, i) => i === 0 || ahead < ofLast[i - 1]!.ahead));
    assert.equal(told.filter(({ flow }) => flow === records[0]!.flow.number).length, 0, 'served at once');
  });

  test('[DOOR-55] no window begins more set-ups than it has credits, whoever waits', () => {
    const { hand, keeper, served, open, hello } = doorkeeper();
    const news = { v: 1, router: 'r', term: 1 };
    const perWindow: number[] = [];
    for (let window = 1; window <= 40; window++) {
      keeper.credited({ ...news, window, credits: { gateways: 1, all: { credits: 3, perSecond: 12 } } });
      const before = served.length;
      for (let i = 0; i < 10; i++) hello(open(), i % 2 === 0 ? 'call' : 'resume');
      for (let ms = 0; ms < 250; ms += 5) {
        hand.rest(5);
        hand.turn();
      }
      perWindow.push(served.length - before);
    }
    // Its windows are not those counted here, so a run of them holds one more at most.
    for (let from = 0; from < perWindow.length; from++) {
      let sum = 0;
      for (let to = from; to < perWindow.length; to++) {
        sum += perWindow[to]!;
        assert(sum <= 3 * (to - from + 2), `${perWindow}`);
      }
    }
    assert(served.length >= 3 * 38, `${served.length}`);
  });

  test('[DOOR-56] a ceiling that is only tried out holds nobody up, and counts whom it would have', async () => {
    const { keeper, served, open, hello, metrics } = doorkeeper();
    const fresh = { credits: 2, perSecond: 8, dryRun: true as const };
    keeper.credited({ v: 1, router: 'r', term: 1, window: 1, credits: { gateways: 1, fresh } });
    for (let i = 0; i < 10; i++) hello(open(), 'fresh', true);
    assert.equal(served.length, 10);
    assert.equal(await counted(metrics.doorWould), 8);
    assert.equal(keeper.state().wouldLimit.fresh, 8);
  });

  test('[DOOR-57] where the silent hold half of the places, those silent for two seconds go', () => {
    const { hand, silenced, open, hello, served } = doorkeeper('law', { openMax: 100 });
    const silent = Array.from({ length: 80 }, () => open());
    for (let ms = 0; ms < 1_900; ms += 10) {
      hand.rest(10);
      hand.turn();
    }
    assert.equal(silenced.length, 0);
    for (let ms = 0; ms < 500; ms += 10) {
      hand.rest(10);
      hand.turn();
    }
    assert.deepEqual(silenced, silent.slice(0, 30));
    hello(open());
    assert.equal(served.length, 1);
  });

  test('[DOOR-58] a gateway without places does not listen, and does again when one is free', () => {
    const { hand, listening, setPlaces, knocks } = doorkeeper();
    setPlaces(0);
    knocks(1);
    hand.turn();
    hand.rest(5);
    hand.turn();
    assert.deepEqual(listening, { main: false, call: false });
    setPlaces(10);
    hand.rest(25);
    hand.turn();
    hand.turn();
    assert.deepEqual(listening, { main: true, call: true });
  });

  test('[DOOR-59] open to all it never stops listening; refusing, it refuses over its limit alone; a dry run counts', async () => {
    for (const mode of ['open', 'refuse', 'dry-run'] as const) {
      const { keeper, listening, served, open, hello, knocks, shakes, metrics } = doorkeeper(mode);
      assert.equal(knocks(20_000), 20_000);
      shakes(3, 2);
      assert.deepEqual(listening, { main: true, call: true });
      assert.equal(keeper.refuses(), mode === 'refuse');
      hello(open(), 'pretender');
      assert.deepEqual(served, ['pretender 1']);
      assert.equal((await counted(metrics.doorWould)) > 0, mode === 'dry-run');
    }
  });

  test('[DOOR-60] whom a router sends on are the last of those that wait, and they go; who goes by itself is counted', async () => {
    const { keeper, open, hello, knocks, hand, metrics } = doorkeeper();
    knocks(100);
    hand.turn();
    const records = Array.from({ length: 10 }, () => open());
    for (const record of records) hello(record);
    const given = keeper.givenUp(3);
    assert.deepEqual(given, records.slice(-3));
    for (const record of given) keeper.ended(record, true);
    assert.equal(keeper.state().waiting.resume, 7);
    assert.equal(await counted(metrics.abandoned), 0);
    keeper.ended(records[0]!, false);
    assert.equal(await counted(metrics.abandoned), 1);
  });

  test('[DOOR-64] an address of which nobody becomes a session stands behind all others, and gets one handshake in 64', async () => {
    const { keeper, open, knocks, hand, metrics, wentOn } = doorkeeper();
    for (let i = 0; i < 20; i++) keeper.ended(open(), false);
    hand.turn();
    assert.equal(knocks(140, 'main', '10.0.0.2'), 140, 'numbers 1 to 140, of which two need not wait');
    assert.equal(knocks(50), 50, 'numbers 141 to 190');
    assert.equal(await counted(metrics.shunned), 50);
    for (let i = 0; i < 65; i++) {
      hand.busy(2);
      hand.turn();
    }
    assert.deepEqual(
      wentOn.filter((number) => number > 140),
      [190, 189],
    );
    assert.equal(wentOn.filter((number) => number <= 140).length, 130);
  });

  test('[DOOR-70] where all come from one address, most of them for nothing, the loop serves them as fast as it can', async () => {
    const { keeper, open, knocks, hand, metrics, wentOn } = doorkeeper();
    for (let i = 0; i < 20; i++) keeper.ended(open(), false);
    hand.turn();
    assert.equal(knocks(53), 53);
    for (let i = 0; i < 27; i++) {
      hand.busy(2);
      hand.turn();
    }
    assert.equal(wentOn.length, 51, 'two need not wait');
    assert.equal(await counted(metrics.shunned), 50);
  });

  test('[DOOR-62] whom the service sends away is not held against its address', async () => {
    const { keeper, open, knocks, hand, metrics } = doorkeeper();
    for (let i = 0; i < 20; i++) keeper.ended(open(), true);
    hand.turn();
    assert.equal(knocks(5, 'main', '10.0.0.2') + knocks(81), 86);
    assert.equal(await counted(metrics.shunned), 0);
  });
});
