/** What only a bus of real servers can go through: restarts, frozen servers, streams deleted, other settings. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { append, appended, channelsIn, frameTo, recorder, until } from '#test/contracts/bus-under-test.ts';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { type NatsServer, startNatsServer } from '#test/harness/nats-server.ts';
import type { BusConfig } from '../config.ts';
import { createBusMetrics } from '../metrics.ts';
import { type Appended, type Bus, BusUnavailable } from '../seams.ts';
import { BusMisconfigured } from './bus.ts';

interface Opened {
  readonly server: NatsServer;
  readonly config: BusConfig;
  readonly bus: Bus;
  another(more?: Partial<BusConfig>): Promise<Bus>;
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

async function open(more: Partial<BusConfig> = {}): Promise<Opened> {
  const server = await startNatsServer();
  const config = natsConfig(server.url, {}, more);
  const nodes: Bus[] = [];
  const another = async (other: Partial<BusConfig> = {}) => {
    const node = await connectNode({ ...config, ...other });
    nodes.push(node);
    return node;
  };
  return {
    server,
    config,
    bus: await another(),
    another,
    pass: async (ms) => {
      await pause(ms);
    },
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
      await server.close();
    },
  };
}

function resilient(
  what: string,
  run: (opened: Opened) => Promise<void>,
  more: Partial<BusConfig> = {},
): void {
  test(what, async () => {
    const opened = await open(more);
    try {
      await run(opened);
    } finally {
      await opened.close();
    }
  });
}

/** Repeats one append until it is stored, as a gateway does. */
async function insisted(opened: Opened, frame: Parameters<typeof append>[1]): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const outcome = await append(opened, frame);
    if (outcome.kind === 'stored') return;
    assert.equal(outcome.kind, 'undecided');
    await opened.pass(50);
  }
  assert.fail('it was never stored');
}

for (const way of ['stop', 'kill'] as const) {
  resilient(`[P1][P7] a follower loses nothing when the server is restarted (${way})`, async (opened) => {
    const { bus, server } = opened;
    const [channel] = channelsIn(bus, 3, 1);
    const record = recorder();
    const follow = bus.log.follow(3, 0, record);
    for (let n = 0; n < 20; n++) await insisted(opened, frameTo(bus, channel!, `${n}`));
    await server[way]();
    await server.start();
    for (let n = 20; n < 40; n++) await insisted(opened, frameTo(bus, channel!, `${n}`));
    await until(opened, () => record.entries.length === 40, 'all have come');
    follow.stop();
    assert.deepEqual(
      record.texts,
      Array.from({ length: 40 }, (_, n) => `${n}`),
    );
    assert.equal(record.epochChanges, 0);
  });
}

resilient('[P1] a follower that was cut off while frames were stored is brought them all', async (opened) => {
  const { bus, server } = opened;
  const [channel] = channelsIn(bus, 1, 1);
  const record = recorder();
  const follow = bus.log.follow(1, 0, record);
  await insisted(opened, frameTo(bus, channel!, 'before'));
  await until(opened, () => record.entries.length === 1, 'the first has come');
  server.freeze();
  await until(opened, () => !bus.post.connected, 'the frozen server is found out');
  const frame = frameTo(bus, channel!, 'refused');
  assert.deepEqual(await append(opened, frame), { kind: 'undecided' });
  server.resume();
  await until(opened, () => bus.post.connected, 'it is connected again');
  for (let n = 0; n < 5; n++) await insisted(opened, frameTo(bus, channel!, `${n}`));
  await until(opened, () => record.texts.length === 6, 'all have come');
  follow.stop();
  assert.deepEqual(record.texts, ['before', '0', '1', '2', '3', '4']);
});

