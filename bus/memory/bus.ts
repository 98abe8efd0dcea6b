/**
 * Memory bus: log, post, leases, settings and journal within one process, for the one-process mode, tests and the
 * simulation. Nodes that share it talk to each other as over NATS; it ends with the process.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Random } from '#runtime/random.ts';
import { PARTITIONS_DEFAULT } from '#wire/limits.ts';
import type { Bus } from '../seams.ts';
import { createMemoryJournal } from './journal.ts';
import { createMemoryLeases } from './leases.ts';
import { createMemoryLog } from './log.ts';
import { createMemoryPost } from './post.ts';

export interface MemoryBusOptions {
  readonly partitions: number;
  /** Bytes of all frames that are alive, their message ids and what keeping them costs. */
  readonly bytesMax: number;
  /** Frames of one channel that are alive. */
  readonly channelFramesMax: number;
  readonly ttlMsMax: number;
  readonly dedupWindowMs: number;
  readonly payloadBytesMax: number;
  readonly journalTtlMs: number;
}

/** What only a bus in memory can be told, so that tests and the simulation can take it away. */
export interface MemoryBus extends Bus {
  /** Cuts every node off, or connects them again. */
  setConnected(connected: boolean): void;
  /** Lets the log begin another life, as if it had been deleted and made anew. */
  startLogAnew(): void;
}

export const memoryBusDefaults: MemoryBusOptions = {
  partitions: PARTITIONS_DEFAULT,
  bytesMax: 268_435_456,
  channelFramesMax: 65_536,
  ttlMsMax: 86_400_000,
  dedupWindowMs: 30_000,
  payloadBytesMax: 1_048_576,
  journalTtlMs: 604_800_000,
};

export function createMemoryBus(
  options: Partial<MemoryBusOptions>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): MemoryBus {
  const limits = { ...memoryBusDefaults, ...options };
  const log = createMemoryLog(limits, clock, random);
  const post = createMemoryPost(limits.payloadBytesMax, clock);
  const leases = createMemoryLeases(clock);
  const settings = createMemoryLeases(clock);
  const journal = createMemoryJournal(limits.journalTtlMs, clock);
  return {
    log,
    post,
    leases,
    settings,
    journal,
    setConnected(connected) {
      log.setConnected(connected);
      leases.setConnected(connected);
      settings.setConnected(connected);
      journal.setConnected(connected);
      post.setConnected(connected);
    },
    startLogAnew: log.startAnew,
    async close() {
      log.close();
      post.close();
    },
  };
}
