import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Msg } from '@nats-io/transport-node';
import fc from 'fast-check';
import { createVirtualClock } from '#runtime/clock.ts';
import { type Convoy, createConvoy } from './convoys.ts';
import type { Followed, FollowerSink, Followers } from './follower.ts';

/** One consumer: brings what its filters let through, in order, from behind where it began. */
interface Source {
  readonly followed: Followed;
  readonly sink: FollowerSink;
  /** Everything up to here was brought. */
  at: number;
  /** The end of the stream when it began. */
  readonly catchUpTo: number;
  caughtUp: boolean;
}

interface Brought {
  readonly partition: number;
  readonly after: number;
  readonly positions: number[];
  head: number;
  ended: boolean;
  stop(): void;
}

function stage() {
  const clock = createVirtualClock();
  /** The partition of each message; its position is its place, from 1. */
  const stream: number[] = [];
  const sources: Source[] = [];
  const followers: Pick<Followers, 'follow'> = {
    follow(followed, sink) {
      const end = stream.length;
      const source: Source = { followed, sink, at: followed.after, catchUpTo: end, caughtUp: false };
      sources.push(source);
      return () => void (sources.includes(source) && sources.splice(sources.indexOf(source), 1));
    },
  };
  const convoy: Convoy = createConvoy({
    ...{ followers, clock, stream: 'stream' },
    filterOf: (partition) => `${partition}`,
    partitionOf: Number,
  });
  const all: Brought[] = [];

  function follow(partition: number, after: number): Brought {
    const brought: Brought = {
      partition,
      after,
      positions: [],
      head: 0,
      ended: false,
      stop: () => undefined,
    };
    const cancel = convoy.follow(partition, after, {
      message(message, { position }) {
        assert.equal(message.subject, `${partition}`, 'what it follows');
        assert(position > (brought.positions.at(-1) ?? after), 'in order, and once');
        assert(position > brought.head, 'behind the head');
        brought.positions.push(position);
      },
      head(position) {
        assert(position >= brought.head, 'the head never goes back');
        brought.head = position;
        const claimed = due(brought, position);
        assert.deepEqual(
          brought.positions.slice(0, claimed.length),
          claimed,
          'the head claims what was brought',
        );
      },
      anew() {
        assert(!brought.ended);
        brought.ended = true;
      },
    });
    brought.stop = () => {
      cancel();
      all.splice(all.indexOf(brought), 1);
    };
    all.push(brought);
    return brought;
  }

  function due({ partition, after }: Brought, end = stream.length): number[] {
    return stream.flatMap((p, n) => (p === partition && n + 1 > after && n < end ? [n + 1] : []));
  }

  /** The consumer comes so far on. */
  function advance(source: Source, count: number): void {
    const { followed, sink } = source;
    for (let n = 0; n < count && source.at < stream.length && sources.includes(source); n++) {
      const subject = `${stream[source.at++]}`;
      if (!followed.filters.includes(subject)) continue;
      sink.message({ subject } as Msg, {
        position: source.at,
        consumerSequence: 0,
        storedAtMs: 0,
        pending: 0,
      });
    }
    if (!sources.includes(source)) return;
    sink.head?.(source.at);
    if (source.caughtUp || source.at < source.catchUpTo) return;
    source.caughtUp = true;
    sink.caughtUp?.();
  }

  /** Everybody is brought everything, and consumers change as they will. */
  async function settle(): Promise<void> {
    for (let n = 0; n < 4; n++) {
      for (const source of [...sources]) advance(source, Number.POSITIVE_INFINITY);
      await clock.advance(1_000);
    }
  }

  return { clock, stream, sources, all, convoy, follow, due, advance, settle };
}

