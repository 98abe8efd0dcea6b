/**
 * Batch: what one request to a router carries, the operations of several partitions; and where each of them stands.
 */

import type { Channel } from '#wire/channels.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { type DeliverySection, encodeNodeMessage } from '#wire/nodes.ts';
import { createOpQueue, type OpQueue, type QueuedOp } from './ops.ts';
import { type Registration, unowned } from './registration.ts';

export interface Partition {
  readonly number: number;
  state: Registration;
  /** Grows with every announcement, so that answers to an earlier one are not believed. */
  round: number;
  announcing: boolean;
  queue: OpQueue;
  early: { section: DeliverySection; data: Uint8Array }[];
  earlyBytes: number;
  /** The owner was told that the announcement is whole. */
  complete: boolean;
  /** A piece of the announcement is under way; the next waits for its answer, as the last says that all have come. */
  pieceUnderWay: boolean;
}

export function unownedPartition(number: number): Partition {
  return {
    number,
    state: unowned,
    round: 0,
    announcing: false,
    queue: createOpQueue(),
    early: [],
    earlyBytes: 0,
    complete: false,
    pieceUnderWay: false,
  };
}

/** The part of one partition. */
export interface Part {
  readonly partition: Partition;
  readonly round: number;
  readonly begin: boolean;
  readonly complete: boolean;
  readonly queued: readonly QueuedOp[];
  /** Acknowledged frames that the log has forgotten, and maybe nobody read. */
  readonly unread: readonly (readonly [Channel, number])[];
}

export interface Batch {
  readonly router: string;
  readonly parts: Part[];
  bytes: number;
}

export function requestOf(gateway: string, batch: Batch): Uint8Array {
  return encodeNodeMessage({
    v: NODE_VERSION,
    gateway,
    partitions: batch.parts.map(({ partition, begin, complete, queued, unread }) => ({
      partition: partition.number,
      term: partition.state.term,
      ...(begin ? { begin: true as const } : { registration: partition.state.registration }),
      ...(complete ? { complete: true as const } : {}),
      ...(unread.length > 0 ? { unread } : {}),
      ops: queued.map(({ op }) => op),
    })),
  });
}
