/**
 * Inbox: what one flow has received, in order of arrival, and who waits for what of it.
 *
 * It keeps the cursors as the protocol tells a client to: what lies past the cursor of its channel is
 * news and moves the cursor, the rest is stale and is kept apart, so that a test can ask that there was none.
 */

import { isFaultCode } from '#wire/faults.ts';
import type { Cursor, ServerMessage } from '#wire/messages.ts';

export type MessageType = ServerMessage['type'];
export type MessageOf<T extends MessageType> = Extract<ServerMessage, { readonly type: T }>;
export type FrameMessage = MessageOf<'frame'>;
export type Reply = MessageOf<'ack'> | MessageOf<'nack'>;

export interface Arrival {
  /** Counts all arrivals of the test process, so that two flows can be compared. */
  readonly order: number;
  readonly atMs: number;
  readonly message: ServerMessage;
}

/** How a flow ended; `bye` where the server said so before. */
export interface Closing {
  /** The WebSocket close code, or the status of the poll's answer. */
  readonly code: number;
  readonly reason: string;
  /** The fault of `bye`, else of the answer that refused a poll. */
  readonly fault: string | undefined;
  readonly bye: MessageOf<'bye'> | undefined;
}

/** The flow ended while somebody waited for a message. */
export class FlowClosed extends Error {
  readonly closing: Closing;
  constructor(name: string, what: string, closing: Closing) {
    super(`${name}: closed (${closing.code} ${closing.fault ?? closing.reason}) while waiting for ${what}`);
    this.name = 'FlowClosed';
    this.closing = closing;
  }
}

interface Waiting {
  readonly type: string;
  readonly matches: (message: ServerMessage) => boolean;
  readonly got: (message: ServerMessage) => void;
  readonly closed: (closing: Closing) => void;
}

let arrivalsOfAll = 0;

export interface Inbox {
  readonly arrivals: readonly Arrival[];
  readonly stale: readonly FrameMessage[];
  readonly cursors: Map<string, Cursor>;
  readonly replies: Map<string, (reply: Reply) => void>;
  readonly closing: Closing | undefined;
  resume: string | undefined;
  welcome: MessageOf<'welcome'> | undefined;
  /** Told of every message as it arrives, stale frames among them. */
  heard: ((message: ServerMessage) => void) | undefined;
  received(message: ServerMessage): void;
  closed(code: number, reason: string): void;
  next<T extends MessageType>(
    type: T,
    matches: (message: MessageOf<T>) => boolean,
    timeoutMs: number,
  ): Promise<MessageOf<T>>;
}

export function createInbox(name: string, ended: (closing: Closing) => void): Inbox {
  const arrivals: Arrival[] = [];
  const stale: FrameMessage[] = [];
  const untaken = new Map<string, ServerMessage[]>();
  const waiting = new Set<Waiting>();
  let closing: Closing | undefined;
  let bye: MessageOf<'bye'> | undefined;

  function handOver(message: ServerMessage): void {
    for (const waiter of waiting) {
      if (waiter.type !== message.type || !waiter.matches(message)) continue;
      waiting.delete(waiter);
      waiter.got(message);
      return;
    }
    const queue = untaken.get(message.type);
    if (queue === undefined) untaken.set(message.type, [message]);
    else queue.push(message);
  }

  function taken(type: string, matches: (message: ServerMessage) => boolean): ServerMessage | undefined {
    const queue = untaken.get(type) ?? [];
    const at = queue.findIndex(matches);
    return at < 0 ? undefined : queue.splice(at, 1)[0];
  }

  const inbox: Inbox = {
    arrivals,
    stale,
    cursors: new Map(),
    replies: new Map(),
    get closing() {
      return closing;
    },
    resume: undefined,
    welcome: undefined,
    heard: undefined,
    received(message) {
      arrivals.push({ order: ++arrivalsOfAll, atMs: performance.now(), message });
      if (message.type === 'bye') bye = message;
      if (message.type === 'frame' && !movesCursor(inbox.cursors, message)) stale.push(message);
      else {
        remember(inbox, message);
        handOver(message);
      }
      inbox.heard?.(message);
    },
    closed(code, reason) {
      if (closing !== undefined) return;
      closing = { code, reason, fault: bye?.fault ?? (isFaultCode(reason) ? reason : undefined), bye };
      for (const waiter of waiting) waiter.closed(closing);
      waiting.clear();
      ended(closing);
    },
    next<T extends MessageType>(type: T, matches: (message: MessageOf<T>) => boolean, timeoutMs: number) {
      const fits = matches as (message: ServerMessage) => boolean;
      const there = taken(type, fits);
      if (there !== undefined) return Promise.resolve(there as MessageOf<T>);
      if (closing !== undefined) return Promise.reject(new FlowClosed(name, type, closing));
      return new Promise<MessageOf<T>>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(waiter);
          reject(new Error(`${name}: no ${type} within ${timeoutMs} ms; last came ${lastOf(arrivals)}`));
        }, timeoutMs);
        const waiter: Waiting = {
          type,
          matches: fits,
          got(message) {
            clearTimeout(timer);
            resolve(message as MessageOf<T>);
          },
          closed(end) {
            clearTimeout(timer);
            reject(new FlowClosed(name, type, end));
          },
        };
        waiting.add(waiter);
      });
    },
  };
  return inbox;
}

function lastOf(arrivals: readonly Arrival[]): string {
  const last = arrivals.slice(-4).map(({ message }) => JSON.stringify(message).slice(0, 160));
  return last.length === 0 ? 'nothing' : last.join(' ');
}

/** Whether a frame lies past its cursor; then the cursor moves on to it. Volatile frames always do. */
function movesCursor(cursors: Map<string, Cursor>, frame: FrameMessage): boolean {
  const { channel, epoch, position } = frame;
  if (epoch === undefined || position === undefined || position === 0) return true;
  const cursor = cursors.get(channel);
  if (cursor?.epoch === epoch && position <= cursor.position) return false;
  cursors.set(channel, { channel, epoch, position });
  return true;
}

function remember(inbox: Inbox, message: ServerMessage): void {
  if (message.type === 'welcome') {
    inbox.welcome = message;
    inbox.resume = message.resume;
    for (const cursor of message.cursors) begin(inbox.cursors, cursor);
  } else if (message.type === 'resume') inbox.resume = message.resume;
  else if (message.type === 'gap') jump(inbox.cursors, message);
  else if (message.type === 'ack' || message.type === 'nack') {
    if (message.type === 'ack' && message.cursor !== undefined) begin(inbox.cursors, message.cursor);
    if (message.id === undefined) return;
    inbox.replies.get(message.id)?.(message);
    inbox.replies.delete(message.id);
  }
}

/** A cursor told at the beginning counts unless frames past it have come already. */
function begin(cursors: Map<string, Cursor>, told: Cursor): void {
  const known = cursors.get(told.channel);
  if (known?.epoch === told.epoch && known.position >= told.position) return;
  cursors.set(told.channel, told);
}

/** After a gap of another epoch, or one that goes back behind the cursor, whatever comes is news. */
function jump(cursors: Map<string, Cursor>, gap: MessageOf<'gap'>): void {
  const known = cursors.get(gap.channel);
  if (known?.epoch === gap.epoch && gap.to >= known.position) return;
  cursors.set(gap.channel, { channel: gap.channel, epoch: gap.epoch, position: 0 });
}
