/**
 * Walk: looks at every flow once a second, for what ends by itself.
 *
 * Records of thousands of flows that nobody has touched for a while are found cold. Where that takes long, as on a slow core,
 * they are looked at less often: a walk gets a fiftieth of the time at most, and what ends is noticed that much later.
 */

import type { Clock } from '#runtime/clock.ts';
import type { FlowRecord } from './flow-record.ts';

/** Of the time. */
const SHARE = 1 / 50;
/** However slow the walk is, the next one begins after this. */
const LATE_MS_MAX = 10_000;

export function createWalk(
  clock: Clock,
  all: () => Iterable<FlowRecord>,
  look: (record: FlowRecord, nowMs: number) => void,
) {
  let dueAtMs = Number.NEGATIVE_INFINITY;
  return {
    /** To be called once a second. */
    second(): void {
      const beganMs = clock.monotonicMs();
      if (beganMs < dueAtMs) return;
      const nowMs = clock.nowMs();
      for (const record of all()) look(record, nowMs);
      const tookMs = clock.monotonicMs() - beganMs;
      dueAtMs = beganMs + Math.min(LATE_MS_MAX, tookMs / SHARE);
    },
  };
}
