import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createFixedKeySet, createKeySet, FAILURE_COOLDOWN_MS } from './key-set.ts';
import { keyOfSecret, type VerificationKey } from './keys.ts';

const REFRESH_MS = 60_000;
const COOLDOWN_MS = 10_000;

function key(kid: string | undefined): VerificationKey {
  return { ...keyOfSecret('only its id matters to these tests'), kid };
}

/** A source whose readings wait until the test answers them. */
function readings() {
  const waiting: { resolve(keys: readonly VerificationKey[]): void; reject(error: Error): void }[] = [];
  const outcomes: string[] = [];
  const clock = createVirtualClock();
  let count = 0;
  const source = {
    read: () =>
      new Promise<readonly VerificationKey[]>((resolve, reject) => {
        count += 1;
        waiting.push({ resolve, reject });
      }),
    refreshMs: REFRESH_MS,
    cooldownMs: COOLDOWN_MS,
    clock,
    log: createLogger('test', 'silent'),
    wasRead: (outcome: string) => void outcomes.push(outcome),
  };
  return {
    source,
    clock,
    outcomes,
    count: () => count,
    async answer(...kids: readonly string[]) {
      waiting.shift()!.resolve(kids.map(key));
      await clock.advance(0);
    },
    async fail() {
      waiting.shift()!.reject(new Error('no answer'));
      await clock.advance(0);
    },
  };
}

function ids(found: readonly VerificationKey[] | string | Promise<unknown>): unknown {
  assert(!(found instanceof Promise), 'the answer is there at once');
  return typeof found === 'string' ? found : found.map(({ kid }) => kid);
}

async function awaitedIds(found: unknown): Promise<unknown> {
  assert(found instanceof Promise, 'the answer needs a reading');
  return ids(await found);
}

test('the first reading begins at once, and look-ups that wait share it', async () => {
  const { source, answer, count } = readings();
  const set = createKeySet(source);
  const first = set.keysFor('a');
  const second = set.keysFor('b');
  await answer('a');
  assert.deepEqual(await awaitedIds(first), ['a']);
  assert.deepEqual(await awaitedIds(second), []);
  assert.equal(count(), 1);
  assert.deepEqual(ids(set.keysFor('a')), ['a']);
});

test('a key that is not known causes a reading, then none for a while', async () => {
  const { source, answer, clock, count } = readings();
  const set = createKeySet(source);
  await answer('a');
  assert.deepEqual(ids(set.keysFor('b')), [], 'just read');
  await clock.advance(COOLDOWN_MS);
  const rotated = set.keysFor('b');
  assert.deepEqual(ids(set.keysFor('a')), ['a'], 'known keys do not wait');
  await answer('a', 'b');
  assert.deepEqual(await awaitedIds(rotated), ['b']);
  for (let n = 0; n < 100; n++) assert.deepEqual(ids(set.keysFor(`made up ${n}`)), []);
  assert.equal(count(), 2);
});

test('a reading that fails leaves the known keys, and another key is not called wrong', async () => {
  const { source, answer, fail, clock, outcomes } = readings();
  const set = createKeySet(source);
  await answer('a');
  await clock.advance(COOLDOWN_MS);
  const waiting = set.keysFor('b');
  await fail();
  assert.equal(await awaitedIds(waiting), 'AUTH_UNAVAILABLE');
  assert.deepEqual(ids(set.keysFor('a')), ['a']);
  assert.equal(ids(set.keysFor('b')), 'AUTH_UNAVAILABLE', 'within the second after a failure');
  await clock.advance(FAILURE_COOLDOWN_MS);
  const again = set.keysFor('b');
  await answer('a', 'b');
  assert.deepEqual(await awaitedIds(again), ['b']);
  assert.deepEqual(outcomes, ['ok', 'failed', 'ok']);
});

test('before the first reading worked nobody is called wrong', async () => {
  const { source, answer, fail, clock } = readings();
  const set = createKeySet(source);
  const waiting = set.keysFor(undefined);
  await fail();
  assert.equal(await awaitedIds(waiting), 'AUTH_UNAVAILABLE');
  await clock.advance(FAILURE_COOLDOWN_MS);
  const again = set.keysFor(undefined);
  await answer('a');
  assert.deepEqual(await awaitedIds(again), ['a']);
});

test('keys are read again now and then, and a withdrawn key goes', async () => {
  const { source, answer, fail, clock, count } = readings();
  const set = createKeySet(source);
  await answer('a', 'b');
  await clock.advance(REFRESH_MS);
  await answer('b');
  assert.deepEqual(ids(set.keysFor('a')), []);
  assert.deepEqual(ids(set.keysFor('b')), ['b']);
  await clock.advance(REFRESH_MS);
  await fail();
  assert.deepEqual(ids(set.keysFor('b')), ['b'], 'a server that is away withdraws nothing');
  set.close();
  await clock.advance(10 * REFRESH_MS);
  assert.equal(count(), 3);
});

test('a reading that failed is tried again within a minute, however seldom keys are read, until it is closed', async () => {
  const { source, clock, answer, fail, count } = readings();
  const keys = createKeySet({ ...source, refreshMs: 86_400_000 });
  await answer('a');
  await clock.advance(86_400_000);
  await fail();
  assert.equal(count(), 2);
  await clock.advance(60_000);
  assert.equal(count(), 3);
  await fail();
  await clock.advance(60_000);
  await answer('b');
  assert.deepEqual(ids(keys.keysFor('b')), ['b'], 'a key withdrawn meanwhile goes, too');
  await clock.advance(3_600_000);
  assert.equal(count(), 4, 'what was read is read again when it is due');
  await clock.advance(86_400_000);
  await fail();
  keys.close();
  await clock.advance(86_400_000);
  assert.equal(count(), 5);
});

test('a reading under way is not doubled by the next refresh', async () => {
  const { source, clock, count } = readings();
  createKeySet(source);
  await clock.advance(3 * REFRESH_MS);
  assert.equal(count(), 1);
});

test('keys that were read beforehand are there at once', async () => {
  const { source, clock, answer, count } = readings();
  const set = createKeySet(source, [key('a')]);
  assert.deepEqual(ids(set.keysFor('a')), ['a']);
  assert.equal(count(), 0);
  await clock.advance(REFRESH_MS);
  await answer('b');
  assert.deepEqual(ids(set.keysFor('b')), ['b']);
});

test('a key without an id fits every token, and a token without one may be of any key', () => {
  assert.deepEqual(ids(createFixedKeySet([key(undefined)]).keysFor('any')), [undefined]);
  assert.deepEqual(ids(createFixedKeySet([key('a'), key(undefined)]).keysFor('b')), [undefined]);
  const several = createFixedKeySet([key('a'), key('b'), key(undefined)]);
  assert.deepEqual(ids(several.keysFor(undefined)), ['a', 'b', undefined]);
  assert.deepEqual(ids(several.keysFor('b')), ['b', undefined]);
});
