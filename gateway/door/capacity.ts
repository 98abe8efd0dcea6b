/**
 * Capacity: how fast this machine does work whose cost is known, learnt from the work itself.
 *
 * What a stage costs on the machine of the benchmark is configuration; what it costs here and now depends on
 * the cores, on neighbours and on throttling. So the work done (in milliseconds of that other machine) is put
 * over the time it took, over windows of 200 ms; a window moves the logarithm of the estimate by 0.15 of its difference,
 * so that a tenth of the speed believed is learnt as fast as ten times it, and by less where less than the whole
 * window was worked. What a process believes at first it gives up for what it measures: its first seven windows count
 * alike, and the first of them is a short one. An idle gateway learns nothing and forgets nothing.
 *
 * Pure, though it changes its state in place: it is told of every handshake. `door.ts` drives it.
 */

import assert from 'node:assert/strict';

export const WINDOW_MS = 200;
/** Until one was worked whole: in a crowd thousands come in the time of the others. */
const FIRST_WINDOW_MS = 50;
/** With 0.3 the samples' noise makes the queues of gateways uneven, and the last of a fleet late by a hundredth. */
const GAIN = 0.15;
/** A single window says no more than this about another machine: a pause of the process is no slow core. */
const RATIO_MAX = 16;

export interface Capacity {
  /** Work done per millisecond spent; 1 on the machine whose costs are configured. */
  speed: number;
  /** Whole windows that were worked, as far as it matters. */
  windows: number;
  workMs: number;
  spentMs: number;
  windowEndsMs: number;
}

/** @param believed the speed taken for true until something was measured. */
export function believed(speed: number, nowMs: number): Capacity {
  assert(speed > 0 && Number.isFinite(speed));
  return { speed, windows: 0, workMs: 0, spentMs: 0, windowEndsMs: nowMs + FIRST_WINDOW_MS };
}

/** Whether the speed is one that was measured here, and not the one taken for true. */
export function isMeasured({ windows }: Capacity): boolean {
  return windows >= 1;
}

/** Notes work that would have taken `workMs` there and took `spentMs` here. */
export function worked(capacity: Capacity, workMs: number, spentMs: number, nowMs: number): void {
  capacity.workMs += workMs;
  capacity.spentMs += spentMs;
  if (nowMs >= capacity.windowEndsMs) fold(capacity, nowMs);
}

function fold(capacity: Capacity, nowMs: number): void {
  const { speed, workMs, spentMs } = capacity;
  if (spentMs > 0 && workMs > 0) {
    const measured = Math.min(Math.max(workMs / spentMs, speed / RATIO_MAX), speed * RATIO_MAX);
    const part = Math.min(1, spentMs / (capacity.windows < 1 ? FIRST_WINDOW_MS : WINDOW_MS));
    capacity.speed *= (measured / speed) ** (Math.max(GAIN, 1 / (1 + capacity.windows)) * part);
    capacity.windows = Math.min(capacity.windows + part, 1 / GAIN);
  }
  capacity.workMs = 0;
  capacity.spentMs = 0;
  capacity.windowEndsMs = nowMs + (capacity.windows < 1 ? FIRST_WINDOW_MS : WINDOW_MS);
}
