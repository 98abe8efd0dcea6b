import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import type { StateStorage } from './api.ts';
import { FakeService } from './fake-service.ts';
import { createMemory, deviceId } from './memory.ts';

function createStorage(): StateStorage & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

const closed: StateStorage = {
  getItem: () => assert.fail('closed'),
  setItem: () => assert.fail('closed'),
  removeItem: () => assert.fail('closed'),
};

const now = () => ({ resume: 'r', cursors: [{ channel: 'u/ann', epoch: 'e', position: 7 }] });

test('[MEMORY-1] in a page it lies in the storage only while the page is gone', async () => {
  const clock = createVirtualClock();
  const service = new FakeService(clock, () => 0);
  const storage = createStorage();
  const memory = createMemory(storage, 'key', { ...service.platform(), page: true }, now);
  memory.changed();
  await clock.advance(10_000);
  assert.equal(storage.kept.size, 0);
  service.news('hidden');
  assert.equal(storage.kept.size, 1);
  service.news('shown');
  assert.equal(storage.kept.size, 0, 'back out of the cache of the browser');
  service.news('hidden');
  const next = createMemory(storage, 'key', service.platform(), now);
  assert.deepEqual(next.recalled, now());
  assert.equal(storage.kept.size, 0);
  memory.close();
  service.news('hidden');
  next.close();
});

test('[MEMORY-2] a storage that is closed, or holds something else, costs the memory and nothing more', () => {
  const platform = new FakeService(createVirtualClock(), () => 0).platform();
  assert.deepEqual(createMemory(closed, 'key', platform, now).recalled, { cursors: [] });
  const storage = createStorage();
  for (const text of [
    '',
    'null',
    '{',
    '{"cursors":7}',
    '{"resume":7,"cursors":[null,7,{"channel":"u/ann"}]}',
  ]) {
    storage.setItem('key', text);
    const { resume, cursors } = createMemory(storage, 'key', platform, now).recalled;
    assert.deepEqual([resume, cursors], [undefined, []]);
  }
});

test('[MEMORY-3] a device keeps its name where names can be kept', () => {
  const platform = new FakeService(createVirtualClock(), () => 0).platform();
  const keep = createStorage();
  assert.equal(deviceId({ ...platform, keep }), deviceId({ ...platform, keep }));
  assert.notEqual(deviceId(platform), deviceId(platform));
  assert.match(deviceId({ ...platform, keep: closed }), /^client-/);
});
