/**
 * Gateway seams: the types that the spokes of the gateway share; `gateway.ts` joins them.
 *
 *     Transport   bytes in, bytes out; knows connections, nothing of signaling
 *     Dialect     the state machine of one flow: bytes, answers and frames in, effects out
 *     Authenticator, IceServers   who the client is, and what it gets for its media
 *
 * A new protocol is a folder under `dialects/` that exports a `Dialect`, and a line in `main.ts`.
 */

import type { Channel } from '#wire/channels.ts';
import type { EnvelopeHeader } from '#wire/envelope.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Cursor, IceServer, SessionLimits, Spread } from '#wire/messages.ts';
import type { FlowMode, Member } from '#wire/nodes.ts';
import type { Revocation } from '#wire/revocations.ts';

// Transport.

/** Where connections come: by the port for everybody, or by the one for those in a call. */
export type Listener = 'call' | 'main';

/** A connection that was accepted, before anything was read of it. */
export interface Knock {
  readonly listener: Listener;
  /** The client's, in canonical form; `undefined` where a trusted proxy stands between. Asked from within `knocked` only. */
  address(): string | undefined;
  /**
   * Reads nothing of it until `goOn`; called at most once, from within `knocked`. `gone`: it ended before its first request. Some
   * ends are noticed only when it goes on, as nothing is read before.
   */
  hold(gone: () => void): void;
  /** After `hold`; does nothing once it is gone. */
  goOn(): void;
  /** After `hold`, instead of going on. */
  close(): void;
}

/** What is known of a connection before a byte of its dialect was read. */
export interface Opening {
  readonly transport: 'websocket' | 'poll';
  /** The client's address, after trusted proxies. */
  readonly address: string;
  readonly origin: string | undefined;
  readonly secure: boolean;
  /** A bearer token from `Authorization` or the subprotocol list (never from the URL). */
  readonly bearer: string | undefined;
  /** Absent: `main`. */
  readonly listener?: Listener;
}

/** One connection as the hub holds it. After `closed` was reported, `send` and `close` do nothing. */
export interface Flow {
  /** The gateway's own number of this flow, from 1, never used twice. */
  readonly number: number;
  readonly opening: Opening;
  /** Hands bytes to the connection; a string is a text message. */
  send(data: string | Uint8Array): void;
  /** Bytes handed over and not yet taken by the network. */
  unsentBytes(): number;
  /**
   * Sends what it can of the bytes handed over, then closes with the fault's close code.
   *
   * @param afterMs when to come again, for transports that say so by themselves.
   * @param ahead how many stand before this client in the queue it leaves, for the same.
   */
  close(fault: FaultCode, afterMs?: number, ahead?: number): void;
}

/** What a transport tells the hub. `data` is valid during the call only. */
export interface TransportEvents {
  /** A connection was accepted, and its handshake is to come; false closes it at once. */
  knocked(knock: Knock): boolean;
  /** Asked before a connection is accepted; a fault refuses it (HTTP status of the fault). */
  admit(opening: Opening): FaultCode | undefined;
  opened(flow: Flow, dialect: Dialect): void;
  /** @param sinceMs since when the transport has it, by the monotonic clock, where it does not come at once. */
  received(flow: Flow, data: Uint8Array, binary: boolean, sinceMs?: number): void;
  /** The client sent a ping of the transport, which answers it by itself. */
  pinged(flow: Flow): void;
  /** The network has taken all bytes handed over. */
  drained(flow: Flow): void;
  /** The connection is gone; `fault` where the transport itself found one (too large, invalid UTF-8, silent, …). */
  closed(flow: Flow, fault: FaultCode | undefined): void;
}

export interface Transport {
  /** Starts to listen; resolves with the ports taken. */
  listen(): Promise<{ readonly main: number; readonly call?: number | undefined }>;
  /** Takes no new connections until `listen`; those that are open live on, and clients that poll are moved on. */
  stopListening(): void;
  /** Takes connections by this listener, or none for now: until it is said again. Answers what holds now. */
  setListening(listener: Listener, listens: boolean): boolean;
  /** How many connections more there may be. */
  socketsLeft(): number;
  /** Closes what is left. */
  close(): void;
}

// Dialect.

/** Where a dialect is spoken: a path and, for WebSocket, the subprotocol (RFC 6455 §11.3.4), if its clients offer one. */
export interface Endpoint {
  readonly path: string;
  readonly subprotocol: string | undefined;
}

export type Credential =
  | { readonly scheme: 'jwt'; readonly token: string }
  | { readonly scheme: 'resume'; readonly token: string };

/** Where a frame goes, as its sender says it. */
export interface FrameTarget {
  readonly channel: Channel;
  readonly device?: string | undefined;
  readonly session?: string | undefined;
}

