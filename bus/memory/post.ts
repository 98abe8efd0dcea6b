/**
 * Memory post: requests and messages between the nodes that share this process.
 *
 * What is sent waits for the end of the turn of the event loop, and is then handed out in the order it was
 * sent. Bytes are handed over, not copied: they belong to nobody afterwards.
 */

import assert from 'node:assert/strict';
import type { Cancel, Clock } from '#runtime/clock.ts';
import { type Arrivals, createArrivals, type Received } from '../arrivals.ts';
import { BusUnavailable, type Post } from '../seams.ts';

export interface MemoryPost extends Post {
  setConnected(connected: boolean): void;
  close(): void;
}

interface Sent {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string | undefined;
}

interface Asked {
  readonly subject: string;
  readonly resolve: (data: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly cancelTimeout: Cancel;
}

interface State {
  readonly clock: Clock;
  readonly payloadBytesMax: number;
  readonly arrivals: Arrivals;
  /** By subject, or by the pattern `….>`. */
  readonly subscribers: Map<string, readonly Received[]>;
  /** By the subject of the answer. */
  readonly asked: Map<string, Asked>;
  readonly watchers: Set<(connected: boolean) => void>;
  connected: boolean;
  sent: Sent[];
  asks: number;
}

/** Where answers are sent: no subscription may begin so. */
const ANSWERS = '_INBOX.';

export function createMemoryPost(payloadBytesMax: number, clock: Clock): MemoryPost {
  const state: State = {
    clock,
    payloadBytesMax,
    arrivals: createArrivals(clock),
    subscribers: new Map(),
    asked: new Map(),
    watchers: new Set(),
    connected: true,
    sent: [],
    asks: 0,
  };
  return {
    get connected() {
      return state.connected;
    },
    payloadBytesMax,
    publish: (subject, data) => send(state, subject, data, undefined),
    request: (subject, data, timeoutMs) => request(state, subject, data, timeoutMs),
    subscribe: (subject, received) => listen(state, subject, received),
    answer: (subject, handler) =>
      listen(state, subject, (data, _subject, reply) => {
        const answer = handler(data);
        if (answer !== undefined && reply !== undefined) send(state, reply, answer, undefined);
      }),
    watchConnection(changed) {
      state.watchers.add(changed);
      return () => state.watchers.delete(changed);
    },
    setConnected: (connected) => setConnected(state, connected),
    close() {
      setConnected(state, false);
      state.subscribers.clear();
      state.watchers.clear();
    },
  };
}

function send(state: State, subject: string, data: Uint8Array, reply: string | undefined): boolean {
  assert(data.length <= state.payloadBytesMax);
  if (!state.connected) return false;
  if (state.sent.push({ subject, data, reply }) === 1) state.clock.atEnd(() => handOut(state));
  return true;
}

function handOut(state: State): void {
  const { sent } = state;
  state.sent = [];
  for (const message of sent) deliver(state, message);
}

function deliver(state: State, { subject, data, reply }: Sent): void {
  const waiting = state.asked.get(subject);
  if (waiting !== undefined) {
    state.asked.delete(subject);
    waiting.cancelTimeout();
    state.arrivals.answer(waiting.resolve, data);
    return;
  }
  let receivers = 0;
  for (const pattern of patternsOf(subject)) {
    for (const received of state.subscribers.get(pattern) ?? []) {
      receivers++;
      state.arrivals.message(received, data, subject, reply);
    }
  }
  if (receivers === 0 && reply !== undefined) refuse(state, reply, 'nobody listens');
}

/** The subject itself, and every `….>` that it falls under. */
function patternsOf(subject: string): readonly string[] {
  const patterns = [subject];
  for (let dot = subject.indexOf('.'); dot >= 0; dot = subject.indexOf('.', dot + 1)) {
    patterns.push(`${subject.slice(0, dot)}.>`);
  }
  return patterns;
}

function request(state: State, subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  if (!state.connected) return Promise.reject(new BusUnavailable(`${subject}: not connected`));
  const reply = `${ANSWERS}${++state.asks}`;
  return new Promise((resolve, reject) => {
    const late = () => refuse(state, reply, `no answer in ${timeoutMs} ms`);
    state.asked.set(reply, { subject, resolve, reject, cancelTimeout: state.clock.after(timeoutMs, late) });
    send(state, subject, data, reply);
  });
}

function refuse(state: State, reply: string, why: string): void {
  const waiting = state.asked.get(reply);
  if (waiting === undefined) return;
  state.asked.delete(reply);
  waiting.cancelTimeout();
  waiting.reject(new BusUnavailable(`${waiting.subject}: ${why}`));
}

function listen(state: State, pattern: string, received: Received): Cancel {
  assert(!pattern.startsWith(ANSWERS));
  let listening = true;
  const guarded: Received = (data, subject, reply) => {
    if (listening) received(data, subject, reply);
  };
  state.subscribers.set(pattern, [...(state.subscribers.get(pattern) ?? []), guarded]);
  return () => {
    listening = false;
    const rest = (state.subscribers.get(pattern) ?? []).filter((other) => other !== guarded);
    if (rest.length > 0) state.subscribers.set(pattern, rest);
    else state.subscribers.delete(pattern);
  };
}

function setConnected(state: State, connected: boolean): void {
  if (connected === state.connected) return;
  state.connected = connected;
  state.sent = [];
  if (!connected) for (const reply of [...state.asked.keys()]) refuse(state, reply, 'not connected');
  for (const changed of [...state.watchers]) changed(connected);
}
