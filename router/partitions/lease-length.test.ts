import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  endOfLease,
  LEASE_MS,
  LEASE_MS_MAX,
  leaseMsAt,
  lengthOf,
  paced,
  quick,
  renewalMs,
} from './lease-length.ts';

describe('how long a lease holds', () => {
  test('short while answers are quick, and long enough for two renewals where they are slow', () => {
    assert.equal(leaseMsAt(paced(quick, 20, 1_000), 1_000), LEASE_MS);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: LEASE_MS_MAX / 4 }), (tookMs) => {
        const leaseMs = leaseMsAt(paced(quick, tookMs, 1_000), 1_000);
        // The first is lost, and the second takes as long as the slowest did.
        assert(2 * renewalMs(leaseMs) + tookMs < endOfLease(0, leaseMs));
      }),
    );
  });

  test('what was slow is forgotten within a minute, and nothing makes a lease longer than the longest', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1 }), (answers) => {
        const pace = answers.reduce((before, tookMs, i) => paced(before, tookMs, i * 500), quick);
        const nowMs = answers.length * 500;
        assert(leaseMsAt(pace, nowMs) <= LEASE_MS_MAX);
        assert.equal(leaseMsAt(pace, nowMs + 60_000), LEASE_MS);
      }),
    );
  });

  test('what a lease says of itself is believed within bounds', () => {
    assert.equal(lengthOf(undefined), LEASE_MS);
    assert.equal(lengthOf(0), LEASE_MS);
    assert.equal(lengthOf(4_000), 4_000);
    assert.equal(lengthOf(Number.MAX_SAFE_INTEGER), LEASE_MS_MAX);
  });
});
