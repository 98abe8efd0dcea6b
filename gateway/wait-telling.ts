/**
 * Wait telling: who of those that wait hears how long it will be, and when again.
 *
 * Each message costs a write, and TLS: so it is told to a few hundred at once at most, to nobody more often than every
 * two seconds, and again only where it has changed by a fifth. Who is served soon is not told.
 */

import { type Door, tellWaits } from './door/door.ts';
import type { FlowRecord } from './flow-record.ts';

/** What one who waits was told last. */
export interface Told {
  readonly record: FlowRecord;
  toldAtMs: number;
  toldEtaMs: number;
}

const TOLD_MAX = 250;
const AGAIN_MS = 2_000;
const AGAIN_SHARE = 0.2;
const SOON_MS = 300;

export function tellWaiting(
  door: Door,
  waiting: ReadonlyMap<number, Told>,
  nowMs: number,
  tell: (record: FlowRecord, etaMs: number, ahead: number) => void,
): void {
  let told = 0;
  tellWaits(door, (flow, etaMs, ahead) => {
    const entry = waiting.get(flow);
    if (entry === undefined || told >= TOLD_MAX || etaMs < SOON_MS) return;
    const isNews = Math.abs(entry.toldEtaMs - etaMs) > AGAIN_SHARE * entry.toldEtaMs;
    if (!isNews || nowMs - entry.toldAtMs < AGAIN_MS) return;
    told += 1;
    entry.toldAtMs = nowMs;
    entry.toldEtaMs = etaMs;
    tell(entry.record, etaMs, ahead);
  });
}
