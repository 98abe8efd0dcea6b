/**
 * Meters: how many flows, and at what pace, one user or one address may have on this gateway.
 *
 * One record per user and address that has flows here, so the table is bounded by the flows. The rate is
 * the same virtual scheduling that meters a session; the function is handed in.
 */

export interface Pace {
  /** How long a message that comes now is too early, in milliseconds. */
  tooEarlyMs(dueMs: number, nowMs: number): number;
  nextDueMs(dueMs: number, nowMs: number): number;
}

interface Meter {
  flows: number;
  dueMs: number;
}

export function createMeters(pace: Pace) {
  const meters = new Map<string, Meter>();
  return {
    flowsOf: (key: string): number => meters.get(key)?.flows ?? 0,
    flowOpened(key: string): void {
      const meter = meters.get(key);
      if (meter === undefined) meters.set(key, { flows: 1, dueMs: 0 });
      else meter.flows += 1;
    },
    flowClosed(key: string): void {
      const meter = meters.get(key);
      if (meter === undefined) return;
      meter.flows -= 1;
      if (meter.flows === 0) meters.delete(key);
    },
    /** 0 where the message passes, and it is counted then; else how long it is too early, in milliseconds. */
    metered(key: string, nowMs: number): number {
      const meter = meters.get(key);
      if (meter === undefined) return 0;
      const early = pace.tooEarlyMs(meter.dueMs, nowMs);
      if (early === 0) meter.dueMs = pace.nextDueMs(meter.dueMs, nowMs);
      return early;
    },
    get size(): number {
      return meters.size;
    },
  };
}
