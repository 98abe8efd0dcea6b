/**
 * Memory log: the log in this process, for the one-process mode, tests and the simulation.
 *
 * Answers and entries are handed out together once the turn of the event loop in which they came about
 * has ended: one call of the clock for all of them, and no caller is entered while it still calls.
 * Expired frames are swept each quarter of a second. Its clock begins at wall time and then follows the monotonic one.
 */

import assert from 'node:assert/strict';
import type { Clock } from '#runtime/clock.ts';
import type { Random } from '#runtime/random.ts';
import type { Channel } from '#wire/channels.ts';
import {
  type Append,
  type Appended,
  BusUnavailable,
  type Follow,
  type FollowSink,
  type Log,
  type LogEntry,
  type Read,
} from '../seams.ts';
import { appendTo, emptyStore, expire, indexAfter, isAlive, type Store, type StoreLimits } from './store.ts';

export interface MemoryLog extends Log {
  /** While away, appends are undecided, reads are refused and nobody is brought anything. */
  setConnected(connected: boolean): void;
  /** Forgets everything, as a log does that was deleted and made anew. */
  startAnew(): void;
  close(): void;
}

interface Answer {
  readonly answered: (outcome: Appended) => void;
  readonly outcome: Appended;
}

interface Follower {
  readonly sink: FollowSink;
  readonly partition: number;
  brought: number;
  stopped: boolean;
}

interface State {
  readonly limits: StoreLimits;
  readonly clock: Clock;
  /** Wall time less monotonic time, when the log was made. */
  readonly offsetMs: number;
  store: Store;
  epoch: string;
  connected: boolean;
  scheduled: boolean;
  /** Answers that wait for the end of the turn. */
  answers: Answer[];
  /** By partition. */
  readonly followers: readonly Set<Follower>[];
  readonly behind: Set<Follower>;
}

/** Entries one follower is brought per turn of the event loop, so that catching up blocks nobody. */
const TURN_ENTRIES_MAX = 1_000;
const SWEEP_MS = 250;
const undecided: Appended = { kind: 'undecided' };

export function createMemoryLog(limits: StoreLimits, clock: Clock, random: Random): MemoryLog {
  const state: State = {
    limits,
    clock,
    offsetMs: clock.nowMs() - clock.monotonicMs(),
    store: emptyStore(limits.partitions),
    epoch: random.id(),
    connected: true,
    scheduled: false,
    answers: [],
    followers: Array.from({ length: limits.partitions }, () => new Set<Follower>()),
    behind: new Set(),
  };
  const cancelSweep = clock.every(SWEEP_MS, () => expire(state.store, limits, nowMs(state)));
  return {
    partitions: limits.partitions,
    dedupWindowMs: limits.dedupWindowMs,
    ttlMsMax: limits.ttlMsMax,
    epoch: () => state.epoch,
    nowMs: () => nowMs(state),
    append: (append, answered) => appendAndAnswer(state, append, answered),
    follow: (partition, after, sink) => follow(state, partition, after, sink),
    read: async (channel, after, upTo, bytesMax) => read(state, channel, after, upTo, bytesMax),
    end: async (partition) => partitionOf(state, partition, 'end').last,
    setConnected(connected) {
      state.connected = connected;
      for (const followers of state.followers) for (const follower of followers) fallBehind(state, follower);
    },
    startAnew() {
      state.store = emptyStore(limits.partitions);
      state.epoch = random.id();
      for (const followers of state.followers) for (const follower of followers) endFollow(state, follower);
    },
    close() {
      cancelSweep();
      for (const followers of state.followers) for (const follower of followers) stop(state, follower);
    },
  };
}

function nowMs(state: State): number {
  return Math.floor(state.offsetMs + state.clock.monotonicMs());
}

function partitionOf(state: State, partition: number, what: string): Store['partitions'][number] {
  if (!state.connected) throw new BusUnavailable(what);
  const row = state.store.partitions[partition];
  assert(row !== undefined);
  return row;
}

function appendAndAnswer(state: State, append: Append, answered: (outcome: Appended) => void): void {
  const followers = state.followers[append.partition];
  assert(followers !== undefined);
  const outcome = state.connected ? appendTo(state.store, state.limits, append, nowMs(state)) : undecided;
  const answer = { answered, outcome };
  // An array that grows by `push` takes room for seventeen at once.
  if (state.answers.length === 0) state.answers = [answer];
  else state.answers.push(answer);
  if (outcome.kind === 'stored') for (const follower of followers) state.behind.add(follower);
  schedule(state);
}

function schedule(state: State): void {
  if (state.scheduled) return;
  state.scheduled = true;
  state.clock.atEnd(() => handOut(state));
}

/** Who has much to be brought lets others have their turn. */
function scheduleNextTurn(state: State): void {
  if (state.scheduled) return;
  state.scheduled = true;
  state.clock.soon(() => handOut(state));
}

function handOut(state: State): void {
  state.scheduled = false;
  const { answers } = state;
  state.answers = [];
  for (const { answered, outcome } of answers) answered(outcome);
  if (!state.connected || state.behind.size === 0) return;
  const behind = [...state.behind];
  state.behind.clear();
  for (const follower of behind) bring(state, follower);
}

function follow(state: State, partition: number, after: number, sink: FollowSink): Follow {
  const followers = state.followers[partition];
  assert(followers !== undefined);
  const follower: Follower = { sink, partition, brought: after, stopped: false };
  followers.add(follower);
  fallBehind(state, follower);
  return { stop: () => stop(state, follower) };
}

function fallBehind(state: State, follower: Follower): void {
  state.behind.add(follower);
  schedule(state);
}

function stop(state: State, follower: Follower): void {
  follower.stopped = true;
  state.followers[follower.partition]!.delete(follower);
  state.behind.delete(follower);
}

function endFollow(state: State, follower: Follower): void {
  stop(state, follower);
  state.clock.soon(() => follower.sink.epochChanged());
}

function bring(state: State, follower: Follower): void {
  const partition = state.store.partitions[follower.partition]!;
  if (follower.brought > partition.last) endFollow(state, follower);
  bringEntries(state, follower, partition.entries);
  if (follower.stopped) return;
  if (indexAfter(partition.entries, follower.brought) < partition.entries.length) {
    state.behind.add(follower);
    scheduleNextTurn(state);
  } else {
    follower.brought = partition.last;
    follower.sink.head(partition.last);
  }
}

function bringEntries(state: State, follower: Follower, entries: readonly LogEntry[]): void {
  const now = nowMs(state);
  let index = indexAfter(entries, follower.brought);
  const end = Math.min(entries.length, index + TURN_ENTRIES_MAX);
  while (index < end && !follower.stopped) {
    const entry = entries[index++]!;
    follower.brought = entry.position;
    if (isAlive(entry, now)) follower.sink.entry(entry);
  }
}

function read(state: State, channel: Channel, after: number, upTo: number, bytesMax: number): Read {
  if (!state.connected) throw new BusUnavailable('read');
  const entries = state.store.channels.get(channel)?.entries ?? [];
  const now = nowMs(state);
  const brought: LogEntry[] = [];
  let bytes = 0;
  for (let i = indexAfter(entries, after); i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.position > upTo) break;
    if (!isAlive(entry, now)) continue;
    bytes += entry.data.length;
    if (bytes > bytesMax && brought.length > 0)
      return { entries: brought, through: brought.at(-1)!.position };
    brought.push(entry);
  }
  return { entries: brought, through: upTo };
}
