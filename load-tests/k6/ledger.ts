/**
 * Ledger: which frames of a virtual user were acknowledged, and who has seen them.
 *
 * Senders and receivers live in the same virtual user, so nothing acknowledged can get lost unseen. Frames still under way
 * at the end are given time; what is missing then is lost.
 */

import { setTimeout } from 'k6/timers';
import * as metrics from './metrics.ts';

export interface Ledger {
  /** @param key unique; @param readers how many sessions are to see it. */
  sent(key: string, readers: number): void;
  acked(key: string): void;
  received(key: string, reader: string): void;
  /** Calls back when everything acknowledged was seen, or when the time is up; what is missing is counted then. */
  settle(withinMs: number, done: () => void): void;
}

interface Entry {
  readonly sentMs: number;
  readonly readers: number;
  readonly seenBy: Set<string>;
  acked: boolean;
}

const LOOK_MS = 100;

export function createLedger(): Ledger {
  const entries = new Map<string, Entry>();

  function seen(key: string, entry: Entry): void {
    if (entry.acked && entry.seenBy.size === entry.readers) finished.add(key);
  }

  /** What is complete stays known, so that a frame seen twice is noticed. */
  const finished = new Set<string>();
  function open(): number {
    let count = 0;
    for (const [key, { acked }] of entries) if (acked && !finished.has(key)) count++;
    return count;
  }

  return {
    sent(key, readers) {
      entries.set(key, { sentMs: Date.now(), readers, seenBy: new Set(), acked: false });
    },
    acked(key) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      entry.acked = true;
      seen(key, entry);
    },
    received(key, reader) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      if (entry.seenBy.has(reader)) return metrics.framesDoubled.add(1);
      entry.seenBy.add(reader);
      metrics.framesDelivered.add(1);
      metrics.deliveryMs.add(Date.now() - entry.sentMs);
      seen(key, entry);
    },
    settle(withinMs, done) {
      const endMs = Date.now() + withinMs;
      function look(): void {
        const missing = open();
        if (missing > 0 && Date.now() < endMs) return void setTimeout(look, LOOK_MS);
        metrics.framesLost.add(missing);
        done();
      }
      look();
    },
  };
}
