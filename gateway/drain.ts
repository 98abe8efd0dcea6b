/**
 * Drain: in which order a gateway that goes away hands over its flows.
 *
 * The idle first, those whose frames belonged to a call last: by then the others have found their places,
 * and a call in progress is disturbed as late as can be.
 */

import type { Clock } from '#runtime/clock.ts';

export interface Busy {
  /** When a frame of a call last passed, and when anything was last heard; monotonic, 0 is never. */
  readonly callAtMs: number;
  readonly heardAtMs: number;
}

/** A call is taken to go on for so long after its last frame. */
const CALL_MS = 3_600_000;

export function isInCall({ callAtMs }: Busy, nowMs: number): boolean {
  return callAtMs > 0 && nowMs - callAtMs < CALL_MS;
}

export function handOverOrder<Record extends Busy>(records: readonly Record[], nowMs: number): Record[] {
  return [...records].sort(
    (a, b) =>
      Number(isInCall(a, nowMs)) - Number(isInCall(b, nowMs)) ||
      a.callAtMs - b.callAtMs ||
      a.heardAtMs - b.heardAtMs,
  );
}

/** Closes one flow after the other at an even pace over `drainMs`; resolves with their number when all are closed. */
export async function handedOver<Record extends Busy>(
  records: readonly Record[],
  clock: Clock,
  drainMs: number,
  close: (record: Record) => void,
): Promise<number> {
  const order = handOverOrder(records, clock.monotonicMs());
  const startMs = clock.monotonicMs();
  for (const [index, record] of order.entries()) {
    const earlyMs = startMs + (index * drainMs) / order.length - clock.monotonicMs();
    if (earlyMs > 1) await new Promise<void>((resolve) => clock.after(earlyMs, resolve));
    close(record);
  }
  return order.length;
}
