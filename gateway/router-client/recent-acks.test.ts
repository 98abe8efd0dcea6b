import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOG_KEPT_MS_MIN } from '#wire/limits.ts';
import { createRecentAcks } from './recent-acks.ts';

const keptMs = LOG_KEPT_MS_MIN;
/** By then the log has forgotten what it keeps for the shortest time. */
const goneMs = keptMs + 3_000;

test('[ACKS-1] while routers answer nothing is told, however old', () => {
  const acks = createRecentAcks(1_000_000);
  acks.heard(1_001_000);
  acks.acked('u/ann', 3, 7, keptMs, 0);
  for (let nowMs = 1_000; nowMs < 4 * goneMs; nowMs += 1_000) {
    acks.heard(1_001_000 + nowMs);
    assert.deepEqual(acks.forgotten(3, 1_001_000 + nowMs, nowMs), []);
  }
});

test('[ACKS-2] after a silence what the log has forgotten is told, of the partition asked for, for a minute', () => {
  const acks = createRecentAcks(0);
  acks.heard(0);
  acks.acked('u/ann', 3, 7, keptMs, 0);
  acks.acked('u/ann', 3, 9, keptMs, 0);
  acks.acked('u/bob', 4, 8, keptMs, 0);
  acks.acked('u/cleo', 3, 10, 60_000, 0);
  assert.deepEqual(acks.forgotten(3, goneMs - 1, goneMs - 1), [], 'it may still be read');
  assert.deepEqual(acks.forgotten(3, goneMs, goneMs), [['u/ann', 9]]);
  acks.heard(goneMs);
  assert.deepEqual(acks.forgotten(3, goneMs + 1_000, goneMs + 1_000), [['u/ann', 9]]);
  for (let nowMs = goneMs; nowMs <= goneMs + 60_000; nowMs += 1_000) acks.heard(nowMs);
  assert.deepEqual(acks.forgotten(3, goneMs + 60_000, goneMs + 60_000), []);
});

test('[ACKS-3] of the last 1,024 channels, and no more, the last position is kept', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_000), { maxLength: 3_000 }), (channels) => {
      const acks = createRecentAcks(0);
      channels.forEach((channel, i) => {
        acks.acked(`u/${channel}`, 0, i + 1, keptMs, 0);
      });
      const last = new Map(channels.map((channel, i) => [`u/${channel}`, i + 1]));
      const newest = [...last].sort(([, a], [, b]) => a - b).slice(-1_024);
      assert.deepEqual(acks.forgotten(0, goneMs, goneMs), newest);
    }),
    { numRuns: 20 },
  );
});