describe('convoy', () => {
  test('however consumers advance and change, each partition is brought everything once and in order', async () => {
    const acts = fc.array(
      fc.record({
        act: fc.constantFrom('append', 'append', 'advance', 'advance', 'advance', 'time', 'follow', 'stop'),
        which: fc.nat(6),
        much: fc.nat(9),
      }),
      { maxLength: 120 },
    );
    await fc.assert(
      fc.asyncProperty(acts, async (steps) => {
        const { clock, stream, sources, all, follow, due, advance, settle } = stage();
        for (const { act, which, much } of steps) {
          const source = sources[which % Math.max(1, sources.length)];
          if (act === 'append') for (let n = 0; n <= much; n++) stream.push((which + n * n) % 6);
          else if (act === 'advance' && source !== undefined) advance(source, much);
          else if (act === 'time') await clock.advance(much * 100);
          else if (act === 'follow' && !all.some(({ partition }) => partition === which))
            follow(which, Math.max(0, stream.length - much));
          else if (act === 'stop') all[which]?.stop();
        }
        await settle();
        for (const brought of all) assert.deepEqual(brought.positions, due(brought));
        assert.equal(sources.length, Math.min(1, all.length), 'all travel together');
      }),
    );
  });

  test('what brought a partition goes on until the common consumer has caught up', async () => {
    const { clock, stream, sources, follow, due, advance } = stage();
    const [one, two] = [follow(0, 0), follow(1, 0)];
    for (const source of [...sources]) advance(source, 1);
    await clock.advance(1_000);
    assert.deepEqual(
      sources.map(({ followed }) => followed.filters),
      [['0'], ['1'], ['0', '1']],
    );
    stream.push(0, 1, 1);
    for (const source of sources.slice(0, 2)) advance(source, 3);
    assert.deepEqual([one.positions, two.positions], [due(one), due(two)]);
    advance(sources[2]!, 3);
    assert.equal(sources.length, 1);
    stream.push(1, 0);
    advance(sources[0]!, 2);
    assert.deepEqual([one.positions, two.positions], [due(one), due(two)]);
  });

  test('one that begins far behind joins when it has caught up, and the others do not wait for it', async () => {
    const { clock, stream, sources, follow, due, advance } = stage();
    const first = follow(0, 0);
    advance(sources[0]!, 1);
    await clock.advance(1_000);
    advance(sources[1]!, 1);
    for (let n = 0; n < 50; n++) stream.push(1);
    const late = follow(1, 0);
    stream.push(0);
    await clock.advance(5_000);
    assert.equal(sources.length, 2, 'it has a consumer of its own');
    advance(sources[0]!, 51);
    assert.deepEqual(first.positions, due(first));
    assert.deepEqual(late.positions, []);
    advance(sources[1]!, 51);
    await clock.advance(1_000);
    const common = sources.at(-1)!;
    assert.deepEqual([common.followed.filters, common.followed.after], [['0', '1'], 51]);
  });

  test('another stream ends all that travel, each once', async () => {
    const { clock, sources, all, follow, advance } = stage();
    for (let partition = 0; partition < 3; partition++) follow(partition, 0);
    for (const source of [...sources]) advance(source, 1);
    await clock.advance(1_000);
    for (const source of sources.splice(0)) source.sink.anew();
    assert(all.every(({ ended }) => ended));
    await clock.advance(1_000);
    assert.equal(sources.length, 0);
  });

  test('who follows a partition a second time goes by itself', async () => {
    const { stream, sources, follow, due, settle } = stage();
    const [one, again] = [follow(0, 0), follow(0, 1)];
    stream.push(0, 0, 0);
    await settle();
    assert.deepEqual([one.positions, again.positions], [due(one), due(again)]);
    assert.equal(sources.length, 2);
  });

  test('a closed convoy leaves no consumer behind', async () => {
    const { clock, sources, convoy, follow, settle } = stage();
    follow(0, 0);
    follow(1, 0);
    await settle();
    follow(2, 0);
    convoy.close();
    await clock.advance(1_000);
    assert.equal(sources.length, 0);
  });
});
