import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMemoryBus } from '#bus/memory/bus.ts';
import type { Log, LogEntry, Read } from '#bus/seams.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { type EnvelopeHeader, encodeEnvelope } from '#wire/envelope.ts';
import { createDelivery } from './delivery.ts';
import type { Gap, Standing } from './subscription.ts';

const channel = 'u/bob';
const epoch = 'e';
const ttlMs = 2_000;
const readsMax = 4;
const who = { channel, flow: 1, session: 's', user: 'bob', device: 'd', watch: false };

type ReadOf = (after: number, upTo: number, leader: boolean) => Promise<Read>;

/** One flow on one channel; the log answers reads as the test says. */
function stage(
  read: ReadOf = () => assert.fail('nothing is read'),
  from: 'alive' | { epoch: string; position: number } = 'alive',
) {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ partitions: 1 }, { clock, random: createSeededRandom(1) });
  const asked: boolean[] = [];
  const log: Log = Object.assign(Object.create(bus.log), {
    read(_channel: string, after: number, upTo: number, _bytesMax: number, leader: boolean): Promise<Read> {
      assert(asked.push(leader) < 100, 'it is not asked for ever');
      return read(after, upTo, leader);
    },
  });
  const handed: string[] = [];
  const gaps: Gap[] = [];
  const flow = { ready: true, wake: (): void => undefined };
  const delivery = createDelivery({
    ...{ clock, log, readsMax },
    events: {
      frame: (_flow, { header }) => void handed.push(header.id),
      standing: () => undefined,
      gap: (_sub, gap) => void gaps.push(gap),
      ready: () => flow.ready,
      writable: () =>
        flow.ready ? Promise.resolve(true) : new Promise((resolve) => (flow.wake = () => resolve(true))),
      stalled: () => undefined,
    },
    metrics: {
      frames: { inc: () => undefined },
      expired: { inc: () => undefined },
      envelopeFaults: { inc: () => assert.fail('every envelope is sound') },
      reads: { inc: () => undefined },
    },
  });
  const sub = delivery.add({ ...who, mode: undefined, state: undefined }, from);
  return { clock, asked, handed, gaps, flow, delivery, sub, ...live(delivery, clock.nowMs) };
}

function live(delivery: ReturnType<typeof createDelivery>, nowMs: () => number) {
  return {
    /** What the owner delivers. */
    deliver(position: number, body?: string): void {
      const { data } = entry(position, nowMs(), body);
      const section = { partition: 0, term: 1, registration: 1, number: position };
      delivery.deliver({ ...section, entries: [[channel, position, nowMs(), data.length]] }, epoch, data, 0);
    },
  };
}

function entry(position: number, storedAtMs: number, body = '{}'): LogEntry {
  const header: EnvelopeHeader = {
    ...{ v: 1, id: `${position}`, channel, kind: 'offer', format: 'json', at: storedAtMs, ttlMs },
    from: { user: 'ann', device: 'x', session: 'other' },
  };
  return { channel, position, storedAtMs, data: encodeEnvelope(header, body) };
}

const standing = (last: number): Standing => ({ epoch, head: last, floor: 0, last });

describe('a replica that does not bring the position named', () => {
  /** As a stream of several copies answers: a replica says what it has, the leader that there is no more. */
  const copies =
    (ofReplica: readonly LogEntry[], ofLeader: readonly LogEntry[]): ReadOf =>
    async (after, upTo, leader) => {
      const entries = (leader ? ofLeader : ofReplica).filter(
        ({ position }) => position > after && position <= upTo,
      );
      return { entries, through: leader ? upTo : (entries.at(-1)?.position ?? after) };
    };

  test('is not asked for ever where the log has forgotten it: the leader says so, and the flow is live', async () => {
    const { clock, asked, handed, delivery, sub, deliver } = stage(copies([], []));
    delivery.attached(sub, standing(7));
    await clock.advance(10);
    deliver(8);
    assert.deepEqual(handed, ['8']);
    assert.deepEqual(asked, [false, true]);
  });

  test('lags: the leader brings the rest', async () => {
    const entries = [5, 6, 7].map((position) => entry(position, createVirtualClock().nowMs()));
    const { clock, handed, delivery, sub } = stage(copies(entries.slice(0, 1), entries));
    delivery.attached(sub, standing(7));
    await clock.advance(10);
    assert.deepEqual(handed, ['5', '6', '7']);
  });
});

