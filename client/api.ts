/**
 * API: every type that users of the SDK meet, and nothing else.
 *
 * It imports names of faults alone, so that the published declarations stand by themselves. That the
 * shapes agree with the messages on the wire is checked by the compiler where `snowshed.ts` hands them on.
 */

import type { FaultCode, Retry } from '#wire/faults.ts';

export type { FaultCode, Retry } from '#wire/faults.ts';

/** What went wrong in the client itself; the other codes come from the service. */
export type ClientFault =
  /** The caller's signal said so. A send that had left this client may still arrive. */
  | 'ABORTED'
  /** The client was closed before an answer came. */
  | 'CLOSED'
  /** No answer came within the time in which the send may be repeated: it may or may not arrive. */
  | 'UNKNOWN'
  /** It never left this client: no connection within the frame's time to live (volatile: at this moment). */
  | 'NOT_SENT'
  /** Too much waits to be sent. */
  | 'OUTBOX_FULL'
  /** `getToken` failed; it is asked again. */
  | 'TOKEN_UNAVAILABLE';

/** A value that JSON can carry. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** As much of `Storage` as the SDK needs: `localStorage` and `sessionStorage` fit. */
export interface StateStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

// biome-ignore lint/suspicious/noExplicitAny: each platform has its own classes of events, which must fit.
type Handler = ((event: any) => any) | null;

