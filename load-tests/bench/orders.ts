/**
 * Orders: what the measuring process asks of a load process, and what that answers.
 */

import type { SpeechName } from '../peers/speeches.ts';
import type { Address } from './line.ts';

/** How the clients of a crowd present themselves. */
export type Greeting =
  /** They speak the yardstick's protocol: their name is the path. `echo`: each sends itself a message and waits for it. */
  | { readonly kind: 'yardstick'; readonly echo?: true }
  /** Native sessions under tokens that the load process makes with the shared secret. */
  | { readonly kind: 'native'; readonly secret: string }
  /** Native sessions under these tokens, one each. */
  | { readonly kind: 'tokens'; readonly tokens: readonly string[] }
  /** Native sessions that go on where those of the crowd of this name were. */
  | { readonly kind: 'resume'; readonly crowd: string }
  /** They speak as the clients of another project's server. */
  | { readonly kind: 'peer'; readonly speech: SpeechName };

export interface OpenOrder {
  readonly order: 'open';
  readonly crowd: string;
  readonly greeting: Greeting;
  /** Client n goes to address n mod their number. */
  readonly addresses: readonly Address[];
  /** The first of the names; see `nameOf`. */
  readonly from: number;
  readonly count: number;
  /** How many are on their way at once. */
  readonly atOnce: number;
}

/** Client 2n of the crowd sends to client 2n + 1, for ever. */
export interface SendOrder {
  readonly order: 'send';
  readonly crowd: string;
  readonly kind: 'yardstick' | 'volatile' | 'durable' | SpeechName;
  readonly pace: SendPace;
  readonly bodyBytes: number;
}

/** Evenly so many in a second, or so many on their way at any moment, each followed by the next when it has come. */
export type SendPace = { readonly framesPerSecond: number } | { readonly inFlight: number };

export type Order =
  | OpenOrder
  | SendOrder
  /** What was sent and came since the order to send; how long it took, since the last of these. */
  | { readonly order: 'count' }
  /** Sends no more, and waits until what is on its way has come. */
  | { readonly order: 'rest' }
  | { readonly order: 'close'; readonly crowd: string };

export interface Counts {
  readonly sent: number;
  readonly delivered: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** From the write of one socket to the read of the other, in milliseconds; 0 where nothing came. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

export type OrderAnswer =
  | { readonly id: number; readonly counts: Counts | undefined }
  | { readonly id: number; readonly error: string };

export function nameOf(client: number): string {
  return `c${client.toString().padStart(7, '0')}`;
}