/** A frame on its way in. The body is bytes of `format`, or text that is UTF-8 of them. */
export interface OutboundFrame {
  readonly id: string;
  readonly to: FrameTarget;
  readonly kind: string;
  readonly format: string;
  readonly body: string | Uint8Array;
  readonly call?: string | undefined;
  readonly ttlMs?: number | undefined;
  readonly volatile: boolean;
  readonly tellIfUnreachable: boolean;
  /** Milliseconds since this id was first sent. */
  readonly ageMs: number;
}

/** What a flow asks of its session; each is answered by one `answered` event with the same id. */
export type SessionRequest =
  | { readonly op: 'send'; readonly id: string; readonly frame: OutboundFrame }
  | {
      readonly op: 'join';
      readonly id: string;
      readonly room: string;
      readonly cursor?: { readonly epoch: string; readonly position: number } | undefined;
    }
  | { readonly op: 'leave'; readonly id: string; readonly room: string }
  | { readonly op: 'refresh'; readonly id: string; readonly credential: Credential }
  | { readonly op: 'presence.set'; readonly id: string; readonly state: string }
  | { readonly op: 'presence.get'; readonly id: string; readonly channel: Channel }
  | { readonly op: 'presence.watch'; readonly id: string; readonly channel: Channel }
  | { readonly op: 'presence.unwatch'; readonly id: string; readonly channel: Channel }
  | { readonly op: 'ice'; readonly id: string };

export type Answer =
  | {
      readonly ok: true;
      readonly position?: number | undefined;
      readonly cursor?: Cursor | undefined;
      readonly members?: readonly Member[] | undefined;
      readonly truncated?: boolean | undefined;
      readonly iceServers?: readonly IceServer[] | undefined;
      readonly expiresAt?: number | undefined;
    }
  | { readonly ok: false; readonly fault: FaultCode; readonly retryAfterMs?: number | undefined };

/** What a session that stands says of itself. */
export interface Welcome {
  readonly session: string;
  readonly user: string;
  readonly device: string;
  readonly resumed: boolean;
  readonly resume: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly spread: Spread;
  /** Where a session in a call resumes, if there is such an address. */
  readonly priorityUrl?: string | undefined;
  /** The resume token says that the session is in a call. */
  readonly inCall?: boolean | undefined;
  /** For how long from now on. */
  readonly inCallMs?: number | undefined;
  readonly pingMs: number;
  readonly cursors: readonly Cursor[];
  readonly limits: SessionLimits;
}

export type DialectEvent =
  | { readonly kind: 'message'; readonly data: Uint8Array; readonly binary: boolean }
  | { readonly kind: 'authenticated'; readonly user: string }
  | { readonly kind: 'opened'; readonly welcome: Welcome }
  | { readonly kind: 'waiting'; readonly etaMs: number; readonly ahead: number }
  | { readonly kind: 'frame'; readonly frame: DeliveredFrame }
  | { readonly kind: 'answered'; readonly id: string; readonly answer: Answer }
  | {
      readonly kind: 'gap';
      readonly channel: Channel;
      readonly epoch: string;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly kind: 'presence';
      readonly channel: Channel;
      readonly full: boolean;
      readonly more: boolean;
      readonly present: readonly Member[];
      readonly gone: readonly Member[];
    }
  | { readonly kind: 'unreachable'; readonly id: string }
  | { readonly kind: 'spread'; readonly spread: Spread }
  | {
      readonly kind: 'renewed';
      readonly resume: string;
      readonly expiresAt: number;
      readonly inCall?: boolean | undefined;
      readonly inCallMs?: number | undefined;
    }
  /** The flow is about to close, and its client is to come back after this time, to this address if one is said. */
  | { readonly kind: 'sentOn'; readonly afterMs: number; readonly url: string | undefined }
  /** The flow is about to close: say so in the dialect's words. The hub closes it afterwards. */
  | { readonly kind: 'closing'; readonly fault: FaultCode; readonly spreadMs: number }
  | { readonly kind: 'timer'; readonly name: string };

export type DialectEffect =
  | { readonly kind: 'send'; readonly data: string | Uint8Array }
  /** Checks the credential; `authenticated` follows, or `closing` with the fault. `sentOn`: another gateway sent it here while it waited. */
  | { readonly kind: 'authenticate'; readonly credential: Credential; readonly sentOn?: boolean }
  /** Opens or resumes the session of the identity just authenticated; `waiting` and `opened` follow, or `closing`. */
  | {
      readonly kind: 'open';
      readonly device: string | undefined;
      readonly mode: FlowMode;
      readonly cursors: readonly Cursor[];
    }
  | { readonly kind: 'request'; readonly request: SessionRequest }
  /** Counts a mistake of the client that the dialect has answered itself. */
  | { readonly kind: 'fault'; readonly fault: FaultCode }
  /** `timer` with this name follows after `afterMs`; the same name again replaces it; `undefined` cancels it. */
  | { readonly kind: 'timer'; readonly name: string; readonly afterMs: number | undefined }
  /** Closes the flow for a fault: `closing` follows. */
  | { readonly kind: 'close'; readonly fault: FaultCode }
  /** The client ends its session: it does not stay present. */
  | { readonly kind: 'leave' };

