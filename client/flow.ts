/**
 * Flow: one transport connection, as the rest of the client sees it; a WebSocket or a long poll.
 */

import type { Cursor } from '#wire/messages.ts';
import type { Queue } from './api.ts';

/** A message as JSON, made when it goes: a send says how old it is by then. */
export type Text = (nowMs: number) => string;

export interface Flow {
  readonly transport: 'websocket' | 'poll';
  /**
   * Hands messages over; those of one call go together, if a request holds them. Nothing happens once the flow has
   * closed.
   */
  send(...texts: Text[]): void;
  /** Sends what was handed over, then closes. Resolves when the other side knows, or after a second. */
  close(): Promise<void>;
}

/** How much goes together at most, unless one message alone is longer. */
export const TOGETHER_CHARS_MAX = 65_536;

export interface FlowEvents {
  /** Messages can be sent: `hello` is the first. */
  opened(): void;
  /** One message of the service, as it was parsed. */
  received(message: unknown): void;
  /** Something was heard, be it nothing but that the other side lives. */
  heard(): void;
  /** The end, told once, and not after `close`. */
  closed(end: FlowEnd): void;
}

export interface FlowEnd {
  /** What the transport itself knows of the reason. */
  readonly fault?: string | undefined;
  readonly afterMs?: number | undefined;
  /** Where it stood in the queue of a service that does not let it stand there. */
  readonly queue?: Queue | undefined;
}

/** What a long poll carries each time, so that any gateway may answer it. */
export type Bearings = () => {
  readonly resume: string | undefined;
  readonly cursors: Cursor[];
  readonly unanswered: true | undefined;
};
