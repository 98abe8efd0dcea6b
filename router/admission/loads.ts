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
  /** It has not worked yet, and only believes so. */
  readonly believed?: boolean;
  /** The part of the CPU that goes to anything but handshakes and set-ups. */
  readonly busyShare: number;
  /** CPU that everything it accepted still costs, in milliseconds. */
  readonly workMs: number;
  /** Clients that wait to be set up, and how many of them come with a token. */
  readonly waiting: number;
  readonly waitingFresh: number;
  /** Clients that wait and may be told to go to another gateway. */
  readonly movable: number;
  /** Where clients reach this gateway and no other, if there is such an address. */
  readonly url: string | undefined;
  /** The same for those in a call. */
  readonly priorityUrl?: string | undefined;
  /** It goes away: it sets nobody up any more, and is not waited for. */
  readonly leaving?: boolean;
  /** What its clients were told last; `none`: nothing. Absent: it does not say. */
  readonly spread?: SpreadStanding | 'none';
}

export interface SpreadStanding {
  readonly gatewayMs: number;
  readonly fleetMs: number;
  /** How many gateways they know the weights of. */
  readonly gateways?: number;
}

/**
 * A gateway that has not worked yet believes of itself what was measured on another machine. Where others have, it is likelier
 * to be as fast as they are, at the mean.
 */
export function likeThoseMeasured(loads: ReadonlyMap<string, Load>): ReadonlyMap<string, Load> {
  const measured = [...loads.values()].filter(({ believed }) => believed !== true);
  if (measured.length === 0 || measured.length === loads.size) return loads;
  const setUpsPerSecond = measured.reduce((sum, load) => sum + load.setUpsPerSecond, 0) / measured.length;
  return new Map(
    [...loads].map(([gateway, load]) => [
      gateway,
      load.believed === true ? { ...load, setUpsPerSecond } : load,
    ]),
  );
}

/** A gateway has the CPU for set-ups that signaling leaves it, and never none. */
const SPARE_MIN = 0.1;

/** How many clients a second a gateway can set up beside its other work. */
export function spareSetUpsPerSecond({ setUpsPerSecond, busyShare, leaving }: Load): number {
  return leaving === true ? 0 : setUpsPerSecond * Math.max(SPARE_MIN, 1 - busyShare);
}
