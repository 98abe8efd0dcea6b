/**
 * Last positions: where each channel of a partition ended, for as many channels as fit.
 *
 * A gateway that attaches is told the channel's last position, so that it need not ask the log in vain.
 * What is forgotten raises the *floor*: below it nothing is known. Two generations take the place of a
 * list in order of use: when the younger is full, the elder is forgotten and the floor is where the younger
 * began, as every position in the elder lies at or below that.
 *
 * Pure. `owner.ts` notes every entry of the log.
 */

import type { Channel } from '#wire/channels.ts';

export interface LastPositions {
  floor: number;
  younger: Map<Channel, number>;
  elder: Map<Channel, number>;
  /** The position at which the younger began. */
  youngerFrom: number;
  /** The last position noted. */
  position: number;
}

export function createLastPositions(floor: number): LastPositions {
  return { floor, younger: new Map(), elder: new Map(), youngerFrom: floor, position: floor };
}

/** @param channelsMax how many channels to remember at most. */
export function notePosition(
  last: LastPositions,
  channel: Channel,
  position: number,
  channelsMax: number,
): void {
  if (last.younger.size >= channelsMax / 2 && !last.younger.has(channel)) {
    last.floor = last.youngerFrom;
    last.elder = last.younger;
    last.younger = new Map();
    last.youngerFrom = last.position;
  }
  last.younger.set(channel, position);
  last.position = position;
}

/** The position of the channel's last entry, or `undefined` where it has none above the floor. */
export function lastPositionOf(last: LastPositions, channel: Channel): number | undefined {
  return last.younger.get(channel) ?? last.elder.get(channel);
}
