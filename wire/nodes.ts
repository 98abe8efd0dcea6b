/**
 * Node messages: what gateways and routers say to each other, over `gw.<gateway>` and `rt.<router>.…`.
 *
 * Every message is one line of JSON, for a delivery followed by the envelopes it carries. `v` as in the
 * envelope. Requests of a gateway to a router are answered in the order they were sent.
 *
 * The idea: the directory of a router is soft state. A gateway *registers* at the owner of a partition
 * (a full announcement, even an empty one, begins a registration) and adds to it; the owner numbers
 * everything it delivers under that registration, from 1. A gateway that misses a number, a beat or an
 * answer, or meets another term or registration, registers anew. So nothing needs to be repeated by
 * routers, and nobody has to remember who was told what.
 */

import type { Channel } from './channels.ts';
import { NODE_VERSION } from './limits.ts';
import { isDelivery } from './node-checks.ts';
import { textOf } from './utf8.ts';

/** How a new flow treats older flows of its session. */
export type FlowMode = 'replace' | 'add';

/** One flow attaches to one channel. `flow` is the gateway's own number of the flow. */
export interface AttachOp {
  readonly op: 'attach';
  readonly channel: Channel;
  readonly flow: number;
  readonly session: string;
  readonly user: string;
  readonly device: string;
  /** Own channel only, the first time and when announced again: how it treats its elders. */
  readonly mode?: FlowMode;
  /** Own channel only, when announced again: the order its first attach was given. */
  readonly order?: number;
  /** Gets presence events of the channel instead of frames. */
  readonly watch?: true;
  /** The presence state, as JSON text. Absent: keep what is known of the session. */
  readonly state?: string;
}

/** One flow leaves one channel: by its own word (`left`), or because it was lost. */
export interface DetachOp {
  readonly op: 'detach';
  readonly channel: Channel;
  readonly flow: number;
  readonly session: string;
  readonly left: boolean;
  readonly watch?: true;
}

/** A session sets its presence state (JSON text, at most `PRESENCE_STATE_BYTES_MAX` bytes). */
export interface StateOp {
  readonly op: 'state';
  readonly channel: Channel;
  readonly session: string;
  readonly state: string;
}

export type DirectoryOp = AttachOp | DetachOp | StateOp;

export interface PartitionOps {
  readonly partition: number;
  /** The term the gateway believes in; an owner of another term answers `stale`. */
  readonly term: number;
  /** Begins a registration (the first part of an announcement); absent: adds to the one named. */
  readonly begin?: true;
  readonly registration?: number;
  /** The last part of an announcement. */
  readonly complete?: true;
  /**
   * After a time in which no router was heard: frames that this gateway acknowledged, and that the log has forgotten, perhaps
   * unread.
   */
  readonly unread?: readonly (readonly [channel: Channel, position: number])[];
  readonly ops: readonly DirectoryOp[];
}

export interface AttachRequest {
  readonly v: number;
  readonly gateway: string;
  readonly partitions: readonly PartitionOps[];
}

/** The answer to one `AttachOp`, in their order. */
export interface Attached {
  /** The position of the channel's last frame at or before `head`; absent: none since `floor`. */
  readonly last?: number;
  /** While all of a gateway is announced: the last position of the channel that the log has forgotten, as far as it is known. */
  readonly forgotten?: number;
  /** Own channel: the order of this flow among those of its session. */
  readonly order?: number;
  /** Own channel, announced again: a younger flow took its place, or its sends. */
  readonly superseded?: FlowMode;
  /** What the router knows of the session's presence state, where the op brought none. */
  readonly state?: string;
  /** Refused, and not attached. */
  readonly fault?: 'TOO_MANY_SESSIONS';
}

export type PartitionAnswer =
  | {
      readonly partition: number;
      readonly term: number;
      readonly registration: number;
      /** The log's epoch. */
      readonly epoch: string;
      /** Every frame of the partition after this position will be delivered under this registration. */
      readonly head: number;
      /** Below this position the router knows nothing: a cursor under it has to be read for. */
      readonly floor: number;
      readonly attached: readonly Attached[];
    }
  /** Not the owner, another term, or no such registration: look at the leases, and register anew. */
  | { readonly partition: number; readonly stale: true };

export interface AttachAnswer {
  readonly v: number;
  readonly router: string;
  readonly partitions: readonly PartitionAnswer[];
}

/** Each second from each gateway to each router. */
export interface Beat {
  readonly v: number;
  readonly gateway: string;
  /** The versions it can read, so that a new one is written only when every beat announces it. */
  readonly reads: number;
}

export interface BeatAnswer {
  readonly v: number;
  readonly router: string;
  /** The partitions it owns: term, this gateway's registration (0: none) and its last delivery number. */
  readonly partitions: readonly (readonly [
    partition: number,
    term: number,
    registration: number,
    number: number,
  ])[];
}

