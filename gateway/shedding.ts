/**
 * Shedding: which sessions a gateway closes that holds more than its part of the fleet.
 *
 * Those that are attached, have said nothing for a while and are in no call; the oldest first, since they had come
 * before the fleet was what it is now. Nothing is lost by it: they resume elsewhere, with their cursors.
 */

import { type Busy, isInCall } from './drain.ts';

interface Sheddable extends Busy {
  readonly ended: boolean;
  readonly place: string;
  readonly session: unknown;
}

/** Who says something every few seconds is not disturbed. */
const IDLE_MS = 3_000;

/** @param records in the order in which they came. */
export function shedOf<Record extends Sheddable>(
  records: Iterable<Record>,
  nowMs: number,
  count: number,
): Record[] {
  const chosen: Record[] = [];
  for (const record of records) {
    if (chosen.length >= count) break;
    if (record.ended || record.place !== 'in' || record.session === undefined || isInCall(record, nowMs))
      continue;
    if (nowMs - record.heardAtMs >= IDLE_MS) chosen.push(record);
  }
  return chosen;
}
