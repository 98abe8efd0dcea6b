/**
 * Sends: the frames of one flow to one channel, appended one at a time in the order they were sent.
 *
 * One append is under way; later frames wait behind it. An append that got no answer is undecided: it is
 * repeated under the same id until its time (`notAfter`) has passed. When the bus is away, or the log refuses,
 * the client is told to send the same ids again, and so are all that wait behind; until the first of them
 * comes again (or its time has passed) the channel takes no other id, so that nothing overtakes it. These
 * ids are *owed*.
 *
 * Pure: the caller appends, answers and keeps the time. All times are those of the log's clock.
 */

import type { FaultCode } from '#wire/faults.ts';

export interface PendingSend {
  readonly id: string;
  readonly messageId: string;
  readonly data: Uint8Array;
  readonly ttlMs: number;
  /** Not to be appended, and not to be believed stored, after this moment. */
  readonly notAfter: number;
}

interface OwedSend {
  readonly id: string;
  untilMs: number;
  /** After this it may not be repeated, so it is not waited for. */
  readonly endMs: number;
  readonly fault: FaultCode;
}

/** Ids a channel remembers as owed; a client that runs further ahead loses the order, not the frames. */
const OWED_MAX = 1_024;

export interface SendQueue {
  underWay: PendingSend | undefined;
  waiting: PendingSend[];
  owed: OwedSend[];
}

export type Offered =
  | { readonly kind: 'append' }
  | { readonly kind: 'waits' }
  /** The same send is in the queue already: its one answer will do. */
  | { readonly kind: 'repeat' }
  | { readonly kind: 'refused'; readonly fault: FaultCode };

export function emptySendQueue(): SendQueue {
  return { underWay: undefined, waiting: [], owed: [] };
}

export function isIdle(queue: SendQueue): boolean {
  return queue.underWay === undefined && queue.waiting.length === 0 && queue.owed.length === 0;
}

/** What to do with a frame that the client sends. */
export function offered(queue: SendQueue, send: PendingSend, nowMs: number): Offered {
  const known =
    queue.underWay?.id === send.id ? queue.underWay : queue.waiting.find((other) => other.id === send.id);
  if (known !== undefined) {
    return known.messageId === send.messageId
      ? { kind: 'repeat' }
      : { kind: 'refused', fault: 'SEND_ID_REUSED' };
  }
  const owed = firstOwed(queue, nowMs);
  if (owed !== undefined && owed.id !== send.id) {
    refusedBefore(queue, send.id, owed.fault, owed.untilMs, send.notAfter);
    return { kind: 'refused', fault: owed.fault };
  }
  if (owed !== undefined) queue.owed.shift();
  if (queue.underWay !== undefined) {
    queue.waiting.push(send);
    return { kind: 'waits' };
  }
  queue.underWay = send;
  return { kind: 'append' };
}

/** The id that has to come next, if any; those whose time has passed are forgotten. */
function firstOwed(queue: SendQueue, nowMs: number): OwedSend | undefined {
  while (queue.owed.length > 0 && queue.owed[0]!.untilMs < nowMs) queue.owed.shift();
  return queue.owed[0];
}

/** The append under way was answered for good: the next one to append, if any. */
export function settled(queue: SendQueue): PendingSend | undefined {
  queue.underWay = queue.waiting.shift();
  return queue.underWay;
}

/**
 * The append under way, and all behind it, are given back to the client to be sent again; they are owed.
 *
 * @param owedMs how long at most the channel waits for each of them.
 */
export function givenBack(queue: SendQueue, fault: FaultCode, nowMs: number, owedMs: number): PendingSend[] {
  const back = queue.underWay === undefined ? queue.waiting : [queue.underWay, ...queue.waiting];
  queue.owed.unshift(
    ...back.map(({ id, notAfter }) => {
      return { id, untilMs: Math.min(notAfter, nowMs + owedMs), endMs: notAfter, fault };
    }),
  );
  waitForElders(queue);
  queue.underWay = undefined;
  queue.waiting = [];
  return back;
}

/**
 * A frame that was refused before it reached the queue (for its rate, say) is owed all the same. One that is refused
 * again keeps its place for the time it is told now.
 */
export function refusedBefore(
  queue: SendQueue,
  id: string,
  fault: FaultCode,
  untilMs: number,
  endMs: number,
): void {
  const known = queue.owed.find((owed) => owed.id === id);
  if (known !== undefined) known.untilMs = Math.max(known.untilMs, Math.min(untilMs, known.endMs));
  else if (queue.owed.length < OWED_MAX) {
    queue.owed.push({ id, untilMs: Math.min(untilMs, endMs), endMs, fault });
  }
  waitForElders(queue);
}

/** None is given up before those sent after it, while it may come: it would enter the log behind them. */
function waitForElders({ owed }: SendQueue): void {
  let untilMs = 0;
  for (let i = owed.length - 1; i >= 0; i--) {
    const elder = owed[i]!;
    untilMs = Math.max(untilMs, elder.untilMs);
    elder.untilMs = Math.min(untilMs, Math.max(elder.endMs, elder.untilMs));
  }
}