/** One member of a channel, as presence shows it. */
export interface Member {
  readonly user: string;
  readonly device: string;
  readonly session: string;
  /** JSON text. */
  readonly state?: string;
}

export interface PresenceRequest {
  readonly v: number;
  readonly channel: Channel;
}

export type PresenceAnswer =
  | { readonly v: number; readonly members: readonly Member[]; readonly truncated?: true }
  | { readonly v: number; readonly stale: true };

/** A frame in a delivery; its envelope is the next `bytes` bytes after the header line. Position 0: volatile. */
export type DeliveredEntry = readonly [channel: Channel, position: number, storedAtMs: number, bytes: number];

/** Who came, changed or went on a watched channel. The first part of a full list has `full`. */
export interface PresenceEvent {
  readonly channel: Channel;
  readonly full?: true;
  /** More parts of this list follow. */
  readonly more?: true;
  readonly present: readonly Member[];
  readonly gone: readonly Member[];
}

export type ControlEvent =
  /** A younger flow of the session took the place (`replace`) or the sends (`add`) of this one. */
  | { readonly kind: 'superseded'; readonly session: string; readonly flow: number; readonly mode: FlowMode }
  /** The younger flow is lost: this one, the youngest that is left, has the sends again. */
  | { readonly kind: 'restored'; readonly session: string; readonly flow: number }
  /** A frame that asked for it found nobody attached. */
  | { readonly kind: 'unreachable'; readonly session: string; readonly id: string };

/** What one partition delivers to one gateway in one message. */
export interface DeliverySection {
  readonly partition: number;
  readonly term: number;
  readonly registration: number;
  /** Running number of the section under its registration, from 1. */
  readonly number: number;
  readonly entries: readonly DeliveredEntry[];
  readonly presence?: readonly PresenceEvent[];
  readonly control?: readonly ControlEvent[];
}

/** Router to gateway: a header line, then the envelopes of all sections' entries in order. */
export interface Delivery {
  readonly v: number;
  readonly router: string;
  readonly sections: readonly DeliverySection[];
}

/** The value of a partition's lease. */
export interface PartitionLease {
  readonly router: string;
  /** Numbers the owners: max(last + 1, Unix ms). */
  readonly term: number;
  /** Everything up to here was forwarded. */
  readonly position: number;
  /** What `position` was about 30 s ago: the next owner starts there. */
  readonly positionBefore?: number;
  /** For frames up to here it was decided whether they are unreachable. */
  readonly judged?: number;
  /** Orders given to flows under this term are at most this. */
  readonly orderMax?: number;
  /** The epoch of the log that the positions belong to. */
  readonly epoch?: string;
  /** How long it holds unchanged; 1.8 s where it does not say. */
  readonly leaseMs?: number;
  /** Given up: the next owner need not wait, and `router` answers no more. */
  readonly released?: true;
}

/** The value of a router's own lease: by it the others know that it lives. */
export interface RouterLease {
  readonly v: number;
  /** How long it holds unchanged; 1.8 s where it does not say. */
  readonly leaseMs?: number;
}

export const PARTITION_LEASE_PREFIX = 'partition.';
export const ROUTER_LEASE_PREFIX = 'router.';

/**
 * The delivery and the bytes of its envelopes (views), or `undefined` where the message is none. One of a later
 * version is given as it is, for the caller to count.
 */
export function decodeDelivery(bytes: Uint8Array): { delivery: Delivery; envelopes: Uint8Array } | undefined {
  const end = bytes.indexOf(10);
  if (end < 0) return undefined;
  const delivery = decodeNodeMessage<Delivery>(bytes, end);
  if (delivery === undefined) return undefined;
  const envelopes = bytes.subarray(end + 1);
  // `>` alone would make a text of whatever stands there, which may be nested deeper than the stack holds.
  const isLater = typeof delivery.v === 'number' && delivery.v > NODE_VERSION;
  const isSound = isLater || (isDelivery(delivery) && bytesOf(delivery) === envelopes.length);
  return isSound ? { delivery, envelopes } : undefined;
}

function bytesOf({ sections }: Delivery): number {
  return sections.reduce((bytes, section) => bytes + sectionBytes(section), 0);
}

/** Bytes of the envelopes of a section. */
export function sectionBytes(section: DeliverySection): number {
  let bytes = 0;
  for (const entry of section.entries) bytes += entry[3];
  return bytes;
}

export function encodeNodeMessage(
  message:
    | AttachRequest
    | AttachAnswer
    | Beat
    | BeatAnswer
    | PresenceRequest
    | PresenceAnswer
    | PartitionLease
    | RouterLease,
): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** Beyond being an object nothing is checked here: `node-checks.ts` has the shapes. */
export function decodeNodeMessage<Message>(bytes: Uint8Array, end?: number): Message | undefined {
  try {
    const value: unknown = JSON.parse(textOf(bytes, 0, end));
    return typeof value === 'object' && value !== null ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}
