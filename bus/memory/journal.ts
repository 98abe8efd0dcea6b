/** Memory journal: the small stream that every gateway of this process reads. */

import type { Clock } from '#runtime/clock.ts';
import { BusUnavailable, type Journal, type JournalEntry } from '../seams.ts';
import { createTurns, type Turns } from './turns.ts';

export interface MemoryJournal extends Journal {
  setConnected(connected: boolean): void;
}

type Sink = Parameters<Journal['follow']>[0];

interface Follower {
  readonly sink: Sink;
  following: boolean;
}

interface Kept extends JournalEntry {
  readonly atMs: number;
}

interface State {
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly turns: Turns;
  readonly followers: Set<Follower>;
  kept: Kept[];
  connected: boolean;
  sequence: number;
}

export function createMemoryJournal(ttlMs: number, clock: Clock): MemoryJournal {
  const state: State = {
    clock,
    ttlMs,
    turns: createTurns(clock),
    followers: new Set(),
    kept: [],
    connected: true,
    sequence: 0,
  };
  return {
    append: async (data) => append(state, data),
    follow(sink) {
      const follower: Follower = { sink, following: true };
      state.followers.add(follower);
      forgetExpired(state);
      for (const entry of state.kept) bring(state, follower, entry);
      if (state.connected) catchUp(state, follower);
      return () => {
        follower.following = false;
        state.followers.delete(follower);
      };
    },
    setConnected(connected) {
      if (connected && !state.connected) for (const follower of state.followers) catchUp(state, follower);
      state.connected = connected;
    },
  };
}

function append(state: State, data: Uint8Array): number {
  if (!state.connected) throw new BusUnavailable('journal');
  forgetExpired(state);
  const entry: Kept = { sequence: ++state.sequence, data, atMs: state.clock.monotonicMs() };
  state.kept.push(entry);
  for (const follower of state.followers) bring(state, follower, entry);
  return entry.sequence;
}

function forgetExpired(state: State): void {
  const bornMs = state.clock.monotonicMs() - state.ttlMs;
  if (state.kept.length > 0 && state.kept[0]!.atMs <= bornMs) {
    state.kept = state.kept.filter((entry) => entry.atMs > bornMs);
  }
}

function bring(state: State, follower: Follower, entry: JournalEntry): void {
  state.turns.push(() => {
    if (follower.following) follower.sink.entry(entry);
  });
}

function catchUp(state: State, follower: Follower): void {
  state.turns.push(() => {
    if (follower.following) follower.sink.caughtUp();
  });
}
