/**
 * Costs: what each stage of a set-up, and each way of not doing it, takes of one core, in milliseconds.
 *
 * Measured with bare uWebSockets.js on one core of a shared machine. Accepting is counted with the handshake. A client that
 * gave up costs its handshake all the same: the server sees only afterwards that nobody is there. A real gateway takes more per
 * client (`npm run bench -- --only door`, `docs/benchmarks.md`): for a whole set-up with ES256 158 µs plain and 363 under TLS, with a
 * sealed token 100 and 306; a 503 agrees. Measured by a set-up, refusals are dearer here than there.
 */

export interface Costs {
  /** Accept, TLS and upgrade. */
  readonly handshakeMs: number;
  /** ES256 and batched attach, or a sealed resume token. */
  readonly setUpMs: number;
  /** A handshake with nobody at its other end. */
  readonly abandonedMs: number;
  /** A handshake that ends with HTTP 503. */
  readonly refusalMs: number;
  /** Accepted and closed before TLS. */
  readonly dropMs: number;
  /** Refused by the kernel, since nobody listens. */
  readonly kernelMs: number;
}

export type Transport = 'plain' | 'tls';
export type Credential = 'es256' | 'sealed';

/** Handshake and whole set-up, in microseconds. */
const measured = {
  plain: { handshake: 31, es256: 85, sealed: 41, abandoned: 29, refusal: 31 },
  tls: { handshake: 210, es256: 282, sealed: 220, abandoned: 204, refusal: 204 },
} as const;
/** On a real gateway 21, and 34 under TLS. */
const DROP = 20;
/** Measured as 2.2 to 3.3: `docs/adr/0011-what-a-refusal-costs.md`. */
export const REFUSAL_MICROS = 3;

/** @param refusalMicros of the kernel, for one connect while nobody listens. */
export function costs(transport: Transport, credential: Credential, refusalMicros: number): Costs {
  const { handshake, abandoned, refusal, ...whole } = measured[transport];
  return {
    handshakeMs: handshake / 1_000,
    setUpMs: (whole[credential] - handshake) / 1_000,
    abandonedMs: abandoned / 1_000,
    refusalMs: refusal / 1_000,
    dropMs: DROP / 1_000,
    kernelMs: refusalMicros / 1_000,
  };
}
