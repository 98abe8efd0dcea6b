import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createVirtualClock, type VirtualClock } from '#runtime/clock.ts';
import type { HttpResponse } from '#runtime/uws.ts';
import { FakeHub } from '#test/contracts/fake-hub.ts';
import type { Opening } from '../seams.ts';
import { Exchange } from './exchange.ts';
import { PollFlow } from './poll-flow.ts';

const opening: Opening = {
  transport: 'poll',
  address: '192.0.2.1',
  origin: undefined,
  secure: false,
  bearer: undefined,
};
const options = { pollHoldMs: 25_000, pollLingerMs: 15_000, pollBytesMax: 1_000 };
const welcome = '{"type":"welcome"}';

/** One request as uWebSockets.js would hold it, and its answer. */
class Asked {
  status = '';
  body = '';
  readonly headers = new Map<string, string>();
  abort: () => void = () => {};
  readonly exchange: Exchange;

  constructor(clock: VirtualClock) {
    const response = {
      onAborted: (handler: () => void) => (this.abort = handler),
      cork: (act: () => void) => act(),
      writeStatus: (status: string) => (this.status = status),
      writeHeader: (name: string, value: string) => this.headers.set(name, value),
      end: (body: string) => (this.body = body),
    };
    this.exchange = new Exchange(response as unknown as HttpResponse, clock, false);
  }

  get answer(): { turn: number; messages: { type: string; n: number }[]; fault?: string } | undefined {
    return this.body === '' ? undefined : JSON.parse(this.body);
  }
}

function flowUnderTest() {
  const clock = createVirtualClock();
  const hub = new FakeHub();
  const forgotten: PollFlow[] = [];
  const forget = (flow: PollFlow) => void forgotten.push(flow);
  const deps = { clock, events: hub, forget, movesOn: () => false };
  const flow = new PollFlow(1, 'f', opening, options, deps);
  const poll = (turn: number): Asked => {
    const asked = new Asked(clock);
    flow.poll(turn, asked.exchange, []);
    return asked;
  };
  return { clock, hub, flow, poll, forgotten };
}

test('what is sent in one turn of the loop goes in one answer, and the next turn counts it', async () => {
  const { clock, flow, poll, hub } = flowUnderTest();
  const first = poll(0);
  flow.send(welcome);
  flow.send('{"type":"a"}');
  assert.equal(flow.unsentBytes(), 30);
  assert.equal(first.answer, undefined);
  await clock.advance(0);
  assert.deepEqual(first.answer, { flow: 'f', turn: 1, messages: [{ type: 'welcome' }, { type: 'a' }] });
  assert.equal(flow.unsentBytes(), 0);
  assert.equal(hub.of('drained').length, 1);
});

test('a poll is held until there is something to say, or its time is over', async () => {
  const { clock, flow, poll } = flowUnderTest();
  const first = poll(0);
  await clock.advance(24_999);
  assert.equal(first.answer, undefined);
  await clock.advance(1);
  assert.deepEqual(first.answer, { flow: 'f', turn: 0, messages: [] });
  const second = poll(0);
  await clock.advance(1_000);
  flow.send(welcome);
  await clock.advance(0);
  assert.equal(second.answer?.turn, 1);
});

test('a newer poll ends the one that stands', async () => {
  const { clock, flow, poll } = flowUnderTest();
  const older = poll(0);
  const newer = poll(0);
  assert.deepEqual(older.answer?.messages, []);
  flow.send(welcome);
  await clock.advance(0);
  assert.equal(newer.answer?.messages.length, 1);
});

test('a client that names the turn before gets the last answer again; one that was overtaken, nothing', async () => {
  const { clock, flow, poll } = flowUnderTest();
  const lost = poll(0);
  flow.send(welcome);
  await clock.advance(0);
  const again = poll(0);
  assert.deepEqual(again.answer, lost.answer);
  assert.deepEqual(poll(0).answer, lost.answer);
  const next = poll(1);
  assert.deepEqual(poll(0).answer, { flow: 'f', turn: 1, messages: [] });
  assert.equal(next.body, '');
  flow.send('{"type":"a"}');
  await clock.advance(0);
  assert.equal(next.answer?.turn, 2);
});