describe('a flow that takes no frames now', () => {
  const empty: ReadOf = async (_after, upTo) => ({ entries: [], through: upTo });

  test('[GAP-9] a flow that takes no frames is told later that the log is another one, once, although it was attached anew meanwhile', async () => {
    const { clock, gaps, flow, delivery, sub } = stage(empty, { epoch: 'old', position: 60 });
    flow.ready = false;
    delivery.attached(sub, standing(7));
    await clock.advance(10);
    delivery.announce(0);
    delivery.attached(sub, standing(7));
    flow.ready = true;
    flow.wake();
    await clock.advance(10);
    delivery.announce(0);
    delivery.attached(sub, standing(7));
    await clock.advance(10);
    assert.deepEqual(gaps, [{ epoch, from: 60, to: 7 }]);
  });

  test('[GAP-10] a flow that takes no frames is not handed late what was held back for it: what died meanwhile is said', async () => {
    const { clock, gaps, handed, flow, delivery, sub, deliver } = stage(empty, { epoch, position: 6 });
    delivery.attached(sub, standing(6));
    delivery.announce(0);
    flow.ready = false;
    delivery.attached(sub, standing(6));
    deliver(7);
    await clock.advance(ttlMs);
    deliver(8);
    flow.ready = true;
    flow.wake();
    await clock.advance(10);
    assert.deepEqual(handed, ['8']);
    assert.deepEqual(gaps, [{ epoch, from: 6, to: 7 }]);
  });

  test('[GAP-21] of what was too much to be held back for it is said too that some has died', async () => {
    const alive = 300;
    let nowMs = 0;
    const read: ReadOf = async (_, upTo) => ({ entries: [entry(alive, nowMs)], through: upTo });
    const { clock, gaps, handed, flow, delivery, sub, deliver } = stage(read, { epoch, position: 6 });
    delivery.attached(sub, standing(6));
    delivery.announce(0);
    flow.ready = false;
    delivery.attached(sub, standing(6));
    for (let position = 7; position < alive; position++) deliver(position);
    await clock.advance(ttlMs);
    deliver(alive);
    nowMs = clock.nowMs();
    flow.ready = true;
    flow.wake();
    await clock.advance(10);
    assert.deepEqual(handed, [`${alive}`]);
    assert.deepEqual(gaps, [{ epoch, from: 6, to: alive }]);
  });

  test('[CURSOR-7] a flow that takes no frames has few bytes held back for it; the rest is read as fast as it takes them', async () => {
    const body = `"${'x'.repeat(20_000)}"`;
    const nowMs = createVirtualClock().nowMs();
    const entries = Array.from({ length: 100 }, (_, i) => entry(7 + i, nowMs, body));
    const pageOf = (after: number) => entries.filter(({ position }) => position > after).slice(0, 3);
    const read: ReadOf = async (after) => ({
      entries: pageOf(after),
      through: pageOf(after).at(-1)!.position,
    });
    const { clock, handed, flow, delivery, sub, deliver } = stage(read, { epoch, position: 6 });
    flow.ready = false;
    delivery.attached(sub, standing(6));
    for (const { position } of entries) deliver(position, body);
    const heldBytes = (sub.held ?? []).reduce((sum, { frame }) => sum + frame.body.length, 0);
    assert(heldBytes < 100_000, `${heldBytes} bytes are held back`);
    flow.ready = true;
    flow.wake();
    await clock.advance(10);
    assert.deepEqual(
      handed,
      entries.map(({ position }) => `${position}`),
    );
  });
});

test('who has gone, or was attached anew, while it waited for its turn to read asks nothing of the log', async () => {
  const waiting: (() => void)[] = [];
  const read: ReadOf = (_after, upTo) =>
    new Promise((resolve) => waiting.push(() => resolve({ entries: [entry(upTo, 0)], through: upTo })));
  const { clock, asked, delivery, sub } = stage(read, { epoch, position: 6 });
  const others = Array.from({ length: readsMax + 1 }, () =>
    delivery.add({ ...who, mode: undefined, state: undefined }, { epoch, position: 6 }),
  );
  for (const other of others) delivery.attached(other, standing(7));
  delivery.attached(sub, standing(7));
  await clock.advance(10);
  assert.equal(asked.length, readsMax);
  delivery.remove(others.at(-1)!);
  delivery.announce(0);
  delivery.attached(sub, standing(7));
  while (waiting.length > 0) {
    waiting.shift()!();
    await clock.advance(10);
  }
  assert.equal(asked.length, readsMax + 1);
  assert.equal(sub.phase, 'live');
});
