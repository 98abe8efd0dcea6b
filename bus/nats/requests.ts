/**
 * Requests: whatever this process asks over the bus, with one inbox and one timer for all answers.
 *
 * The client library's own requests cost a timer and a race of promises each, wait for their timeout when the
 * connection is lost, and settle in no order towards other messages.
 */

import type { Msg } from '@nats-io/transport-node';
import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Arrivals } from '../arrivals.ts';
import { BusUnavailable } from '../seams.ts';
import type { Connection } from './connection.ts';

export interface Requests {
  /** Rejects with `BusUnavailable` when nobody listens, no answer comes in time or the connection is lost. */
  one(subject: string, data: Uint8Array, timeoutMs: number, head?: string): Promise<Uint8Array>;
  /** Several answers, until `received` says that the last has come; rejects as `one`. */
  many(
    subject: string,
    data: Uint8Array,
    timeoutMs: number,
    received: (message: Msg) => Progress,
  ): Promise<void>;
  close(): void;
}

export type Progress = 'more' | 'done';

interface Pending {
  readonly subject: string;
  readonly dueMs: number;
  /** Takes one message, and says whether it was the last. */
  readonly received: (message: Msg) => Progress;
  readonly failed: (error: BusUnavailable) => void;
}

const SWEEP_MS = 50;
const NO_RESPONDERS = 503;

export function createRequests(
  connection: Connection,
  arrivals: Arrivals,
  inbox: string,
  clock: Clock,
): Requests {
  const pending = new Map<string, Pending>();
  let asked = 0;

  const unsubscribe = connection.subscribe(`${inbox}.*`, (message) => {
    const reply = message.subject;
    const request = pending.get(reply);
    if (request === undefined) return;
    if (nobodyListens(message)) fail(reply, 'nobody listens');
    else if (request.received(message) === 'done') pending.delete(reply);
  });
  const unwatch = connection.watch((connected) => {
    if (!connected) failAll('the connection is lost');
  });
  /** Only while an answer is due: a timer wakes a process that has nothing to do. */
  let cancelSweep: Cancel | undefined;

  function sweep(): void {
    const nowMs = clock.monotonicMs();
    for (const [reply, { dueMs }] of pending) if (dueMs <= nowMs) fail(reply, 'no answer in time');
    if (pending.size === 0) stopSweeping();
  }

  function stopSweeping(): void {
    cancelSweep?.();
    cancelSweep = undefined;
  }

  function ask(
    subject: string,
    data: Uint8Array,
    timeoutMs: number,
    head: string | undefined,
    taking: Pick<Pending, 'received' | 'failed'>,
  ): void {
    const reply = `${inbox}.${++asked}`;
    cancelSweep ??= clock.every(SWEEP_MS, sweep);
    pending.set(reply, { subject, dueMs: clock.monotonicMs() + timeoutMs, ...taking });
    if (!connection.publish(subject, data, reply, head)) fail(reply, 'not connected');
  }

  function fail(reply: string, why: string): void {
    const request = pending.get(reply);
    pending.delete(reply);
    request?.failed(new BusUnavailable(`${request.subject}: ${why}`));
  }

  function failAll(why: string): void {
    for (const reply of [...pending.keys()]) fail(reply, why);
  }

  return {
    one: (subject, data, timeoutMs, head) =>
      new Promise((resolve, reject) => {
        const received = (message: Msg): Progress => {
          arrivals.answer(resolve, message.data);
          return 'done';
        };
        ask(subject, data, timeoutMs, head, { received, failed: reject });
      }),
    many: (subject, data, timeoutMs, received) =>
      new Promise((resolve, reject) => {
        const receivedNext = (message: Msg): Progress => {
          const progress = received(message);
          if (progress === 'done') resolve();
          return progress;
        };
        ask(subject, data, timeoutMs, undefined, { received: receivedNext, failed: reject });
      }),
    close() {
      stopSweeping();
      unwatch();
      unsubscribe();
      failAll('closed');
    },
  };
}

function nobodyListens(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.code === NO_RESPONDERS;
}
