import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Append, Appended } from '../seams.ts';
import { appendTo, emptyStore, expire, indexAfter, isAlive, type Store, type StoreLimits } from './store.ts';

const limits: StoreLimits = {
  partitions: 2,
  bytesMax: 4_000,
  channelFramesMax: 4,
  ttlMsMax: 60_000,
  dedupWindowMs: 5_000,
};

interface Step {
  readonly afterMs: number;
  readonly channel: string;
  readonly messageId: string;
  readonly bytes: number;
  readonly ttlMs: number;
  readonly sweep: boolean;
}

const steps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 2_000 }),
    channel: fc.constantFrom('u/a', 'u/b', 'r/c'),
    messageId: fc.constantFrom(...'abcdefghijklmnop'),
    bytes: fc.integer({ min: 0, max: 400 }),
    ttlMs: fc.integer({ min: 1, max: 8_000 }),
    sweep: fc.boolean(),
  }),
  { maxLength: 80 },
);

function appendOf(step: Step): Append {
  const { channel, messageId, ttlMs } = step;
  return {
    partition: channel === 'r/c' ? 1 : 0,
    channel,
    messageId,
    ttlMs,
    data: new Uint8Array(step.bytes),
  };
}

interface Kept {
  readonly channel: string;
  readonly position: number;
  readonly diesMs: number;
}

/** Runs the steps, and hands each outcome to `check` with the frames that have to be alive then. */
function run(
  taken: readonly Step[],
  check: (store: Store, outcome: Appended, step: Step, nowMs: number, alive: readonly Kept[]) => void,
): Store {
  const store = emptyStore(limits.partitions);
  let nowMs = 1_000_000;
  const kept: Kept[] = [];
  for (const step of taken) {
    nowMs += step.afterMs;
    if (step.sweep) expire(store, limits, nowMs);
    const outcome = appendTo(store, limits, appendOf(step), nowMs);
    const alive = kept.filter(({ diesMs }) => nowMs < diesMs);
    if (outcome.kind === 'stored' && !outcome.duplicate) {
      kept.push({ channel: step.channel, position: outcome.position, diesMs: nowMs + step.ttlMs });
    }
    check(store, outcome, step, nowMs, alive);
  }
  return store;
}

test('nothing is evicted: what was stored is there until its time is over, and not a moment longer', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      run(taken, (store, _outcome, step, nowMs, alive) => {
        const there =
          store.channels.get(step.channel)?.entries.filter((entry) => isAlive(entry, nowMs)) ?? [];
        const positions = new Set(there.map(({ position }) => position));
        for (const { channel, position } of alive) {
          if (channel === step.channel) assert(positions.has(position));
        }
      });
    }),
  );
});

test('a channel is refused a frame just when it holds as many as it may', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      run(taken, (_store, outcome, step, _nowMs, alive) => {
        const inChannel = alive.filter(({ channel }) => channel === step.channel).length;
        if (outcome.kind === 'refused' && outcome.fault === 'CHANNEL_FULL') {
          assert.equal(inChannel, limits.channelFramesMax);
        }
        if (outcome.kind === 'stored' && !outcome.duplicate) assert(inChannel < limits.channelFramesMax);
      });
    }),
  );
});

test('the bytes never pass their limit, and come back to nothing when all has expired', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const store = run(taken, ({ bytes }) => assert(bytes >= 0 && bytes <= limits.bytesMax));
      expire(store, limits, Number.MAX_SAFE_INTEGER);
      assert.deepEqual(
        [store.bytes, store.channels.size, store.known.size, store.buckets.size],
        [0, 0, 0, 0],
      );
    }),
  );
});

test('positions grow within a partition, and an id is stored once within the window', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const lasts = [0, 0];
      const firsts = new Map<string, { position: number; atMs: number }>();
      run(taken, (_store, outcome, step, nowMs) => {
        if (outcome.kind !== 'stored') return;
        const { partition } = appendOf(step);
        const first = firsts.get(step.messageId);
        const repeats = first !== undefined && nowMs < first.atMs + limits.dedupWindowMs;
        assert.equal(outcome.duplicate, repeats);
        if (repeats) {
          assert.equal(outcome.position, first.position);
        } else {
          assert(outcome.position > lasts[partition]!);
          lasts[partition] = outcome.position;
          firsts.set(step.messageId, { position: outcome.position, atMs: nowMs });
        }
      });
    }),
  );
});

test('rows are laid out anew: a frame that lives long does not keep those that lived short', () => {
  const roomy = { ...limits, bytesMax: 1e9, channelFramesMax: 1e9 };
  const store = emptyStore(1);
  let nowMs = 0;
  const frame = { partition: 0, channel: 'u/a', data: new Uint8Array(10) };
  appendTo(store, roomy, { ...frame, messageId: 'long', ttlMs: 60_000 }, nowMs);
  for (let n = 0; n < 10_000; n++) {
    nowMs += 1;
    appendTo(store, roomy, { ...frame, messageId: `${n}`, ttlMs: 100 }, nowMs);
    if (n % 1_000 === 0) expire(store, roomy, nowMs);
  }
  expire(store, roomy, nowMs + 5_000);
  assert(store.partitions[0]!.entries.length <= 32);
  assert.equal(store.partitions[0]!.entries.filter((entry) => isAlive(entry, nowMs)).length, 1);
});

test('indexAfter finds the first entry past a position', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 50 })),
      fc.integer({ min: 0, max: 60 }),
      (set, after) => {
        const positions = set.sort((a, b) => a - b);
        const entries = positions.map((position) => ({
          channel: 'u/a',
          position,
          storedAtMs: 0,
          data: new Uint8Array(0),
        }));
        assert.equal(indexAfter(entries, after), positions.filter((position) => position <= after).length);
      },
    ),
  );
});
