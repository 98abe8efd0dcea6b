/**
 * Peer: one server that carries a frame from one client to another, ours or another project's, as it is compared.
 */

import type { Greeting, SendOrder } from '../bench/orders.ts';
import type { System } from '../bench/scene.ts';

export interface Peer {
  /** As it stands in the table. */
  readonly name: string;
  readonly greeting: Greeting;
  readonly kind: SendOrder['kind'];
  /** What it does for a frame in this exchange, and what it does not. */
  readonly does: Does;
  /** @throws Error that names what is not installed. */
  start(): Promise<Running>;
}

export interface Does {
  /** How it knows who connects, and whether the receiver can believe who sent. */
  readonly identity: string;
  readonly acknowledgement: string;
  readonly durability: string;
  readonly order: string;
}

export interface Running {
  readonly system: System;
  /** Memory of all its processes, without garbage where they can be told to collect it. */
  ownBytes(): Promise<number>;
  stop(): Promise<void>;
}
