import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '#wire/messages.ts';
import { systemPlatform } from './platform.ts';
import { POLL_PATH } from './poll-flow.ts';
import { CONNECT_PATH, SUBPROTOCOL } from './websocket-flow.ts';

test('[PLATFORM-1] ids are 128 bits that fit a device and the id of a send, and no two are the same', () => {
  const { id } = systemPlatform({});
  const ids = new Set(Array.from({ length: 1_000 }, id));
  assert.equal(ids.size, 1_000);
  for (const one of ids) assert.match(one, /^[\w-]{22}$/);
});

test('[PLATFORM-2] in Node there is no page, and what the caller brings is used', async () => {
  const answer = new Response();
  const brought = systemPlatform({ WebSocket, fetch: async () => answer });
  assert.equal(brought.WebSocket, WebSocket);
  assert.equal(await brought.fetch('http://x.test'), answer);
  assert.equal(brought.page, false);
  assert.equal(brought.keep, undefined);
  brought.watch(() => assert.fail('there is no news'))();
});

test('[PLATFORM-3] its clock never goes back, and counts the time that only the clock on the wall has seen', (t) => {
  let wallMs = 1_000_000;
  t.mock.method(Date, 'now', () => wallMs);
  const { nowMs } = systemPlatform({});
  const beforeMs = nowMs();
  wallMs += 3_600_000;
  const afterSleepMs = nowMs();
  assert(afterSleepMs - beforeMs > 3_590_000);
  wallMs -= 7_200_000;
  assert(nowMs() >= afterSleepMs);
});

test('[PLATFORM-4] paths and subprotocol are those of the contract', () => {
  assert.deepEqual(
    [CONNECT_PATH, SUBPROTOCOL, POLL_PATH],
    [wire.CONNECT_PATH, wire.SUBPROTOCOL, wire.POLL_PATH],
  );
});