test('[P7] a frozen server is left for another one, also behind full socket buffers', async () => {
  await using frozen = await startNatsServer();
  await using second = await startNatsServer();
  await second.stop();
  const bus = await connectNode(natsConfig(`${frozen.url},${second.url}`));
  await using _ = { [Symbol.asyncDispose]: () => bus.close() };
  await second.start();
  frozen.freeze();
  const outcomes: Appended[] = [];
  const data = Buffer.alloc(60_000);
  for (let n = 0; n < 400; n++) {
    bus.log.append(frameTo(bus, 'u/bob', '', { data }), (outcome) => outcomes.push(outcome));
  }
  const changes: boolean[] = [];
  bus.post.watchConnection((connected) => changes.push(connected));
  for (let waited = 0; waited < 8_000 && changes.length < 2; waited += 20) await pause(20);
  assert.deepEqual(changes, [false, true]);
  assert.equal(outcomes.length, 400);
  assert(outcomes.every(({ kind }) => kind === 'undecided'));
});

resilient(
  '[P7] while the bus is away nothing is buffered, and everything is told so at once',
  async (opened) => {
    const { bus, server } = opened;
    const changes: boolean[] = [];
    bus.post.watchConnection((connected) => changes.push(connected));
    let came = 0;
    bus.post.subscribe('gw.one', () => came++);
    await server.kill();
    await until(opened, () => !bus.post.connected, 'the bus is away');
    const before = process.memoryUsage();
    const data = Buffer.alloc(10_000);
    let answered = 0;
    for (let n = 0; n < 20_000; n++) {
      assert.equal(bus.post.publish('gw.one', data), false);
      bus.log.append(frameTo(bus, 'u/bob', '', { data }), (outcome) => {
        assert.equal(outcome.kind, 'undecided');
        answered++;
      });
      if (n % 1_000 === 0) await opened.pass(1);
    }
    await until(opened, () => answered === 20_000, 'all appends are answered');
    const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
    assert(grown < 50_000_000, `${grown} bytes are kept of 400,000,000`);
    await assert.rejects(bus.post.request('rt.one.beat', data, 60_000), BusUnavailable);
    await assert.rejects(bus.log.read('u/bob', 0, 1, 1, true), BusUnavailable);
    assert.deepEqual(await bus.leases.compareAndSet('router.a', data, 0), { kind: 'undecided' });
    await server.start();
    await until(opened, () => bus.post.connected, 'the bus is back');
    assert.deepEqual(changes, [false, true]);
    assert(bus.post.publish('gw.one', Buffer.from('x')));
    await until(opened, () => came > 0, 'the subscription is there again');
    assert.equal(came, 1);
  },
);

resilient(
  '[P7] an append under way when the server dies is undecided, and its repeat is stored once',
  async (opened) => {
    const { bus, server } = opened;
    const frames = Array.from({ length: 50 }, (_, n) => frameTo(bus, 'u/bob', `${n}`));
    const outcomes: Appended[] = [];
    for (const frame of frames) bus.log.append(frame, (outcome) => outcomes.push(outcome));
    await server.kill();
    await until(opened, () => outcomes.length === 50, 'all are answered');
    await server.start();
    for (const frame of frames) await insisted(opened, frame);
    const end = await bus.log.end(frames[0]!.partition);
    const read = await bus.log.read('u/bob', 0, end, 1e6, true);
    assert.equal(new Set(read.entries.map(({ data }) => Buffer.from(data).toString())).size, 50);
    assert.equal(read.entries.length, 50);
  },
);

resilient('[P7] closing does not wait for a server that is frozen', async (opened) => {
  const node = await opened.another();
  opened.server.freeze();
  const data = Buffer.alloc(60_000);
  for (let n = 0; n < 400; n++) node.log.append(frameTo(node, 'u/bob', '', { data }), () => undefined);
  const startMs = performance.now();
  await node.close();
  assert(performance.now() - startMs < 1_500);
  opened.server.resume();
});

