/**
 * Costs: what letting in one client, or refusing it, takes of a gateway's CPU, as it was measured.
 *
 * `npm run bench -- --only door` measures it on real gateways and writes `costs.json`, in microseconds, beside the table
 * in `docs/benchmarks.md`. The door believes these until it has measured its own machine; the simulation counts with
 * them.
 */

import measured from './costs.json' with { type: 'json' };

export type TransportKind = 'plain' | 'tls';

export interface DoorCosts {
  /** Accept, TLS and upgrade. */
  readonly handshakeMs: number;
  /** What is left once a client is open: ES256 and attach. */
  readonly setUpMs: number;
  /** The same with a sealed resume token. */
  readonly resumeMs: number;
  /** Answered with 503 instead of the upgrade. */
  readonly refusalMs: number;
  /** Closed right after it was accepted. */
  readonly dropMs: number;
}

export function measuredCosts(kind: TransportKind): DoorCosts {
  const micros = measured[kind];
  return {
    handshakeMs: micros.upgrade / 1_000,
    setUpMs: (micros['fresh, ES256'] - micros.upgrade) / 1_000,
    resumeMs: (micros.resume - micros.upgrade) / 1_000,
    refusalMs: micros['503'] / 1_000,
    dropMs: micros['close after accept'] / 1_000,
  };
}