test('nobody polls: the flow lingers, then it is silent', async () => {
  const { clock, flow, poll, hub, forgotten } = flowUnderTest();
  poll(0).abort();
  await clock.advance(14_999);
  assert.deepEqual(hub.of('closed'), []);
  await clock.advance(1);
  assert.deepEqual(hub.of('closed'), [{ kind: 'closed', flow, fault: 'SILENT' }]);
  assert.deepEqual(forgotten, [flow]);
  flow.send(welcome);
  flow.close('GOING_AWAY');
  await clock.advance(60_000);
  assert.equal(hub.of('closed').length, 1);
});

test('a poll that the client leaves takes nothing with it', async () => {
  const { clock, flow, poll } = flowUnderTest();
  const left = poll(0);
  flow.send(welcome);
  left.abort();
  await clock.advance(100);
  assert.equal(left.body, '');
  const next = poll(0);
  await clock.advance(0);
  assert.equal(next.answer?.messages.length, 1);
});

test('what comes before welcome waits for it, in order and within a bound', async () => {
  const { clock, flow, poll, hub } = flowUnderTest();
  poll(0);
  flow.receive(Buffer.from('hello'), 0);
  assert(flow.receiveWhenOpen([Buffer.from('1'), Buffer.from('2')], 0));
  assert(!flow.receiveWhenOpen([Buffer.alloc(999)], 0));
  flow.send('{"type":"wait"}');
  await clock.advance(0);
  assert.deepEqual(heard(hub), ['hello']);
  flow.send(welcome);
  assert.deepEqual(heard(hub), ['hello']);
  assert(flow.receiveWhenOpen([Buffer.from('3')], 0));
  await clock.advance(0);
  assert(flow.receiveWhenOpen([Buffer.from('4')], 0));
  assert.deepEqual(heard(hub), ['hello', '1', '2', '3', '4']);
});

test('[POLL-20] what waits for welcome is handed on with the time since which it is there', async () => {
  const { clock, flow, hub } = flowUnderTest();
  const since: (number | undefined)[] = [];
  hub.received = (_flow, _data, _binary, sinceMs) => void since.push(sinceMs);
  const beganMs = clock.monotonicMs();
  flow.receive(Buffer.from('hello'), beganMs);
  flow.receiveWhenOpen([Buffer.from('1'), Buffer.from('2')], beganMs);
  await clock.advance(3_000);
  flow.receiveWhenOpen([Buffer.from('3')], beganMs + 3_000);
  await clock.advance(2_000);
  flow.send(welcome);
  await clock.advance(0);
  assert.deepEqual(since, [beganMs, beganMs, beganMs, beganMs + 3_000]);
});

test('however short they are, no more messages wait for welcome than one poll may bring', () => {
  const { flow } = flowUnderTest();
  const short = (count: number) => Array.from({ length: count }, () => Buffer.alloc(0));
  assert(flow.receiveWhenOpen(short(1_000), 0));
  assert(!flow.receiveWhenOpen(short(1), 0));
});

test('a flow that goes on for another answers when there is more than welcome, and all that was asked', async () => {
  const ack = '{"type":"ack","id":"1"}';
  const { clock, flow, poll } = flowUnderTest();
  flow.goesOn(0);
  const idle = poll(0);
  flow.send(welcome);
  await clock.advance(20_000);
  assert.equal(idle.body, '');
  flow.send('{"type":"frame"}');
  await clock.advance(0);
  assert.deepEqual(idle.answer?.messages, [{ type: 'welcome' }, { type: 'frame' }]);

  const asking = flowUnderTest();
  asking.flow.goesOn(1);
  asking.flow.receiveWhenOpen([Buffer.from('{"type":"send"}')], 0);
  const asked = asking.poll(0);
  asking.flow.send('{"type":"wait"}');
  asking.flow.send(welcome);
  asking.flow.send('{"type":"frame"}');
  await asking.clock.advance(500);
  assert.equal(asked.body, '');
  asking.flow.send(ack);
  await asking.clock.advance(0);
  assert.deepEqual(asked.answer?.messages.at(-1), JSON.parse(ack));
});

