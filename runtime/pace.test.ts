import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limitMs, paced, quick, slowestMs } from './pace.ts';

const bounds = { times: 3, minMs: 2_000, maxMs: 8_000 };

test('a limit grows with the slowest, stays within its bounds, and is as short as before a while later', () => {
  assert.equal(limitMs(quick, 1_000, bounds), 2_000);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1 }), (answers) => {
      const pace = answers.reduce((before, tookMs, i) => paced(before, tookMs, i * 500), quick);
      const nowMs = (answers.length - 1) * 500;
      const limit = limitMs(pace, nowMs, bounds);
      assert(limit >= 2_000 && limit <= 8_000);
      assert(limit >= Math.min(3 * answers.at(-1)!, 8_000));
      assert.equal(limitMs(pace, nowMs + 120_000, bounds), 2_000);
    }),
  );
});

test('what was slow counts half after ten seconds, and a quick answer does not undo it', () => {
  const pace = paced(paced(quick, 4_000, 0), 5, 10_000);
  assert.equal(slowestMs(pace, 10_000), 2_000);
  assert.equal(slowestMs(pace, 20_000), 1_000);
});
