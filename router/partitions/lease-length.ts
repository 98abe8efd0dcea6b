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

/** How long a lease holds unchanged while the store answers quickly. */
export const LEASE_MS = 1_800;
/** A router that is really dead is replaced after this, however slow everything is. */
export const LEASE_MS_MAX = 12_000;
/** One renewal begins after a quarter, takes a quarter, and may be lost; the next still comes in time. */
const ANSWERS_PER_LEASE = 4;
const RENEWALS_PER_LEASE = 3.6;
/** The owner stops by this part of it earlier, so that clocks may run a tenth apart. */
const MARGIN = 0.1;
/** What was slow counts half after this. */
const HALF_LIFE_MS = 10_000;

/** The slowest answer of late, in milliseconds, and when that was said. */
export interface Pace {
  readonly slowMs: number;
  readonly atMs: number;
}

export const quick: Pace = { slowMs: 0, atMs: 0 };

/** After an answer that took so long, or is still waited for. */
export function paced(pace: Pace, tookMs: number, nowMs: number): Pace {
  const slowMs = Math.max(tookMs, slowMsAt(pace, nowMs));
  return { slowMs: Math.min(slowMs, LEASE_MS_MAX / ANSWERS_PER_LEASE), atMs: nowMs };
}

/** How long a lease is made now. */
export function leaseMsAt(pace: Pace, nowMs: number): number {
  return Math.max(LEASE_MS, Math.ceil(ANSWERS_PER_LEASE * slowMsAt(pace, nowMs)));
}

function slowMsAt({ slowMs, atMs }: Pace, nowMs: number): number {
  return slowMs * 0.5 ** (Math.max(0, nowMs - atMs) / HALF_LIFE_MS);
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
