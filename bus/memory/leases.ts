/**
 * Memory leases: the key-value store with compare-and-set in this process.
 *
 * Who watches is told at the end of the turn of the event loop, in the order of the changes.
 */

import type { Cancel, Clock } from '#runtime/clock.ts';
import type { LeaseEntry, Leases, Taken } from '../seams.ts';
import { createTurns, type Turns } from './turns.ts';

export interface MemoryLeases extends Leases {
  setConnected(connected: boolean): void;
}

type Sink = Parameters<Leases['watch']>[0];

interface Watcher {
  readonly sink: Sink;
  watching: boolean;
}

interface State {
  readonly turns: Turns;
  readonly held: Map<string, LeaseEntry>;
  readonly watchers: Set<Watcher>;
  connected: boolean;
  revision: number;
}

const lost: Taken = { kind: 'lost' };
const undecided: Taken = { kind: 'undecided' };

export function createMemoryLeases(clock: Clock): MemoryLeases {
  const state: State = {
    turns: createTurns(clock),
    held: new Map(),
    watchers: new Set(),
    connected: true,
    revision: 0,
  };
  return {
    compareAndSet: async (key, value, revision) => change(state, key, value, revision),
    release: async (key, revision) => change(state, key, undefined, revision),
    watch(sink) {
      const watcher: Watcher = { sink, watching: true };
      state.watchers.add(watcher);
      if (state.connected) list(state, watcher);
      return stopping(state, watcher);
    },
    setConnected(connected) {
      if (connected && !state.connected) for (const watcher of state.watchers) list(state, watcher);
      state.connected = connected;
    },
  };
}

function change(state: State, key: string, value: Uint8Array | undefined, revision: number): Taken {
  if (!state.connected) return undecided;
  if ((state.held.get(key)?.revision ?? 0) !== revision) return lost;
  const entry: LeaseEntry = { key, value, revision: ++state.revision };
  if (value === undefined) state.held.delete(key);
  else state.held.set(key, entry);
  for (const watcher of state.watchers) tell(state, watcher, entry);
  return { kind: 'taken', revision: entry.revision };
}

function list(state: State, watcher: Watcher): void {
  for (const entry of state.held.values()) tell(state, watcher, entry);
  state.turns.push(() => {
    if (watcher.watching) watcher.sink.ready();
  });
}

function tell(state: State, watcher: Watcher, entry: LeaseEntry): void {
  state.turns.push(() => {
    if (watcher.watching) watcher.sink.entry(entry);
  });
}

function stopping(state: State, watcher: Watcher): Cancel {
  return () => {
    watcher.watching = false;
    state.watchers.delete(watcher);
  };
}