resilient('the epoch outlives a restart of the server', async (opened) => {
  const { bus, server } = opened;
  const before = bus.log.epoch(0);
  await server.stop();
  await server.start();
  await until(opened, () => bus.post.connected, 'it is connected again');
  assert.equal(bus.log.epoch(0), before);
  assert.equal((await opened.another()).log.epoch(0), before);
});

resilient(
  'a log that was deleted is made anew, under another epoch, and its followers are told',
  async (opened) => {
    const { bus } = opened;
    const before = bus.log.epoch(0);
    const other = bus.log.epoch(1);
    const told = recorder();
    const untouched = recorder();
    await appended(opened, frameTo(bus, channelsIn(bus, 0, 1)[0]!, 'old'));
    bus.log.follow(0, 0, told);
    const follow = bus.log.follow(1, 0, untouched);
    await until(opened, () => told.texts.length === 1, 'the frame has come');
    await deleteStream(opened, 'snowshed-log-0');
    await until(opened, () => told.epochChanges === 1, 'the follower is told');
    assert.notEqual(bus.log.epoch(0), before);
    assert.equal(bus.log.epoch(1), other);
    const [channel] = channelsIn(bus, 0, 1);
    assert((await appended(opened, frameTo(bus, channel!, 'new'))) >= 1);
    const again = recorder();
    const second = bus.log.follow(0, 0, again);
    await until(opened, () => again.texts.length === 1, 'the new frame has come');
    assert.deepEqual(again.texts, ['new']);
    assert.equal(untouched.epochChanges, 0);
    second.stop();
    follow.stop();
  },
);

resilient('leases and journal go on after a restart, and are listed again', async (opened) => {
  const { bus, server } = opened;
  const seen: string[] = [];
  bus.leases.watch({
    entry: ({ key, value }) => seen.push(`${key}=${value && Buffer.from(value)}`),
    ready: () => seen.push('ready'),
  });
  const journal: string[] = [];
  bus.journal.follow({
    entry: ({ data }) => journal.push(Buffer.from(data).toString()),
    caughtUp: () => journal.push('caught up'),
  });
  await bus.leases.compareAndSet('router.a', Buffer.from('1'), 0);
  await bus.journal.append(Buffer.from('one'));
  await until(opened, () => seen.includes('router.a=1') && journal.includes('one'), 'both have come');
  await server.kill();
  await server.start();
  await until(opened, () => bus.post.connected, 'it is connected again');
  let set = await bus.leases.compareAndSet('router.b', Buffer.from('2'), 0);
  for (let n = 0; n < 100 && set.kind !== 'taken'; n++) {
    await opened.pass(50);
    set = await bus.leases.compareAndSet('router.b', Buffer.from('2'), 0);
  }
  await until(opened, () => seen.includes('router.b=2'), 'the new lease has come');
  await until(opened, () => seen.filter((what) => what === 'ready').length >= 2, 'it was listed again');
  // The bucket was in the memory of one server: what it held is gone, and said to be.
  assert(seen.includes('router.a=undefined'));
  // And whoever writes the key again begins below what was known, as the store does.
  assert.equal((await bus.leases.compareAndSet('router.a', Buffer.from('3'), 0)).kind, 'taken');
  await until(opened, () => seen.includes('router.a=3'), 'the key has come again');
  assert.deepEqual(seen.filter((what) => what.startsWith('router.a=')).slice(-2), [
    'router.a=undefined',
    'router.a=3',
  ]);
  await bus.journal.append(Buffer.from('two'));
  await until(opened, () => journal.includes('two'), 'the second entry has come');
  assert.deepEqual(
    journal.filter((what) => what !== 'caught up'),
    ['one', 'two'],
  );
  assert(journal.filter((what) => what === 'caught up').length >= 2);
});

