/**
 * Session record: what a gateway knows of one flow of a session, and the events and effects of its steps.
 *
 * A session outlives its flows; what stands here is the gateway's side of one flow of it. It keeps nothing that
 * cannot be lost: the client holds the cursors and repeats what was not acknowledged. Two flows of a session
 * do not know each other, on one gateway or on two; the router tells them which of them is younger.
 */

import type { Channel } from '#wire/channels.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Cursor } from '#wire/messages.ts';
import type { FlowMode } from '#wire/nodes.ts';
import type { Answer, Credential, Identity, Rights, SessionRequest } from '../seams.ts';
import type { RatePolicy } from './rate.ts';
import type { SendQueue } from './sends.ts';

/** What the claim of a token allows; closed by default. */
export interface RightsChecks {
  mayJoin(rights: Rights, room: string): boolean;
  maySendRoom(rights: Rights, room: string): boolean;
  maySendUser(rights: Rights, user: string, self: string): boolean;
  mayWatch(rights: Rights, channel: Channel, self: string): boolean;
}

export interface SessionPolicy {
  readonly rights: RightsChecks;
  /** Names this gateway in frames that ask to be told of an absent target. */
  readonly gateway: string;
  readonly partitions: number;
  readonly rate: RatePolicy;
  /** Messages refused for their rate, less those that passed since, after which the flow closes as a flood. */
  readonly refusalsMax: number;
  readonly pendingMax: number;
  readonly roomsMax: number;
  readonly watchesMax: number;
  readonly ttlMsDefault: number;
  readonly ttlMsMax: number;
  /** How long an id may be repeated after its first send: less than the log's deduplication window. */
  readonly repeatMsMax: number;
  readonly retryAfterMs: number;
}

/** The moment of a step: wall time for tokens, monotonic time for rates, the log's time for frames. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
  readonly logMs: number;
  readonly busUp: boolean;
  /** For how long what is said now was kept since it was read: it came before the session stood. */
  readonly keptMs: number;
  /** For how long it may have lain unread before that; see `hearing.ts`. */
  readonly unreadMs: number;
}

export class Session {
  readonly flow: number;
  readonly id: string;
  readonly user: string;
  readonly device: string;
  readonly mode: FlowMode;
  readonly resumed: boolean;
  /** Who bears it: the identity it was opened with, or that of the last refresh. */
  identity: Identity;
  /** Attaches that have to be answered before `welcome`; 0 once it was said. */
  opening = 0;
  /** What `welcome` tells; empty afterwards. */
  cursors: Cursor[] = [];
  /** Rooms joined, and watched channels: the request that waits to be answered, or `undefined` where it stands. */
  rooms: Map<Channel, string | undefined> | undefined = undefined;
  watches: Map<Channel, string | undefined> | undefined = undefined;
  queues: Map<Channel, SendQueue> | undefined = undefined;
  /** Requests that wait for their answers. */
  pending = 0;
  /** On the monotonic clock: nothing it sends was written before. */
  welcomedMs = 0;
  dueMs = 0;
  refusals = 0;
  /** A younger flow of this session has its sends. */
  sendsMoved = false;

  constructor(flow: number, identity: Identity, id: string, device: string, mode: FlowMode) {
    this.flow = flow;
    this.id = id;
    this.user = identity.user;
    this.device = device;
    this.mode = mode;
    this.resumed = identity.resumes !== undefined;
    this.identity = identity;
  }
}

export type SessionEvent =
  | { readonly kind: 'open'; readonly cursors: readonly Cursor[] }
  | { readonly kind: 'request'; readonly request: SessionRequest; readonly traceparent: string }
  /** An attachment stands: the flow gets what lies past this cursor. */
  | { readonly kind: 'attached'; readonly channel: Channel; readonly watch: boolean; readonly cursor: Cursor }
  | { readonly kind: 'attachRefused'; readonly fault: FaultCode }
  | {
      readonly kind: 'appended';
      readonly channel: Channel;
      readonly id: string;
      readonly outcome: AppendOutcome;
    }
  | { readonly kind: 'superseded'; readonly mode: FlowMode }
  /** It is the youngest flow of its session, again or still. */
  | { readonly kind: 'restored' }
  | { readonly kind: 'refreshed'; readonly id: string; readonly result: Identity | FaultCode }
  /** The answer to a request that the hub served. */
  | { readonly kind: 'served'; readonly id: string; readonly answer: Answer }
  /** A second has passed. */
  | { readonly kind: 'second' };

/** The log's outcome; see `Appended` of the bus. */
export type AppendOutcome =
  | { readonly kind: 'stored'; readonly position: number }
  | { readonly kind: 'refused'; readonly fault: 'LOG_FULL' | 'CHANNEL_FULL' }
  | { readonly kind: 'undecided' };

/** Where an attachment begins: the frames still alive, the present, or a cursor. */
export type AttachFrom = 'alive' | 'now' | { readonly epoch: string; readonly position: number };

export type SessionEffect =
  | { readonly kind: 'attach'; readonly channel: Channel; readonly watch: boolean; readonly from: AttachFrom }
  | { readonly kind: 'detach'; readonly channel: Channel; readonly watch: boolean }
  /** A join of a room that stands: say where. */
  | { readonly kind: 'stands'; readonly id: string; readonly channel: Channel }
  /** Everything attached: say `welcome`. */
  | { readonly kind: 'welcome' }
  | {
      readonly kind: 'append';
      readonly channel: Channel;
      readonly id: string;
      readonly messageId: string;
      readonly data: Uint8Array;
      readonly ttlMs: number;
      /** A repeat of one that got no answer: not at once. */
      readonly again: boolean;
    }
  | { readonly kind: 'publish'; readonly channel: Channel; readonly data: Uint8Array }
  | { readonly kind: 'answer'; readonly id: string; readonly answer: Answer }
  /** The request is a repeat of one that waits: the one answer will do for both. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'authenticate'; readonly id: string; readonly credential: Credential }
  /** The identity changed: seal a new resume token. */
  | { readonly kind: 'renew' }
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'members'; readonly id: string; readonly channel: Channel }
  | { readonly kind: 'ice'; readonly id: string }
  | { readonly kind: 'fault'; readonly fault: FaultCode }
  /** Closes the flow for a fault, which is counted. */
  | { readonly kind: 'close'; readonly fault: FaultCode };
