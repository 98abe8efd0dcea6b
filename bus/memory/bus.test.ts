import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { recorder } from '#test/contracts/bus-under-test.ts';
import { type Appended, BusUnavailable } from '../seams.ts';
import { createMemoryBus } from './bus.ts';

function opened() {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ partitions: 2 }, { clock, random: createSeededRandom(1) });
  const append = async (text: string) => {
    let outcome: Appended | undefined;
    const frame = { partition: 0, channel: 'u/bob', messageId: text, data: Buffer.from(text), ttlMs: 30_000 };
    bus.log.append(frame, (decided) => {
      outcome = decided;
    });
    await clock.advance(1);
    return outcome?.kind;
  };
  return { clock, bus, append };
}

test('[P7] cut off, nothing is taken, everyone is told, and all goes on afterwards', async () => {
  const { bus, clock, append } = opened();
  const changes: boolean[] = [];
  const leases: string[] = [];
  const journal: string[] = [];
  const record = recorder();
  bus.post.watchConnection((connected) => changes.push(connected));
  bus.leases.watch({ entry: ({ key }) => leases.push(key), ready: () => leases.push('ready') });
  bus.journal.follow({ entry: () => journal.push('entry'), caughtUp: () => journal.push('caught up') });
  bus.log.follow(0, 0, record);
  await bus.leases.compareAndSet('router.a', Buffer.from('1'), 0);
  assert.equal(await append('before'), 'stored');

  bus.setConnected(false);
  assert.equal(await append('meanwhile'), 'undecided');
  assert.equal(bus.post.publish('gw.one', Buffer.from('x')), false);
  await assert.rejects(bus.post.request('rt.one.beat', Buffer.from('x'), 100), BusUnavailable);
  await assert.rejects(bus.log.read('u/bob', 0, 1, 100, true), BusUnavailable);
  await assert.rejects(bus.log.end(0), BusUnavailable);
  await assert.rejects(bus.journal.append(Buffer.from('x')), BusUnavailable);
  assert.deepEqual(await bus.leases.compareAndSet('router.b', Buffer.from('1'), 0), { kind: 'undecided' });

  bus.setConnected(true);
  assert.equal(await append('after'), 'stored');
  await clock.advance(1);
  assert.deepEqual(changes, [false, true]);
  assert.deepEqual(record.texts, ['before', 'after']);
  assert.deepEqual(leases, ['ready', 'router.a', 'router.a', 'ready']);
  assert.deepEqual(journal, ['caught up', 'caught up']);
});

test('a request under way is refused when the bus goes away', async () => {
  const { bus, clock } = opened();
  bus.post.answer('rt.one.beat', () => undefined);
  const request = assert.rejects(bus.post.request('rt.one.beat', Buffer.from('x'), 60_000), BusUnavailable);
  await clock.advance(1);
  bus.setConnected(false);
  await request;
});

test('a log that begins another life has another epoch, and tells its followers', async () => {
  const { bus, clock, append } = opened();
  const before = bus.log.epoch(0);
  await append('old');
  await append('older');
  const record = recorder();
  bus.log.follow(0, 0, record);
  await clock.advance(1);
  bus.startLogAnew();
  await clock.advance(1);
  assert.equal(record.epochChanges, 1);
  assert.notEqual(bus.log.epoch(0), before);
  assert.equal(await bus.log.end(0), 0);
  await append('new');
  assert.deepEqual(record.texts, ['old', 'older']);
});

test('the clock of the log goes on when wall time jumps', async () => {
  const { bus, clock } = opened();
  const atMs = bus.log.nowMs();
  clock.skewWall(-3_600_000);
  await clock.advance(10);
  assert.equal(bus.log.nowMs(), atMs + 10);
});

test('catching up blocks nobody: a long log is brought in several turns', async () => {
  const { bus, clock } = opened();
  for (let n = 0; n < 2_500; n++) {
    const frame = {
      partition: 0,
      channel: 'u/bob',
      messageId: `${n}`,
      data: Buffer.from('x'),
      ttlMs: 30_000,
    };
    bus.log.append(frame, () => undefined);
  }
  await clock.advance(1);
  const turns: number[] = [];
  let brought = 0;
  bus.log.follow(0, 0, {
    entry: () => brought++,
    head: () => turns.push(brought),
    epochChanged: () => assert.fail('it is the same log'),
  });
  let between = 0;
  clock.soon(() => {
    between = brought;
  });
  await clock.advance(1);
  assert.equal(brought, 2_500);
  assert(between < 2_500);
  assert.deepEqual(turns, [2_500]);
});

test('journal entries are forgotten when their time is over', async () => {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ journalTtlMs: 10_000 }, { clock, random: createSeededRandom(1) });
  await bus.journal.append(Buffer.from('old'));
  await clock.advance(9_000);
  await bus.journal.append(Buffer.from('young'));
  await clock.advance(2_000);
  const seen: string[] = [];
  bus.journal.follow({
    entry: ({ data }) => seen.push(`${Buffer.from(data)}`),
    caughtUp: () => seen.push('.'),
  });
  await clock.advance(1);
  assert.deepEqual(seen, ['young', '.']);
});
