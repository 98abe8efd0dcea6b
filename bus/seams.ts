/**
 * Bus seams: what gateways and routers ask of the bus; each has a part in `memory/` and one in `nats/`.
 *
 * Both pass the contracts in `test/contracts/`. Callbacks are run in the order things arrived, on the
 * event loop, one at a time; a callback must not throw.
 */

import type { Cancel } from '#runtime/clock.ts';
import type { Channel } from '#wire/channels.ts';

// The log.

/** One stored frame: its bytes are an envelope, which the log does not look into. */
export interface LogEntry {
  readonly channel: Channel;
  /** Grows within a partition, and so within a channel, with holes. From 1. */
  readonly position: number;
  /** When the log stored it, on the log's clock. */
  readonly storedAtMs: number;
  readonly data: Uint8Array;
}

export interface Append {
  readonly partition: number;
  readonly channel: Channel;
  /** The message id for deduplication: `<user>/<device>/<channel>/<id>/<short hash of the body>`. */
  readonly messageId: string;
  readonly data: Uint8Array;
  /** How long the log has to keep it, in milliseconds. */
  readonly ttlMs: number;
}

export type Appended =
  /** In the log; a repeat within the deduplication window gets the position of the first. */
  | { readonly kind: 'stored'; readonly position: number; readonly duplicate: boolean }
  | { readonly kind: 'refused'; readonly fault: 'LOG_FULL' | 'CHANNEL_FULL' }
  /** No answer in time, or the bus is away: it may or may not be stored, now or later. */
  | { readonly kind: 'undecided' };

export interface FollowSink {
  /** The next entry of the partition: in order, without a hole, each once. */
  entry(entry: LogEntry): void;
  /** The follower has been brought everything stored up to this position (also when it is far from the last entry). */
  head(position: number): void;
  /** The log is another one now: positions begin anew. The follow has ended. */
  epochChanged(): void;
}

export interface Follow {
  stop(): void;
}

export interface Read {
  readonly entries: readonly LogEntry[];
  /** Everything of the channel up to this position has been brought (at least `upTo` when the read is complete). */
  readonly through: number;
}

/** The frames of all channels, in order, kept for their time to live. Evicts nothing. */
export interface Log {
  readonly partitions: number;
  /** How long a repeat under the same message id is recognized, in milliseconds. */
  readonly dedupWindowMs: number;
  /** The longest time to live it keeps, in milliseconds. */
  readonly ttlMsMax: number;
  /** Names this life of the log. */
  epoch(partition: number): string;
  /** The log's own clock, Unix milliseconds: by it frames are stored, live and die, whatever the clocks of nodes say. */
  nowMs(): number;
  /** Never throws; `answered` is called exactly once. */
  append(append: Append, answered: (outcome: Appended) => void): void;
  /** From the first entry of the partition after `after`, for ever; mends itself across lost messages and reconnects. */
  follow(partition: number, after: number, sink: FollowSink): Follow;
  /**
   * The entries of one channel in (after, upTo], oldest first, at most about `bytesMax` bytes (at least one
   * entry where there is one). `leader` asks the one that has everything instead of any replica.
   * Rejects with `BusUnavailable` where no answer came.
   */
  read(channel: Channel, after: number, upTo: number, bytesMax: number, leader: boolean): Promise<Read>;
  /** The last position of the partition's log, from the one that has everything. Rejects with `BusUnavailable`. */
  end(partition: number): Promise<number>;
}

// Requests and messages between nodes.

export interface Post {
  /** False while the bus is away: then `publish` drops, and requests reject at once. */
  readonly connected: boolean;
  /** The largest message, in bytes. */
  readonly payloadBytesMax: number;
  /** Drops the message when the bus is away and says so by `false`: nothing is buffered. */
  publish(subject: string, data: Uint8Array): boolean;
  /** Rejects with `BusUnavailable` when nobody answers in time. */
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Messages in the order their sender published them. `subject` may end in `.>`. */
  subscribe(subject: string, received: (data: Uint8Array, subject: string) => void): Cancel;
  /** Answers requests; what the handler returns is sent at once and in order, `undefined` sends nothing. */
  answer(subject: string, handler: (data: Uint8Array) => Uint8Array | undefined): Cancel;
  /** Told each time the bus goes away (`false`) and is back (`true`, subscriptions restored). */
  watchConnection(changed: (connected: boolean) => void): Cancel;
}

// Leases.

export interface LeaseEntry {
  readonly key: string;
  /** `undefined`: deleted. */
  readonly value: Uint8Array | undefined;
  /** Grows with every change of any key. */
  readonly revision: number;
}

export type Taken =
  | { readonly kind: 'taken'; readonly revision: number }
  /** Another revision stands there. */
  | { readonly kind: 'lost' }
  /** No answer: it may or may not have been written. */
  | { readonly kind: 'undecided' };

/**
 * A small key-value store with compare-and-set. Keys are `[a-zA-Z0-9_.-]+`. There are two: leases, which may be lost and
 * then are taken anew, and settings, which operators write and which outlive every process and server.
 */
export interface Leases {
  /** Writes if the key stands at `revision` (0: does not exist or was deleted). Never throws. */
  compareAndSet(key: string, value: Uint8Array, revision: number): Promise<Taken>;
  /** Deletes if the key stands at `revision`. Never throws. */
  release(key: string, revision: number): Promise<Taken>;
  /**
   * First all keys that exist, then `ready`, then every change, in order; goes on across reconnects (then all keys again,
   * and `ready`). Where the store was lost, every key is told to be deleted before any comes again.
   */
  watch(sink: { entry(entry: LeaseEntry): void; ready(): void }): Cancel;
}

// The journal.

export interface JournalEntry {
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** A small stream that every gateway reads from where it last was: revocations. Keeps entries for `ttlMsMax`. */
export interface Journal {
  /** Rejects with `BusUnavailable` where no answer came. */
  append(data: Uint8Array): Promise<number>;
  /** From the first entry, in order, each once; `caughtUp` after the last that stood there at the start and after each reconnect. */
  follow(sink: { entry(entry: JournalEntry): void; caughtUp(): void }): Cancel;
}

/** The bus did not answer: a state of affairs, not a mistake; the caller tries again or says so. */
export class BusUnavailable extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`the bus does not answer: ${what}`, options);
    this.name = 'BusUnavailable';
  }
}

/** Everything of one bus. `close` waits for nothing longer than a second. */
export interface Bus {
  readonly log: Log;
  readonly post: Post;
  readonly leases: Leases;
  readonly settings: Leases;
  readonly journal: Journal;
  close(): Promise<void>;
}
