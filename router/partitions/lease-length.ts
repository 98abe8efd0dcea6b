/**
 * Lease length: for how long a lease holds, out of how long the store takes to answer.
 *
 * A lease that ends before its renewal can be there and back is taken from a router that is only slow; the takeover
 * makes everybody slower still, and nothing is delivered any more for as long as the slowness lasts. So a lease
 * is four times as long as the slowest answer of late, and as short as `LEASE_MS` while answers are quick. Its length
 * stands in it: others judge it by that, and its owner as well.
 *
 * Pure. `partitions.ts` measures at the lease by which its router shows that it lives.
 */

import { limitMs, type Pace } from '#runtime/pace.ts';
import { LEASE_MS_MAX } from '#wire/limits.ts';

/** How long a lease holds unchanged while the store answers quickly. */
export const LEASE_MS = 1_800;
/** One renewal begins after a quarter, takes a quarter, and may be lost; the next still comes in time. */
const BOUNDS = { times: 4, minMs: LEASE_MS, maxMs: LEASE_MS_MAX };
const RENEWALS_PER_LEASE = 3.6;
/** The owner stops by this part of it earlier, so that clocks may run a tenth apart. */
const MARGIN = 0.1;

/** How long a lease is made now. */
export function leaseMsAt(pace: Pace, nowMs: number): number {
  return Math.ceil(limitMs(pace, nowMs, BOUNDS));
}

/** How long the lease holds that says so of itself; not for ever, whatever it says. */
export function lengthOf(said: number | undefined): number {
  return said === undefined ? LEASE_MS : Math.min(Math.max(said, LEASE_MS), LEASE_MS_MAX);
}

/** Until when its owner may act under it, counted from when its writing began. */
export function endOfLease(startedAtMs: number, leaseMs: number): number {
  return startedAtMs + leaseMs * (1 - MARGIN);
}

export function renewalMs(leaseMs: number): number {
  return leaseMs / RENEWALS_PER_LEASE;
}
