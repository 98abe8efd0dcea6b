/**
 * Orders: what the steering process asks of a swarm's processes, and what these answer.
 */

import type { Place } from './line.ts';

export const timings = ['law', 'socketIo', 'fixed', 'fullJitter', 'heedless'] as const;
/** Whose pace of coming back a crowd keeps; `law`: the SDK's own core. */
export type Timing = (typeof timings)[number];

export interface CrowdOptions {
  /** The first of the clients' numbers: their names are made of them. */
  readonly first: number;
  readonly count: number;
  readonly tls: boolean;
  /** What tokens are made with (HS256). */
  readonly secret: string;
  readonly timing: Timing;
  /** So many pairs are in a call and exchange frames. */
  readonly pairs: number;
  readonly frameEveryMs: number;
  readonly seed: number;
  /** `none`: opens and says nothing. `forged`: claims a session in a call by a seal that is not the service's. */
  readonly greeting: 'proper' | 'none' | 'forged';
  /** Resume token that all come with, whosever it is. */
  readonly replay: string | undefined;
  /** All go where those in a call are expected. */
  readonly atPriority: boolean;
  /** So many come from one address of loopback. */
  readonly perAddress: number;
}

export interface Visits {
  /** So many come a second, or the next when one of so many at once is in. */
  readonly pace: { readonly perSecond: number } | { readonly atOnce: number };
  readonly forMs: number;
  readonly stayMs: number;
  readonly giveUpMs: number;
}

export interface GatewayPlaces {
  readonly main: Place;
  /** Where it expects those in a call. */
  readonly priority?: Place | undefined;
}

export type Order =
  | { readonly order: 'crowd'; readonly options: CrowdOptions }
  /** Where clients find a gateway from now on; each attempt goes to one of these at random. */
  | { readonly order: 'places'; readonly places: readonly GatewayPlaces[] }
  /** All come for the first time, evenly. */
  | { readonly order: 'ramp'; readonly overMs: number }
  /** From this moment of the machine's clock, who is lost, tries and comes back is written down. */
  | { readonly order: 'mark'; readonly atMs: number }
  | { readonly order: 'episode' }
  /** The connections of so many clients that are up break, evenly over a time; they come back over another. */
  | { readonly order: 'cut'; readonly clients: number; readonly overMs: number; readonly backMs: number }
  /** The connections of so many clients that are up break, and they stay away until `inTurn`. */
  | { readonly order: 'drop'; readonly clients: number }
  /** The connections of all that are up break at once; each comes back when it thinks right. */
  | { readonly order: 'break' }
  /** Those that were dropped come back: the next when one of so many at once is in. */
  | { readonly order: 'inTurn'; readonly atOnce: number }
  /**
   * Clients come for the first time, stay for a while once they are in, and leave; who is not in after a while gives up for
   * good. In the end all that are left leave as they are in or give up.
   */
  | (Visits & { readonly order: 'churn' })
  /** No more frames are sent; what is on its way may come. */
  | { readonly order: 'rest' }
  | { readonly order: 'ledger' }
  /** The resume token of the first client. */
  | { readonly order: 'token' }
  /** All leave, and none comes back. */
  | { readonly order: 'leave' };

/** What became of the crowd of one process since the mark. */
export interface Episode {
  /** One entry per client that lost its flow: when it was back for good, after the mark; infinite: it is not. */
  readonly backMs: Float64Array;
  readonly inCall: Uint8Array;
  readonly attempts: Uint16Array;
  /** Of each return, those included that were sent away: the time without a session that stands. */
  readonly awayMs: Float64Array;
  /** Per bin of 100 ms after the mark. */
  readonly attempted: readonly number[];
  readonly setUp: readonly number[];
  readonly lost: readonly number[];
  /** Set-ups of clients that had been asked to go elsewhere. */
  readonly elsewhere: number;
  readonly openTimeouts: number;
  readonly handshakeTimeouts: number;
  readonly sentOn: number;
}

/** Frames between the pairs. */
export interface Ledger {
  readonly sent: number;
  readonly acknowledged: number;
  /** Acknowledged, and not come. */
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
  readonly gaps: number;
  /** From the call to send to the frame at the other, in milliseconds, of the last ones. */
  readonly tookMs: readonly number[];
}

export interface Tally {
  /** Present state. */
  readonly up: number;
  readonly waiting: number;
  /** Connections that stand or are on their way. */
  readonly lines: number;
  /** So far. */
  readonly attempts: number;
  readonly opened: number;
  readonly welcomed: number;
  readonly resumed: number;
  readonly failed: number;
  readonly losses: number;
  readonly waitsTold: number;
  /** Of those that come and go: came, and left without having been in. */
  readonly visitors: number;
  readonly gaveUp: number;
  /** Away since the service asked them to go elsewhere. */
  readonly sentAway: number;
  /** Faults and answers other than an upgrade, by their name. */
  readonly faults: Readonly<Record<string, number>>;
  /** As one client was told last. */
  readonly spread: { readonly gatewayMs: number; readonly fleetMs: number };
  /** Of this process: how late its clients act at worst since the last tally, and the time it has had on the processor. */
  readonly lateMs: number;
  readonly cpuMicros: number;
  readonly bytes: number;
}

export type Result = Episode | Ledger | string;

export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

export type Answer =
  | { readonly kind: 'tally'; readonly tally: Tally }
  | { readonly kind: 'done'; readonly id: number; readonly result: Result | undefined }
  | { readonly kind: 'error'; readonly id: number; readonly error: string };

export const BIN_MS = 100;
export const TALLY_MS = 250;

export function nameOf(client: number): string {
  return `s${client.toString().padStart(7, '0')}`;
}