test('a flow that goes on for another does not wait for ever: not for an answer, nor past the hold', async () => {
  const late = flowUnderTest();
  late.flow.goesOn(1);
  const asked = late.poll(0);
  late.flow.send(welcome);
  late.flow.send('{"type":"frame"}');
  await late.clock.advance(1_000);
  assert.equal(asked.answer?.messages.length, 2);

  const { clock, flow, poll } = flowUnderTest();
  flow.goesOn(0);
  const held = poll(0);
  flow.send(welcome);
  await clock.advance(25_000);
  assert.deepEqual(held.answer, { flow: 'f', turn: 1, messages: [{ type: 'welcome' }] });
});

test('closed before welcome: the fault is that of the request', async () => {
  const { clock, flow, poll, hub } = flowUnderTest();
  const first = poll(0);
  assert(flow.receiveWhenOpen([Buffer.from('1')], 0));
  flow.send('{"type":"bye","fault":"TOKEN_EXPIRED","spreadMs":0}');
  flow.close('TOKEN_EXPIRED');
  assert.deepEqual(hub.of('closed'), []);
  await clock.advance(0);
  assert.equal(first.status, '401 Unauthorized');
  assert.equal(first.answer?.fault, 'TOKEN_EXPIRED');
  assert.deepEqual(hub.of('closed'), [{ kind: 'closed', flow, fault: 'TOKEN_EXPIRED' }]);
  assert.deepEqual(heard(hub), []);
});

test('told to come later before welcome: HTTP says when, in whole seconds and in milliseconds, and how many stand before', async () => {
  const { clock, flow, poll } = flowUnderTest();
  const asked = poll(0);
  flow.close('BUSY', 7_300.5, 42);
  await clock.advance(0);
  assert.match(asked.status, /^503 /);
  assert.equal(asked.headers.get('Retry-After'), '8');
  const { retryAfterMs, etaMs, ahead } = JSON.parse(asked.body);
  assert.deepEqual([retryAfterMs, etaMs, ahead], [7_301, 7_301, 42]);
});

test('closed after welcome: its last words are an answer, and whoever polls on is told the fault', async () => {
  const { clock, flow, poll, hub, forgotten } = flowUnderTest();
  poll(0);
  flow.send(welcome);
  await clock.advance(0);
  flow.send('{"type":"bye"}');
  flow.close('REPLACED');
  flow.send('{"type":"late"}');
  flow.receive(Buffer.from('late'), 0);
  await clock.advance(100);
  assert.deepEqual(hub.of('closed'), [{ kind: 'closed', flow, fault: 'REPLACED' }]);
  const last = poll(1);
  await clock.advance(0);
  assert.deepEqual(last.answer?.messages, [{ type: 'bye' }]);
  assert.deepEqual(poll(1).answer, last.answer);
  const beyond = poll(2);
  await clock.advance(0);
  assert.equal(beyond.status, '409 Conflict');
  await clock.advance(15_000);
  assert.deepEqual(forgotten, [flow]);
  assert.equal(hub.of('closed').length, 1);
  assert.deepEqual(heard(hub), []);
});

test('whatever answers are lost or overtaken, a client hears everything once and in order', async () => {
  const act = fc.constantFrom('send', 'send', 'poll', 'crossing', 'lose', 'leave', 'hold' as const);
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const { clock, flow, poll, hub } = flowUnderTest();
      const client = { turn: 0, heard: [] as number[] };
      let open: Asked[] = [];
      let sent = 0;
      const take = (asked: Asked) => {
        const { answer } = asked;
        if (answer === undefined) return;
        if (answer.turn > client.turn) client.heard.push(...answer.messages.map(({ n }) => n));
        client.turn = Math.max(client.turn, answer.turn);
      };
      for (const next of [...acts, 'poll', 'poll', 'poll']) {
        if (next === 'send') flow.send(`{"type":"x","n":${++sent}}`);
        else if (next === 'leave') open.pop()?.abort();
        else if (next === 'lose') open.pop();
        else if (next === 'hold') await clock.advance(14_000);
        else open.push(poll(client.turn));
        if (next !== 'crossing') await clock.advance(0);
        if (next === 'poll') {
          for (const asked of open) take(asked);
          open = open.filter((asked) => asked.exchange.waits);
        }
        assert(flow.turn - client.turn <= 1);
      }
      if (hub.of('closed').length === 0)
        assert.deepEqual(
          client.heard,
          Array.from({ length: sent }, (_, n) => n + 1),
        );
    }),
  );
});

function heard(hub: FakeHub): readonly string[] {
  return hub.of('received').map(({ text }) => text);
}