export type DialectStep<State> = readonly [state: State, effects: readonly DialectEffect[]];

/** The state machine of one flow in one protocol. Pure: it never touches bus, clock or socket. */
export interface Dialect<State = unknown> {
  /** A label of metrics: `native`, `sip`, … */
  readonly name: string;
  /** Its clients are not ours: they know nothing of waiting, and give up soon. */
  readonly stockClients?: true;
  readonly endpoint: Endpoint;
  open(opening: Opening, nowMs: number): DialectStep<State>;
  step(state: State, event: DialectEvent, nowMs: number): DialectStep<State>;
}

/**
 * A frame on its way out: shared by all flows that get it.
 *
 * `encodedOnce` is where a dialect keeps the bytes that are the same for every recipient, so that a frame is
 * encoded once per dialect and not once per recipient. Nearly all frames are for one dialect, which needs no Map.
 */
export class DeliveredFrame {
  readonly channel: Channel;
  readonly epoch: string;
  /** 0: volatile. */
  readonly position: number;
  readonly header: EnvelopeHeader;
  readonly body: Uint8Array;
  /** The dialect that asked first, and its encoding. */
  private first: string;
  private encoding: string | Uint8Array;
  private others: Map<string, string | Uint8Array> | undefined;

  constructor(channel: Channel, epoch: string, position: number, header: EnvelopeHeader, body: Uint8Array) {
    this.channel = channel;
    this.epoch = epoch;
    this.position = position;
    this.header = header;
    this.body = body;
    this.first = '';
    this.encoding = '';
    this.others = undefined;
  }

  encodedOnce(dialect: string, encode: (frame: DeliveredFrame) => string | Uint8Array): string | Uint8Array {
    if (this.first === dialect) return this.encoding;
    if (this.first === '') {
      this.first = dialect;
      this.encoding = encode(this);
      return this.encoding;
    }
    this.others ??= new Map();
    const known = this.others.get(dialect) ?? encode(this);
    this.others.set(dialect, known);
    return known;
  }
}

// Attachment.

/** One flow on one channel, as delivery holds it and the router's directory knows it. */
export interface Attachment {
  readonly channel: Channel;
  readonly partition: number;
  readonly flow: number;
  readonly session: string;
  readonly user: string;
  readonly device: string;
  /** Gets presence events instead of frames. */
  readonly watch: boolean;
  /** Own channel: how the flow treats its elders, and the order it was given. */
  readonly mode: FlowMode | undefined;
  order: number | undefined;
  /** The session's presence state, JSON text. */
  state: string | undefined;
}

// Identity.

/** The `snowshed` claim (DESIGN: closed by default). Room and user names may end in `*`. */
export interface Rights {
  readonly rooms?: Readonly<Record<string, readonly ('join' | 'send' | 'watch')[]>>;
  readonly users?: { readonly send?: readonly string[]; readonly watch?: readonly string[] };
}

/** What a verified credential says of its bearer. Times are Unix milliseconds. */
export interface Identity {
  readonly user: string;
  readonly rights: Rights;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly tokenId: string | undefined;
  /** Of a resume token: the session it goes on with. */
  readonly resumes: Resumed | undefined;
}

export interface Resumed {
  readonly session: string;
  readonly device: string;
  /** Unix milliseconds until which its session counts as in a call, which comes first when many come back. */
  readonly inCallUntil?: number | undefined;
}

export interface Authenticator {
  /** Who bears this credential, or why it is refused. Synchronous where no key has to be fetched. */
  authenticate(credential: Credential): Identity | FaultCode | Promise<Identity | FaultCode>;
  /** The sealed resume token of a session; never outlives the identity. */
  seal(
    identity: Identity,
    session: string,
    device: string,
    inCallUntil?: number,
  ): { readonly resume: string; readonly expiresAt: number };
}

export interface Revocations {
  /** Whether this identity (or, of a live session, this session) has been revoked since it was issued. */
  revoked(identity: Identity, session: string | undefined): boolean;
  /** Told after each revocation that was read, so that the hub can look through its sessions. */
  watch(changed: (revocation: Revocation) => void): void;
}

export type { Revocation };

export interface IceServers {
  /** STUN and TURN servers with credentials for this user, or `undefined` where none is configured. */
  iceServersFor(
    user: string,
  ): { readonly iceServers: readonly IceServer[]; readonly expiresAt: number } | undefined;
}
