/**
 * Costs: what each stage of a set-up, and each way of not doing it, takes of one core, in milliseconds.
 *
 * They are those of `gateway/door/costs.json`, measured on real gateways (`npm run bench -- --only door`,
 * `docs/benchmarks.md`). Accepting is counted with the handshake. A client that gave up costs its handshake all the
 * same: the server sees only afterwards that nobody is there.
 */

import { type DoorCosts, measuredCosts, type TransportKind } from '#gateway/door/costs.ts';

export interface Costs extends DoorCosts {
  /** Refused by the kernel, since nobody listens. */
  readonly kernelMs: number;
}

export type Transport = TransportKind;
export type Credential = 'es256' | 'sealed';

/** Measured as 2.2 to 3.3: `docs/adr/0011-what-a-refusal-costs.md`. */
export const REFUSAL_MICROS = 3;

/**
 * @param credential what all come with but those in a call, whose class stands in a sealed token.
 * @param refusalMicros of the kernel, for one connect while nobody listens.
 */
export function costs(transport: Transport, credential: Credential, refusalMicros: number): Costs {
  const measured = measuredCosts(transport);
  const setUpMs = credential === 'sealed' ? measured.resumeMs : measured.setUpMs;
  return { ...measured, setUpMs, kernelMs: refusalMicros / 1_000 };
}

/** Handshake and set-up of one client. */
export function wholeMs({ handshakeMs, setUpMs, resumeMs }: Costs, inCall: boolean): number {
  return handshakeMs + (inCall ? resumeMs : setUpMs);
}
