import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { PartitionLease } from '#wire/nodes.ts';
import { startAfter } from './holder.ts';
import { LOOKBACK_MS, positionBefore, startTrail } from './positions.ts';

const lease: PartitionLease = {
  router: 'r',
  term: 1,
  position: 90,
  positionBefore: 50,
  judged: 80,
  orderMax: 7,
  epoch: 'e',
};

describe('where to start', () => {
  test('the trail gives where forwarding stood half a minute ago, and keeps no more samples than it needs', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 500, max: 3_000 }), fc.nat(9))), (steps) => {
        const trail = startTrail(0, 0);
        const history = [{ atMs: 0, position: 0 }];
        let nowMs = 0;
        let position = 0;
        for (const [ms, frames] of steps) {
          nowMs += ms;
          position += frames;
          history.push({ atMs: nowMs, position });
          const old = history.filter(({ atMs }) => atMs <= nowMs - LOOKBACK_MS).at(-1) ?? history[0]!;
          assert.equal(positionBefore(trail, position, nowMs), old.position);
          assert(trail.samples.length <= LOOKBACK_MS / 500 + 2);
        }
      }),
    );
  });

  test('after a lease: at its older position; frames judged before are not judged again', () => {
    assert.deepEqual(startAfter(lease, 'e', 95), { inherited: true, from: 50, judged: 80, orderMin: 7 });
  });

  test('without a lease, and in another life of the log: at its end', () => {
    assert.deepEqual(startAfter(undefined, 'e', 95), { inherited: false, from: 95, judged: 95, orderMin: 0 });
    assert.deepEqual(startAfter(lease, 'other', 3), { inherited: true, from: 3, judged: 3, orderMin: 7 });
  });

  test('of a log that lost its tail: not beyond its end', () => {
    assert.deepEqual(startAfter(lease, 'e', 40), { inherited: true, from: 40, judged: 40, orderMin: 7 });
  });

  test('a lease of a release that knew less still says enough', () => {
    const { router, term, position } = lease;
    assert.deepEqual(startAfter({ router, term, position }, 'e', 95), {
      inherited: true,
      from: 90,
      judged: 90,
      orderMin: 0,
    });
  });
});
