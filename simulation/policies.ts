/**
 * Policies: what clients and gateways do after a loss: the law, the law without one of its parts, and what is
 * usual elsewhere.
 */

import { HANDSHAKE_SHARE } from '#gateway/door/door.ts';

export type ClientTiming =
  /** `client/reconnect.ts`. */
  | 'law'
  /** The same, with another random number for each attempt. */
  | 'redrawn'
  /** W1, then W2 again and again. */
  | 'withoutGrowth'
  /** 1 s doubled up to 5 s, half of it up or down; gives up an attempt after 20 s. */
  | 'socketIo'
  /** Every second; gives up after 10 s. */
  | 'fixed'
  /** Anywhere between now and 1 s doubled up to 30 s; gives up after 10 s. */
  | 'fullJitter';

export interface DoorRules {
  readonly kind: 'door';
  /** What becomes of those who come while the door would not listen. */
  readonly closed: 'notListening' | 'dropAfterAccept' | 'listensAlways';
  readonly handshakeShare: number;
  readonly callListener: boolean;
}

export interface QueueRules {
  readonly kind: 'queue';
  readonly order: 'oldestFirst' | 'newestFirst';
  /** What becomes of those who come while more than `limitMs` of work, or `limit` connections, wait. */
  readonly over: 'nothing' | 'refuse' | 'retryAfter' | 'synDropped';
  readonly limit: number;
}

export interface Policy {
  readonly name: string;
  readonly title: string;
  readonly client: ClientTiming;
  readonly gateway: DoorRules | QueueRules;
}

const door: DoorRules = {
  kind: 'door',
  closed: 'notListening',
  handshakeShare: HANDSHAKE_SHARE,
  callListener: true,
};
const everything: QueueRules = { kind: 'queue', order: 'oldestFirst', over: 'nothing', limit: 0 };

export const law: Policy = { name: 'law', title: 'the law', client: 'law', gateway: door };

export const ablations: readonly Policy[] = [
  {
    ...law,
    name: 'always-listening',
    title: 'always listening',
    gateway: { ...door, closed: 'listensAlways' },
  },
  {
    ...law,
    name: 'drop-after-accept',
    title: 'dropping after accept instead of not listening',
    gateway: { ...door, closed: 'dropAfterAccept' },
  },
  { ...law, name: 'redrawn', title: 'a new random number for each attempt', client: 'redrawn' },
  { ...law, name: 'without-growth', title: 'W1, then W2, without growth', client: 'withoutGrowth' },
  {
    ...law,
    name: 'handshakes-first',
    title: 'handshakes first, set-ups after',
    gateway: { ...door, handshakeShare: 1 },
  },
  {
    ...law,
    name: 'one-listener',
    title: 'no listener of its own for those in a call',
    gateway: { ...door, callListener: false },
  },
];

/** A second of TLS set-ups on one core. */
const REFUSE_OVER = 3_500;

export const baselines: readonly Policy[] = [
  {
    name: 'accept-socketio',
    title: 'accept everything, Socket.IO timing',
    client: 'socketIo',
    gateway: everything,
  },
  {
    name: 'accept-jitter',
    title: 'accept everything, full jitter 30 s',
    client: 'fullJitter',
    gateway: everything,
  },
  {
    name: 'refuse-503',
    title: 'refuse over a limit by 503, full jitter 30 s',
    client: 'fullJitter',
    gateway: { ...everything, over: 'refuse', limit: REFUSE_OVER },
  },
  {
    name: 'retry-after',
    title: 'Retry-After from the backlog',
    client: 'fullJitter',
    gateway: { ...everything, over: 'retryAfter', limit: REFUSE_OVER },
  },
  {
    name: 'newest-first',
    title: 'newest first, full jitter 30 s',
    client: 'fullJitter',
    gateway: { ...everything, order: 'newestFirst' },
  },
  {
    name: 'accept-queue',
    title: 'an accept queue of 4,096, full jitter 30 s',
    client: 'fullJitter',
    gateway: { ...everything, over: 'synDropped', limit: 4_096 },
  },
];

export const policies: readonly Policy[] = [law, ...ablations, ...baselines];
