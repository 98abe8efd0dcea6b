/**
 * Forgotten positions: which one of each channel the log has forgotten last.
 *
 * A gateway that was cut off for longer than frames live finds in the log those that are still kept, and nothing that tells of
 * others between them, as positions have holes. The owner has seen them all, and tells it when it is announced to again.
 *
 * A frame waits in the second in which the log forgets it at the earliest. Both what waits and what is forgotten are bounded:
 * of what does not fit nothing is said, as of what is kept for longer than `LATER_MS`.
 *
 * Pure. `owner.ts` notes every frame.
 */

import type { Channel } from '#wire/channels.ts';

export interface ForgottenPositions {
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

export function createForgottenPositions(): ForgottenPositions {
  return { waiting: new Map(), waitingCount: 0, younger: new Map(), elder: new Map(), gatheredTo: 0 };
}

/**
 * A frame was stored.
 *
 * @param keptMs for how long the log keeps it.
 * @param channelsMax how many entries there may be, of those that wait and of those that are forgotten each.
 */
export function noteKept(
  positions: ForgottenPositions,
  channel: Channel,
  position: number,
  storedAtMs: number,
  keptMs: number,
  channelsMax: number,
): void {
  if (keptMs > LATER_MS) return;
  gather(positions, storedAtMs, channelsMax);
  const second = Math.ceil((storedAtMs + keptMs) / 1_000);
  const others = positions.waiting.get(second);
  if (others?.has(channel) !== true) {
    if (positions.waitingCount >= channelsMax) return;
    positions.waitingCount += 1;
  }
  if (others === undefined) positions.waiting.set(second, new Map([[channel, position]]));
  else others.set(channel, position);
}

/** It is forgotten already, unread; `false`: that was known. */
export function noteUnread(
  positions: ForgottenPositions,
  channel: Channel,
  position: number,
  nowMs: number,
  channelsMax: number,
): boolean {
  const known = forgottenPositionOf(positions, channel, nowMs, channelsMax) ?? 0;
  if (position > known) forget(positions, channel, position, channelsMax);
  return position > known;
}

/** The last position of the channel that the log has forgotten, or will within this second. */
export function forgottenPositionOf(
  positions: ForgottenPositions,
  channel: Channel,
  nowMs: number,
  channelsMax: number,
): number | undefined {
  gather(positions, nowMs, channelsMax);
  const [younger, elder] = [positions.younger.get(channel), positions.elder.get(channel)];
  return younger === undefined || elder === undefined ? (younger ?? elder) : Math.max(younger, elder);
}

function gather(positions: ForgottenPositions, nowMs: number, channelsMax: number): void {
  const nowSecond = Math.floor(nowMs / 1_000);
  if (nowSecond <= positions.gatheredTo) return;
  positions.gatheredTo = nowSecond;
  for (const [second, channels] of positions.waiting) {
    if (second > nowSecond) continue;
    positions.waiting.delete(second);
    positions.waitingCount -= channels.size;
    for (const [channel, position] of channels) forget(positions, channel, position, channelsMax);
  }
}

function forget(
  positions: ForgottenPositions,
  channel: Channel,
  position: number,
  channelsMax: number,
): void {
  const before = positions.younger.get(channel);
  if (before === undefined && positions.younger.size >= channelsMax / 2) {
    positions.elder = positions.younger;
    positions.younger = new Map();
  }
  positions.younger.set(channel, Math.max(before ?? 0, position));
}
