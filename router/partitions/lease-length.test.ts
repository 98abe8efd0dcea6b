import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { paced, quick } from '#runtime/pace.ts';
import { LEASE_MS_MAX } from '#wire/limits.ts';
import { endOfLease, LEASE_MS, leaseMsAt, lengthOf, renewalMs } from './lease-length.ts';

test('a lease is short while answers are quick, and long enough for two renewals where they are slow', () => {
  assert.equal(leaseMsAt(paced(quick, 20, 1_000), 1_000), LEASE_MS);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: LEASE_MS_MAX / 4 }), (tookMs) => {
      const leaseMs = leaseMsAt(paced(quick, tookMs, 1_000), 1_000);
      // The first is lost, and the second takes as long as the slowest did.
      assert(2 * renewalMs(leaseMs) + tookMs < endOfLease(0, leaseMs));
    }),
  );
});

test('what a lease says of its length is believed within bounds', () => {
  assert.equal(lengthOf(undefined), LEASE_MS);
  assert.equal(lengthOf(0), LEASE_MS);
  assert.equal(lengthOf(4_000), 4_000);
  assert.equal(lengthOf(Number.MAX_SAFE_INTEGER), LEASE_MS_MAX);
});
