/**
 * Sends: the frames of one flow to one channel, appended one at a time in the order they were sent.
 *
 * One append is under way; later frames wait behind it. An append that got no answer is undecided: it is
 * repeated under the same id until its time (`notAfter`) has passed. When the bus is away, or the log refuses,
 * the client is told to send the same ids again, and so are all that wait behind; until the first of them
 * comes again, or may not come any more, the channel takes no other id, so that nothing overtakes it. These
 * ids are *owed*. How soon a client comes again says nothing: its answer, or its repeat, may be held up
 * anywhere, while what it sent before it had the answer is read first.
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
  /** Until then the client may send it again: never before `notAfter`, and later where its age is not known. */
  readonly endMs: number;
}

interface OwedSend {
  readonly id: string;
  readonly fault: FaultCode;
  /** After this it is not repeated, so it is not waited for. */
  readonly endMs: number;
  /** When it was refused last: a repeat was written after that. */
  refusedMs: number;
  /** How often it was refused. */
  times: number;
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

function isIdle(queue: SendQueue): boolean {
  return queue.underWay === undefined && queue.waiting.length === 0 && queue.owed.length === 0;
}

/** What to do with a frame that the client sends. */
export function offered(queue: SendQueue, send: PendingSend, nowMs: number): Offered {
  const known = inQueue(queue, send.id);
  if (known !== undefined) {
    return known.messageId === send.messageId
      ? { kind: 'repeat' }
      : { kind: 'refused', fault: 'SEND_ID_REUSED' };
  }
  const owed = firstOwed(queue, nowMs);
  if (owed !== undefined && owed.id !== send.id) {
    refusedBefore(queue, send.id, owed.fault, send.endMs, nowMs);
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

export function isInQueue(queue: SendQueue, id: string): boolean {
  return inQueue(queue, id) !== undefined;
}

function inQueue({ underWay, waiting }: SendQueue, id: string): PendingSend | undefined {
  return underWay?.id === id ? underWay : waiting.find((other) => other.id === id);
}

/** The id that has to come next, if any; those whose time has passed are forgotten. */
function firstOwed(queue: SendQueue, nowMs: number): OwedSend | undefined {
  while (queue.owed.length > 0 && queue.owed[0]!.endMs < nowMs) queue.owed.shift();
  return queue.owed[0];
}

/** The append under way was answered for good: the next one to append, if any. */
export function settled(queue: SendQueue): PendingSend | undefined {
  queue.underWay = queue.waiting.shift();
  return queue.underWay;
}

/** The append under way, and all behind it, are given back to the client to be sent again; they are owed. */
export function givenBack(queue: SendQueue, fault: FaultCode, nowMs: number): PendingSend[] {
  const back = queue.underWay === undefined ? queue.waiting : [queue.underWay, ...queue.waiting];
  queue.owed.unshift(...back.map(({ id, endMs }) => ({ id, fault, endMs, refusedMs: nowMs, times: 1 })));
  queue.underWay = undefined;
  queue.waiting = [];
  return back;
}

/**
 * A frame that was refused before it reached the queue (for its rate, say) is owed all the same. One that is refused
 * again keeps its place.
 */
export function refusedBefore(
  queue: SendQueue,
  id: string,
  fault: FaultCode,
  endMs: number,
  nowMs: number,
): void {
  const known = queue.owed.find((owed) => owed.id === id);
  if (known !== undefined) {
    known.refusedMs = nowMs;
    known.times += 1;
  } else if (queue.owed.length < OWED_MAX && inQueue(queue, id) === undefined)
    queue.owed.push({ id, fault, endMs, refusedMs: nowMs, times: 1 });
}

/** When this id was refused last, and how often, if it is owed. */
export function refusedOf(
  { owed }: SendQueue,
  id: string,
): Pick<OwedSend, 'refusedMs' | 'times'> | undefined {
  return owed.find((one) => one.id === id);
}

/** The client will not send it again. What may still be stored is waited for all the same. */
export function givenUp(queue: SendQueue, id: string): void {
  const at = queue.owed.findIndex((owed) => owed.id === id && owed.fault !== 'UNDECIDED');
  if (at >= 0) queue.owed.splice(at, 1);
}

/** Whether nothing of the channel is under way, waits or is owed any more. */
export function isOver(queue: SendQueue, nowMs: number): boolean {
  return firstOwed(queue, nowMs) === undefined && isIdle(queue);
}
