/**
 * Rate limit: at what pace one session, user or address may send, so that a loud sender costs itself alone.
 *
 * Virtual scheduling (the GCRA of ITU-T I.371, annex A): messages lie `1000 / perSecond` milliseconds
 * apart, a burst may run ahead of that by `burst`, and what comes earlier is refused with the time to
 * wait. The whole state is one number: when the next message would be due at an even pace.
 *
 * Pure. `session.ts` asks it for every message; the hub for users and addresses.
 */

import assert from 'node:assert/strict';

export interface RatePolicy {
  readonly perSecond: number;
  /** Messages that may come at once after a pause. */
  readonly burst: number;
}

/** How long a message that comes now is too early, in milliseconds; 0: it passes. */
export function tooEarlyMs(policy: RatePolicy, dueMs: number, nowMs: number): number {
  return Math.max(0, dueMs - ((policy.burst - 1) * 1000) / policy.perSecond - nowMs);
}

/** The next due time, after a message that passed. */
export function nextDueMs(policy: RatePolicy, dueMs: number, nowMs: number): number {
  assert(policy.perSecond > 0 && policy.burst >= 1);
  return Math.max(dueMs, nowMs) + 1000 / policy.perSecond;
}
