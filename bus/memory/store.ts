/**
 * Store: the frames of the in-memory log, by partition, by channel and by the moment they expire.
 *
 * Nothing is evicted: a frame leaves when its time is over, and what does not fit is refused. Rows keep
 * expired entries until half of them are, so that removing one costs a constant on average. Frames that
 * expire in the same quarter of a second lie in one bucket; nobody needs a timer of its own.
 *
 * Pure but for its own state: the time is handed in. `log.ts` drives it.
 */

import type { Channel } from '#wire/channels.ts';
import type { Append, Appended, LogEntry } from '../seams.ts';

export interface StoreLimits {
  readonly partitions: number;
  /** Bytes of all frames that are alive, their message ids and what keeping them costs. */
  readonly bytesMax: number;
  /** Frames of one channel that are alive. */
  readonly channelFramesMax: number;
  readonly ttlMsMax: number;
  readonly dedupWindowMs: number;
}

/** What an entry and its message id cost beyond their own bytes, measured roughly. */
const ENTRY_BYTES = 160;
const MESSAGE_ID_BYTES = 96;
const BUCKET_MS = 250;
const COMPACT_ENTRIES_MIN = 32;
const nothing = new Uint8Array(0);

/** One stored frame. A class, because there may be millions. */
class Stored implements LogEntry {
  readonly partition: number;
  readonly channel: Channel;
  readonly position: number;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  data: Uint8Array;
  expired: boolean;

  constructor(append: Append, position: number, storedAtMs: number, expiresAtMs: number) {
    this.partition = append.partition;
    this.channel = append.channel;
    this.position = position;
    this.storedAtMs = storedAtMs;
    this.expiresAtMs = expiresAtMs;
    this.data = append.data;
    this.expired = false;
  }
}

/** Entries in the order of their positions, expired ones among them. */
interface Row {
  entries: Stored[];
  expired: number;
}

interface PartitionRow extends Row {
  last: number;
}

export interface Store {
  readonly partitions: readonly PartitionRow[];
  readonly channels: Map<Channel, Row>;
  /** The stored frames by message id, oldest first, for as long as a repeat is recognized. */
  readonly known: Map<string, Stored>;
  /** By the quarter of a second they expire in. */
  readonly buckets: Map<number, Stored[]>;
  /** The buckets before this one are gone. */
  firstBucket: number;
  bytes: number;
}

const logFull: Appended = { kind: 'refused', fault: 'LOG_FULL' };
const channelFull: Appended = { kind: 'refused', fault: 'CHANNEL_FULL' };

export function emptyStore(partitions: number): Store {
  return {
    partitions: Array.from({ length: partitions }, () => ({ entries: [], expired: 0, last: 0 })),
    channels: new Map(),
    known: new Map(),
    buckets: new Map(),
    firstBucket: 0,
    bytes: 0,
  };
}

/** Stores the frame, or says which one it repeats, or why it does not fit. */
export function appendTo(store: Store, limits: StoreLimits, append: Append, nowMs: number): Appended {
  const known = store.known.get(append.messageId);
  if (known !== undefined && nowMs < known.storedAtMs + limits.dedupWindowMs) {
    return { kind: 'stored', position: known.position, duplicate: true };
  }
  const bytes = frameBytes(append.channel, append.data) + messageIdBytes(append.messageId);
  if (store.bytes + bytes > limits.bytesMax) {
    expire(store, limits, nowMs);
    if (store.bytes + bytes > limits.bytesMax) return logFull;
  }
  const row = channelRow(store, append.channel);
  if (row.entries.length - row.expired >= limits.channelFramesMax) {
    expireRow(store, row, nowMs);
    if (row.entries.length - row.expired >= limits.channelFramesMax) return channelFull;
  }
  store.bytes += bytes;
  if (known !== undefined) forget(store, append.messageId);
  return { kind: 'stored', position: put(store, limits, append, row, nowMs), duplicate: false };
}

function put(store: Store, limits: StoreLimits, append: Append, row: Row, nowMs: number): number {
  const partition = store.partitions[append.partition]!;
  const position = ++partition.last;
  const expiresAtMs = nowMs + Math.min(append.ttlMs, limits.ttlMsMax);
  const entry = new Stored(append, position, nowMs, expiresAtMs);
  partition.entries.push(entry);
  row.entries.push(entry);
  if (row.entries.length === 1) store.channels.set(append.channel, row);
  store.known.set(append.messageId, entry);
  const key = Math.floor(expiresAtMs / BUCKET_MS);
  const bucket = store.buckets.get(key);
  if (bucket === undefined) store.buckets.set(key, [entry]);
  else bucket.push(entry);
  return position;
}

function channelRow(store: Store, channel: Channel): Row {
  return store.channels.get(channel) ?? { entries: [], expired: 0 };
}

function frameBytes(channel: Channel, data: Uint8Array): number {
  return ENTRY_BYTES + channel.length + data.length;
}

function messageIdBytes(messageId: string): number {
  return MESSAGE_ID_BYTES + messageId.length;
}

/** Removes what has outlived its time, to a quarter of a second; what is younger {@link isAlive} tells. */
export function expire(store: Store, limits: StoreLimits, nowMs: number): void {
  const current = Math.floor(nowMs / BUCKET_MS);
  const passed = current - store.firstBucket;
  const keys =
    passed > store.buckets.size
      ? [...store.buckets.keys()].filter((key) => key < current)
      : Array.from({ length: Math.max(passed, 0) }, (_, n) => store.firstBucket + n);
  for (const key of keys) removeBucket(store, key);
  store.firstBucket = Math.max(store.firstBucket, current);
  for (const [messageId, entry] of store.known) {
    if (nowMs < entry.storedAtMs + limits.dedupWindowMs) break;
    forget(store, messageId);
  }
}

function removeBucket(store: Store, key: number): void {
  for (const entry of store.buckets.get(key) ?? []) if (!entry.expired) remove(store, entry);
  store.buckets.delete(key);
}

/** Exact to the millisecond for one channel, where its limit is about to refuse a frame. */
function expireRow(store: Store, row: Row, nowMs: number): void {
  for (const entry of row.entries) if (!entry.expired && entry.expiresAtMs <= nowMs) remove(store, entry);
}

function remove(store: Store, entry: Stored): void {
  store.bytes -= frameBytes(entry.channel, entry.data);
  entry.expired = true;
  entry.data = nothing;
  dropOne(store.partitions[entry.partition]!);
  const row = store.channels.get(entry.channel)!;
  dropOne(row);
  if (row.entries.length > row.expired) return;
  store.channels.delete(entry.channel);
  row.entries = [];
  row.expired = 0;
}

/** Counts an expired entry of this row, and lays the row out anew once half of it has expired. */
function dropOne(row: Row): void {
  row.expired++;
  if (row.expired * 2 <= row.entries.length || row.entries.length < COMPACT_ENTRIES_MIN) return;
  row.entries = row.entries.filter((entry) => !entry.expired);
  row.expired = 0;
}

function forget(store: Store, messageId: string): void {
  if (store.known.delete(messageId)) store.bytes -= messageIdBytes(messageId);
}

export function isAlive(entry: LogEntry, nowMs: number): boolean {
  const stored = entry as Stored;
  return !stored.expired && nowMs < stored.expiresAtMs;
}

/** Where in these entries the first one past `position` stands. */
export function indexAfter(entries: readonly LogEntry[], position: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
