/**
 * Drain: in which order a gateway that goes away hands over its flows.
 *
 * The idle first, those whose frames belonged to a call last: by then the others have found their places,
 * and a call in progress is disturbed as late as can be.
 *
 * Pure.
 */

interface Busy {
  /** When a frame of a call last passed, and when anything was last heard; monotonic, 0 is never. */
  readonly callAtMs: number;
  readonly heardAtMs: number;
}

/** A call is taken to go on for so long after its last frame. */
const CALL_MS = 3_600_000;

export function handOverOrder<Record extends Busy>(records: readonly Record[], nowMs: number): Record[] {
  const inCall = (record: Record) => record.callAtMs > 0 && nowMs - record.callAtMs < CALL_MS;
  return [...records].sort(
    (a, b) => Number(inCall(a)) - Number(inCall(b)) || a.callAtMs - b.callAtMs || a.heardAtMs - b.heardAtMs,
  );
}