/** As much of a WebSocket as the SDK needs; that of browsers, Node ≥ 22 and the `ws` package fit. */
export interface WebSocketLike {
  onopen: Handler;
  /** Asked for `data`. */
  onmessage: Handler;
  /** Asked for `reason`. */
  onclose: Handler;
  onerror: Handler;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface ConnectOptions {
  /**
   * Where the service is: `https://signal.example.org` (or `wss:`). Paths of the protocol are added to it.
   */
  readonly url: string | URL;
  /** Brings a token of the user. Asked at the start, before a token expires, and when one was not taken. */
  readonly getToken: (signal: AbortSignal) => string | Promise<string>;
  /** Names this installation; 1–128 bytes. Default: random, in browsers kept in `localStorage`. */
  readonly device?: string;
  /**
   * Keeps session and cursors across a reload of the page, e.g. `sessionStorage`. Default: they are not kept.
   * What is kept is the user's: `close()` at log-out, or whoever logs in next on this page goes on as that user.
   */
  readonly storage?: StateStorage;
  /** Where the platform has no WebSocket of its own, or not the right one. */
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: typeof fetch;
  /** Never tries a WebSocket. */
  readonly onlyLongPoll?: boolean;
  /** Closes the client when it fires. */
  readonly signal?: AbortSignal;
}

/** Who sent a frame, stamped by the service out of the verified token. */
export interface Sender {
  readonly user: string;
  readonly device: string;
  readonly session: string;
}

/** A frame that came in. */
export interface Frame {
  /** `u/<user>` for what was sent to this user, `r/<room>` for what was sent to a room. */
  readonly channel: string;
  /** Grows within the channel. Absent: volatile. */
  readonly position?: number | undefined;
  readonly epoch?: string | undefined;
  readonly id: string;
  readonly from: Sender;
  readonly to?: { readonly device?: string | undefined; readonly session?: string | undefined } | undefined;
  /** `offer`, `answer`, `candidate`, `reject`, `hangup`, `ringing`, or whatever the app agreed on. */
  readonly kind: string;
  /** The protocol of the body; absent: JSON. */
  readonly format?: string | undefined;
  /** Ties the frames of one call together. */
  readonly call?: string | undefined;
  /** When the sender's gateway stamped it; Unix milliseconds. */
  readonly at: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a body holds is agreed between the apps at both ends.
  readonly body: any;
}

/** Who gets it: a user (all devices, or one device or session) or a room. */
export type Target =
  | { readonly user: string; readonly room?: never; readonly device?: string; readonly session?: string }
  | { readonly room: string; readonly user?: never; readonly device?: string; readonly session?: string };

export interface Contents {
  readonly kind: string;
  readonly body: Json;
  readonly call?: string;
  /** How long it waits for those who are away. Default: 30 s. */
  readonly ttlMs?: number;
  /** For what is out of date in a moment (typing, pointers): not kept, not repeated, not promised. */
  readonly volatile?: boolean;
  /** Asks for an `unreachable` event when nobody is attached to the target. */
  readonly tellIfUnreachable?: boolean;
  readonly signal?: AbortSignal;
}
export type SendOptions = Target & Contents;

export interface Receipt {
  /** As an `unreachable` event names it. */
  readonly id: string;
  /** Where in the channel's log it stands; absent for volatile frames. */
  readonly position?: number | undefined;
}

export interface Room {
  readonly name: string;
  readonly channel: string;
  send(contents: Contents): Promise<Receipt>;
  /** Frames of this room alone. Gives the function that ends it. */
  on(event: 'frame', handler: (frame: Frame) => void): Off;
  leave(options?: Abortable): Promise<void>;
}

/** One session that is attached to a channel. */
export interface Member {
  readonly user: string;
  readonly device: string;
  readonly session: string;
  /** As the session set it with `presence.set`. */
  readonly state?: unknown;
}

export interface PresenceList {
  readonly members: readonly Member[];
  /** There are more than fit. */
  readonly truncated: boolean;
}

export interface PresenceChange {
  readonly channel: string;
  /** Everybody who is present now. */
  readonly members: readonly Member[];
  /** Who came or changed, and who went, since the last time. */
  readonly present: readonly Member[];
  readonly gone: readonly Member[];
}

export interface Presence {
  /** Shown to those who watch this user or a room it is in; at most 1,024 bytes of JSON. */
  set(state: Json, options?: Abortable): Promise<void>;
  get(channel: string, options?: Abortable): Promise<PresenceList>;
  /** Follows who is present on `u/<user>` or `r/<room>`, across reconnects. The answer ends it. */
  watch(channel: string, handler: (change: PresenceChange) => void, options?: Abortable): Promise<Off>;
}

export interface IceServer {
  readonly urls: string[];
  readonly username?: string;
  readonly credential?: string;
}

/** How many are set up before this client, and how long the service expects that to take from now on. */
export interface Queue {
  readonly ahead: number;
  readonly etaMs: number;
}

export type Status =
  /** `queue`: the service is busy, and this client stands in its queue; told again as it moves on. */
  | { readonly state: 'connecting'; readonly queue?: Queue }
  /** Nothing is connected; the next attempt begins in `inMs`. What is sent meanwhile waits. `queue`: as above, over long poll. */
  | { readonly state: 'away'; readonly inMs: number; readonly queue?: Queue }
  /** `resumed`: it is the same session as before. */
  | { readonly state: 'open'; readonly transport: 'websocket' | 'poll'; readonly resumed: boolean }
  /** For good; `error` says why, unless the app closed it. */
  | { readonly state: 'closed'; readonly error?: SnowshedError };

export interface Gap {
  readonly channel: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

export interface Events {
  frame: Frame;
  status: Status;
  /** The service is busy and this client stands in its queue; repeated. */
  wait: Queue;
  /** Frames between these positions are lost to this client, or cannot be shown not to be. */
  gap: Gap;
  presence: PresenceChange;
  /** Nobody was attached to the target of this send; the frame waits for its time to live. */
  unreachable: { readonly id: string };
  /** What no promise could report; with `status` `closed` it was the end. */
  error: SnowshedError;
}

export interface Abortable {
  readonly signal?: AbortSignal;
}

/** Ends what it was given for. */
export type Off = () => void;

export interface Snowshed {
  /** Resolves at the first welcome; rejects if the client was closed before. */
  readonly ready: Promise<void>;
  readonly status: Status;
  readonly user: string | undefined;
  readonly device: string;
  readonly session: string | undefined;
  /** Says that a call is under way: after a loss this client then comes back before others. */
  inCall: boolean;
  on<Name extends keyof Events>(event: Name, handler: (event: Events[Name]) => void): Off;
  /** Resolves when the log has it: from then on it is not lost within its time to live. */
  send(options: SendOptions): Promise<Receipt>;
  join(room: string, options?: Abortable): Promise<Room>;
  leave(room: string, options?: Abortable): Promise<void>;
  readonly presence: Presence;
  /** STUN and TURN servers for `new RTCPeerConnection({ iceServers })`. */
  iceServers(options?: Abortable): Promise<IceServer[]>;
  /**
   * For apps that know of a change of network before the platform tells: opens a second flow, then closes the
   * first.
   */
  networkChanged(): void;
  /** Ends the session. Sends that wait for their answers are rejected with `CLOSED`. */
  close(): Promise<void>;
}

/** What promises of the SDK reject with. */
export class SnowshedError extends Error {
  readonly fault: FaultCode | ClientFault | (string & {});
  /** Whether the same may be tried again. */
  readonly retry: Retry;
  constructor(
    fault: FaultCode | ClientFault | (string & {}),
    retry: Retry,
    text?: string,
    options?: ErrorOptions,
  ) {
    super(text === undefined ? fault : `${fault}: ${text}`, options);
    this.name = 'SnowshedError';
    this.fault = fault;
    this.retry = retry;
  }
}
