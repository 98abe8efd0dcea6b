/**
 * Loads: what gateways report of themselves, and how long a report counts.
 *
 * A gateway that reports no more may be dead, and its clients are on their way to the others, or cut off from this
 * router alone. So it is remembered for a while: its part of a shared ceiling stays set aside.
 *
 * Plain data; `admission.ts` keeps it.
 */

/** As a gateway reports it, several times a second. */
export interface Load {
  readonly connections: number;
  /** How many clients a second it could set up if it did nothing else. */
  readonly setUpsPerSecond: number;
  /** The part of the CPU that goes to anything but handshakes and set-ups. */
  readonly busyShare: number;
  /** CPU that everything it accepted still costs, in milliseconds. */
  readonly workMs: number;
  /** Clients that wait for a credit. */
  readonly needCredit: number;
  /** Clients that wait and may be told to go to another gateway. */
  readonly movable: number;
  /** Where clients reach this gateway and no other, if there is such an address. */
  readonly url: string | undefined;
}

/** A gateway has the CPU for set-ups that signaling leaves it, and never none. */
const SPARE_MIN = 0.1;

/** How many clients a second a gateway can set up beside its other work. */
export function spareSetUpsPerSecond({ setUpsPerSecond, busyShare }: Load): number {
  return setUpsPerSecond * Math.max(SPARE_MIN, 1 - busyShare);
}