resilient('where the leases were lost, every key is gone before it comes again', async (opened) => {
  const { bus } = opened;
  const seen: string[] = [];
  bus.leases.watch({
    entry: ({ key, value }) => seen.push(`${key}=${value && Buffer.from(value)}`),
    ready: () => undefined,
  });
  await bus.leases.compareAndSet('partition.0', Buffer.from('old'), 0);
  await until(opened, () => seen.includes('partition.0=old'), 'it has come');
  await deleteStream(opened, 'KV_snowshed-leases');
  let set = await bus.leases.compareAndSet('partition.0', Buffer.from('new'), 0);
  for (let n = 0; n < 200 && set.kind !== 'taken'; n++) {
    await opened.pass(50);
    set = await bus.leases.compareAndSet('partition.0', Buffer.from('new'), 0);
  }
  await until(opened, () => seen.at(-1) === 'partition.0=new', 'it has come again');
  assert(seen.slice(1).includes('partition.0=undefined'), seen.join(' '));
});

resilient('nodes that start at once make the streams once', async (opened) => {
  await deleteStream(opened, 'snowshed-log-0');
  await deleteStream(opened, 'snowshed-log-1');
  const nodes = await Promise.all(Array.from({ length: 6 }, () => opened.another()));
  const epochs = new Set(nodes.map((node) => node.log.epoch(0)));
  assert.equal(epochs.size, 1);
});

resilient('a stream with other settings refuses, and says which', async (opened) => {
  await assert.rejects(opened.another({ LOG_CHANNEL_FRAMES_MAX: 77 }), (error) => {
    assert(error instanceof BusMisconfigured);
    assert.match(error.message, /snowshed-log-\d.*max_msgs_per_subject: expected 77, found 1000/);
    return true;
  });
  await assert.rejects(opened.another({ LOG_PARTITIONS: 16 }), /metadata\.partitions: expected 16, found 8/);
  await assert.rejects(opened.another({ LOG_STREAMS: 1 }), /metadata\.streams: expected 1, found 2/);
  await assert.rejects(opened.another({ LOG_STORAGE: 'memory' }), /storage: expected memory, found file/);
  await assert.rejects(opened.another({ LOG_REPLICAS: 3 }), /num_replicas: expected 3, found 1/);
  await opened.another();
});

test('where no server is, the error names NATS_URL', async () => {
  const config = natsConfig('nats://127.0.0.1:1');
  await assert.rejects(connectNode(config), (error) => {
    assert(error instanceof BusUnavailable);
    assert.match(error.message, /NATS_URL/);
    return true;
  });
});

resilient('the head of an idle partition moves while others fill the stream', async (opened) => {
  const { bus } = opened;
  const record = recorder();
  const follow = bus.log.follow(2, 0, record);
  const [own] = channelsIn(bus, 2, 1);
  const [other] = channelsIn(bus, 4, 1);
  await appended(opened, frameTo(bus, own!, 'mine'));
  for (let n = 0; n < 30; n++) await appended(opened, frameTo(bus, other!, 'theirs'));
  const end = await bus.log.end(2);
  await until(opened, () => record.headPosition >= end, 'the head reaches the end');
  assert.deepEqual(record.texts, ['mine']);
  follow.stop();
});

resilient('consumers of followers that stopped are removed', async (opened) => {
  const metrics = createBusMetrics([]);
  const node = await connectNode(opened.config, metrics);
  const follows = Array.from({ length: 4 }, (_, p) => node.log.follow(p, 0, recorder()));
  const nats = await connect({ servers: opened.server.url });
  const manager = await jetstreamManager(nats);
  const consumers = async () => {
    let count = 0;
    for (const stream of ['snowshed-log-0', 'snowshed-log-1']) {
      count += (await manager.streams.info(stream)).state.consumer_count;
    }
    return count;
  };
  while ((await consumers()) < 4) await opened.pass(20);
  for (const follow of follows) follow.stop();
  while ((await consumers()) > 0) await opened.pass(20);
  await nats.close();
  await node.close();
});

async function deleteStream({ server }: Opened, name: string): Promise<void> {
  const nats = await connect({ servers: server.url });
  await (await jetstreamManager(nats)).streams.delete(name);
  await nats.close();
}
