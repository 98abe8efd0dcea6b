import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Msg } from '@nats-io/transport-node';
import { createVirtualClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createBusMetrics } from '../metrics.ts';
import type { Append, Appended } from '../seams.ts';
import { createAppends } from './appends.ts';
import type { Connection } from './connection.ts';

interface Published {
  readonly subject: string;
  readonly reply: string;
  readonly headers: string;
}

/** A connection that keeps what is published, and through which a test answers. */
function stage() {
  const clock = createVirtualClock();
  const published: Published[] = [];
  const watchers: ((connected: boolean) => void)[] = [];
  let receive: (message: Msg) => void = () => undefined;
  const connection = {
    connected: true as boolean,
    payloadBytesMax: 1_000_000,
    publish(subject: string, _data: Uint8Array, reply = '', headers = '') {
      if (!connection.connected) return false;
      published.push({ subject, reply, headers });
      return true;
    },
    subscribe: () => () => undefined,
    subscribeLean(_subject: string, received: (message: Msg) => void) {
      receive = received;
      return () => undefined;
    },
    watch(changed: (connected: boolean) => void) {
      watchers.push(changed);
      return () => undefined;
    },
    close: async () => undefined,
  } satisfies Connection;
  const appends = createAppends(connection, '_INBOX.me.a', {
    clock,
    log: createLogger('test', 'silent'),
    metrics: createBusMetrics([]),
  });
  const outcomes = new Map<string, Appended>();
  return {
    clock,
    connection,
    published,
    outcomes,
    append(messageId: string, more: Partial<Append> = {}) {
      const data = Buffer.from('x');
      const frame = { partition: 3, channel: 'u/bob', messageId, data, ttlMs: 30_000, ...more };
      appends.append(frame, (outcome) => {
        assert(!outcomes.has(messageId), 'answered twice');
        outcomes.set(messageId, outcome);
      });
    },
    answer(n: number, text: string) {
      receive({ subject: published[n]!.reply, data: Buffer.from(text) } as unknown as Msg);
    },
    connect(connected: boolean) {
      connection.connected = connected;
      for (const changed of watchers) changed(connected);
    },
  };
}

const undecided = { kind: 'undecided' };

test('an append carries its message id, its time in whole seconds, and where to answer', () => {
  const on = stage();
  on.append('ann/phone/u/bob/1/x', { ttlMs: 1_001 });
  const [{ subject, headers, reply } = { subject: '', headers: '', reply: '' }] = on.published;
  assert.equal(subject, 'sig.3.u_bob');
  assert.equal(headers, 'NATS/1.0\r\nNats-Msg-Id:ann/phone/u/bob/1/x\r\nNats-TTL:3\r\n\r\n');
  assert.match(reply, /^_INBOX\.me\.a\.\d+$/);
});

test('answers find their append in whatever order they come', () => {
  const on = stage();
  for (const id of ['a', 'b', 'c']) on.append(id);
  on.answer(2, '{"stream":"s","seq":3}');
  on.answer(0, '{"stream":"s","seq":1}');
  on.answer(0, '{"stream":"s","seq":9}');
  assert.deepEqual(on.outcomes.get('a'), { kind: 'stored', position: 1, duplicate: false });
  assert.deepEqual(on.outcomes.get('c'), { kind: 'stored', position: 3, duplicate: false });
  assert.equal(on.outcomes.has('b'), false);
});

test('no answer in time is undecided, and one that comes later is nobody’s', async () => {
  const on = stage();
  on.append('early');
  await on.clock.advance(1_500);
  on.append('late');
  await on.clock.advance(1_300);
  assert.deepEqual([...on.outcomes], [['early', undecided]]);
  on.answer(0, '{"stream":"s","seq":1}');
  on.answer(1, '{"stream":"s","seq":2}');
  assert.deepEqual(on.outcomes.get('early'), undecided);
  assert.equal(on.outcomes.get('late')?.kind, 'stored');
});

test('when the connection is lost, all that were under way are undecided at once', () => {
  const on = stage();
  for (const id of ['a', 'b', 'c']) on.append(id);
  on.answer(1, '{"stream":"s","seq":1}');
  on.connect(false);
  assert.deepEqual([on.outcomes.get('a'), on.outcomes.get('c')], [undecided, undecided]);
  assert.equal(on.outcomes.get('b')?.kind, 'stored');
});

test('while away nothing is published, and the answer does not come within the call', async () => {
  const on = stage();
  on.connect(false);
  on.append('a');
  assert.equal(on.outcomes.size, 0);
  await on.clock.advance(0);
  assert.deepEqual(on.outcomes.get('a'), undecided);
  assert.equal(on.published.length, 0);
});

test('[P6] what is under way is bounded in number and in bytes', async () => {
  const many = stage();
  for (let n = 0; n < 20_000; n++) many.append(`${n}`);
  await many.clock.advance(0);
  assert.equal(many.published.length, 16_384);
  assert.equal(many.outcomes.size, 20_000 - 16_384);
  many.answer(0, '{"stream":"s","seq":1}');
  many.append('again');
  assert.equal(many.published.length, 16_385);

  const large = stage();
  const data = Buffer.alloc(900_000);
  for (let n = 0; n < 100; n++) large.append(`${n}`, { data });
  assert(large.published.length * data.length < 70_000_000);
});

test('a frame larger than the bus takes is not handed to it', async () => {
  const on = stage();
  on.append('a', { data: Buffer.alloc(1_000_000) });
  await on.clock.advance(0);
  assert.deepEqual(on.outcomes.get('a'), undecided);
  assert.equal(on.published.length, 0);
});
