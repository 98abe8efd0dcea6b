/**
 * Appends: publishes into the log's streams, with the answers on one subscription and one timer for all.
 *
 * Those under way stand in a ring, in the order they were sent; the number of the answer's subject names the
 * place. So an append costs no promise, no timer and no entry of a map. An answer that comes after its time
 * finds its place empty, or taken by another number.
 */

import assert from 'node:assert/strict';
import type { ApiError } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import { logSubject } from '#wire/subjects.ts';
import type { BusMetrics } from '../metrics.ts';
import type { Append, Appended } from '../seams.ts';
import type { Connection } from './connection.ts';
import type { LeanMessage } from './intake.ts';
import { outcomeOf } from './pub-ack.ts';

export interface Appends {
  append(append: Append, answered: (outcome: Appended) => void): void;
  close(): void;
}

interface UnderWay {
  number: number;
  bytes: number;
  sentMs: number;
  answered: ((outcome: Appended) => void) | undefined;
}

interface State {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly metrics: BusMetrics;
  readonly inbox: string;
  readonly ring: readonly UnderWay[];
  readonly surprised: (error: ApiError) => void;
  /** The number of the oldest that may be under way, and of the next. */
  oldest: number;
  next: number;
  bytes: number;
  /** When a surprise was last logged. */
  surprisedMs: number;
  /** Decided without asking the server; told in the next turn. */
  given: ((outcome: Appended) => void)[];
}

/** Appends under way at once, a power of two; past it they are undecided at once. */
const UNDER_WAY_MAX = 16_384;
const UNDER_WAY_BYTES_MAX = 67_108_864;
/**
 * A leader answers in milliseconds. Where it froze, its cluster still sends frames to it until another one is
 * elected, so each wait that is too long adds to the outage; a repeat that was not needed is recognized.
 */
const ANSWER_MS_MAX = 2_500;
const SWEEP_MS = 250;
/** One line for all errors of this time; they are counted as undecided. */
const SURPRISE_MS = 10_000;
const NO_RESPONDERS = 503;
const undecided: Appended = { kind: 'undecided' };

export function createAppends(
  connection: Connection,
  inbox: string,
  { clock, log, metrics }: { readonly clock: Clock; readonly log: Logger; readonly metrics: BusMetrics },
): Appends {
  const state: State = {
    connection,
    clock,
    metrics,
    inbox: `${inbox}.`,
    ring: Array.from({ length: UNDER_WAY_MAX }, (): UnderWay => {
      return { number: -1, bytes: 0, sentMs: 0, answered: undefined };
    }),
    surprised({ err_code: code, description: reason }) {
      const nowMs = clock.monotonicMs();
      if (nowMs - state.surprisedMs < SURPRISE_MS) return;
      state.surprisedMs = nowMs;
      log.warn({ event: 'bus.append.error', code, reason }, 'the log answers appends with an error');
    },
    oldest: 0,
    next: 0,
    bytes: 0,
    surprisedMs: Number.NEGATIVE_INFINITY,
    given: [],
  };
  const unsubscribe = connection.subscribeLean(`${inbox}.*`, (message) => heed(state, message));
  const unwatch = connection.watch((connected) => {
    if (!connected) giveUp(state, Number.POSITIVE_INFINITY);
  });
  const cancelSweep = clock.every(SWEEP_MS, () => giveUp(state, clock.monotonicMs() - ANSWER_MS_MAX));
  return {
    append: (append, answered) => send(state, append, answered),
    close() {
      cancelSweep();
      unwatch();
      unsubscribe();
      giveUp(state, Number.POSITIVE_INFINITY);
    },
  };
}

function send(state: State, append: Append, answered: (outcome: Appended) => void): void {
  assert(!append.messageId.includes('\n') && !append.messageId.includes('\r'));
  const place = state.ring[state.next & (UNDER_WAY_MAX - 1)]!;
  if (place.answered !== undefined || state.bytes > UNDER_WAY_BYTES_MAX)
    return undecidedSoon(state, answered);
  const { partition, channel, messageId, data, ttlMs } = append;
  // Whole seconds there, rounded up, and one more since its sweep of expired messages runs each second.
  const head = `NATS/1.0\r\nNats-Msg-Id:${messageId}\r\nNats-TTL:${Math.ceil(ttlMs / 1_000) + 1}\r\n\r\n`;
  const reply = state.inbox + state.next;
  if (data.length + 2 * head.length > state.connection.payloadBytesMax) {
    state.surprised({ code: 413, err_code: 0, description: 'a frame is larger than the bus takes' });
    return undecidedSoon(state, answered);
  }
  if (!state.connection.publish(logSubject(partition, channel), data, reply, head)) {
    return undecidedSoon(state, answered);
  }
  place.number = state.next++;
  place.bytes = data.length;
  place.sentMs = state.clock.monotonicMs();
  place.answered = answered;
  state.bytes += data.length;
}

/** Never within `append`: its caller must not be entered while it calls. */
function undecidedSoon(state: State, answered: (outcome: Appended) => void): void {
  state.metrics.appendsUndecided.inc();
  if (state.given.push(answered) > 1) return;
  state.clock.soon(() => {
    const { given } = state;
    state.given = [];
    for (const answered of given) answered(undecided);
  });
}

function heed(state: State, message: Msg | LeanMessage): void {
  const number = Number(message.subject.slice(state.inbox.length));
  const place = state.ring[number & (UNDER_WAY_MAX - 1)];
  if (place === undefined || place.number !== number || place.answered === undefined) return;
  const answer = message.data;
  const outcome =
    answer.length === 0 && message.headers?.code === NO_RESPONDERS
      ? undecided
      : outcomeOf(answer, state.surprised);
  if (outcome.kind === 'undecided') state.metrics.appendsUndecided.inc();
  settle(state, place, outcome);
}

function settle(state: State, place: UnderWay, outcome: Appended): void {
  const { answered } = place;
  state.bytes -= place.bytes;
  place.answered = undefined;
  answered?.(outcome);
}

/** Those sent at or before this moment have waited long enough. */
function giveUp(state: State, sentMsMax: number): void {
  const end = state.next;
  while (state.oldest < end) {
    const place = state.ring[state.oldest & (UNDER_WAY_MAX - 1)]!;
    const waits = place.number === state.oldest && place.answered !== undefined;
    if (waits && place.sentMs > sentMsMax) return;
    state.oldest++;
    if (!waits) continue;
    state.metrics.appendsUndecided.inc();
    settle(state, place, undecided);
  }
}
