/**
 * Graves: which position of each channel the log has forgotten last.
 *
 * A gateway that was cut off for longer than frames live finds in the log those that are still kept, and nothing that tells of
 * others between them, as positions have holes. The owner has seen them all, and tells it when it is announced to again.
 *
 * A frame waits in the second in which the log forgets it at the earliest. Both what waits and what is forgotten are bounded:
 * of what does not fit nothing is said, as of what is kept for longer than `LATER_MS`.
 *
 * Pure. `owner.ts` buries every frame.
 */

import type { Channel } from '#wire/channels.ts';

export interface Graves {
  /** By the second, the last position of each channel. */
  readonly waiting: Map<number, Map<Channel, number>>;
  waitingCount: number;
  /** The last position that is forgotten, in two generations as in `last-positions.ts`. */
  younger: Map<Channel, number>;
  elder: Map<Channel, number>;
  /** The second up to which what waited is gathered. */
  gatheredTo: number;
}

/** Longer than a gateway is cut off whose clients stay. */
export const LATER_MS = 600_000;

export function createGraves(): Graves {
  return { waiting: new Map(), waitingCount: 0, younger: new Map(), elder: new Map(), gatheredTo: 0 };
}

/**
 * A frame was stored.
 *
 * @param keptMs for how long the log keeps it.
 * @param channelsMax how many entries there may be, of those that wait and of those that are forgotten each.
 */
export function bury(
  graves: Graves,
  channel: Channel,
  position: number,
  storedAtMs: number,
  keptMs: number,
  channelsMax: number,
): void {
  if (keptMs > LATER_MS) return;
  gather(graves, storedAtMs, channelsMax);
  const second = Math.ceil((storedAtMs + keptMs) / 1_000);
  const others = graves.waiting.get(second);
  if (others?.has(channel) !== true) {
    if (graves.waitingCount >= channelsMax) return;
    graves.waitingCount += 1;
  }
  if (others === undefined) graves.waiting.set(second, new Map([[channel, position]]));
  else others.set(channel, position);
}

/** It is forgotten already, unread; `false`: that was known. */
export function buryUnread(
  graves: Graves,
  channel: Channel,
  position: number,
  nowMs: number,
  channelsMax: number,
): boolean {
  const known = forgottenOf(graves, channel, nowMs, channelsMax) ?? 0;
  if (position > known) forgotten(graves, channel, position, channelsMax);
  return position > known;
}

/** The last position of the channel that the log has forgotten, or will within this second. */
export function forgottenOf(
  graves: Graves,
  channel: Channel,
  nowMs: number,
  channelsMax: number,
): number | undefined {
  gather(graves, nowMs, channelsMax);
  const [younger, elder] = [graves.younger.get(channel), graves.elder.get(channel)];
  return younger === undefined || elder === undefined ? (younger ?? elder) : Math.max(younger, elder);
}

function gather(graves: Graves, nowMs: number, channelsMax: number): void {
  const nowSecond = Math.floor(nowMs / 1_000);
  if (nowSecond <= graves.gatheredTo) return;
  graves.gatheredTo = nowSecond;
  for (const [second, channels] of graves.waiting) {
    if (second > nowSecond) continue;
    graves.waiting.delete(second);
    graves.waitingCount -= channels.size;
    for (const [channel, position] of channels) forgotten(graves, channel, position, channelsMax);
  }
}

function forgotten(graves: Graves, channel: Channel, position: number, channelsMax: number): void {
  const before = graves.younger.get(channel);
  if (before === undefined && graves.younger.size >= channelsMax / 2) {
    graves.elder = graves.younger;
    graves.younger = new Map();
  }
  graves.younger.set(channel, Math.max(before ?? 0, position));
}
