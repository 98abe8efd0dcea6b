/**
 * Hearing: when each gateway was last heard, and for how long it may be silent until it is taken for dead.
 *
 * A gateway beats each second, and three seconds of silence are its end. One whose beats come late, as its machine or the
 * bus is short of time, would lose its sessions again and again, and announcing them makes it later still; so it
 * may be silent for twice its longest pause of late.
 *
 * Pure but for its own state, which the router has. Times are monotonic.
 */

import { limitMs, type Pace, paced, quick } from '#runtime/pace.ts';

export interface Hearing {
  /** Those that live, and when they were last heard. */
  readonly gateways: Map<string, number>;
  readonly paces: Map<string, Pace>;
}

const BOUNDS = { times: 2, minMs: 3_000, maxMs: 8_000 };
/** The pace of a gateway that is gone for so long is forgotten. */
const PACE_KEPT_MS = 60_000;

export function createHearing(): Hearing {
  return { gateways: new Map(), paces: new Map() };
}

export function heard({ gateways, paces }: Hearing, gateway: string, nowMs: number, beat: boolean): void {
  const pace = paces.get(gateway);
  // Attaches come at any time; the pause between two beats is what tells of the pace.
  if (beat && pace !== undefined) paces.set(gateway, paced(pace, nowMs - pace.atMs, nowMs));
  else if (beat) paces.set(gateway, { ...quick, atMs: nowMs });
  gateways.set(gateway, nowMs);
}

/** Takes out those that have been silent for too long. */
export function takeSilent({ gateways, paces }: Hearing, nowMs: number): string[] {
  const silent: string[] = [];
  for (const [gateway, heardAtMs] of gateways) {
    if (nowMs - heardAtMs >= limitMs(paces.get(gateway) ?? quick, nowMs, BOUNDS)) silent.push(gateway);
  }
  for (const gateway of silent) gateways.delete(gateway);
  for (const [gateway, { atMs }] of paces) if (nowMs - atMs > PACE_KEPT_MS) paces.delete(gateway);
  return silent;
}

/** Whoever could not be heard is not called silent for it. */
export function forgiveSilence({ gateways, paces }: Hearing, nowMs: number): void {
  for (const gateway of gateways.keys()) gateways.set(gateway, nowMs);
  for (const [gateway, pace] of paces) paces.set(gateway, { ...pace, atMs: nowMs });
}
