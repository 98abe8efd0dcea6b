/**
 * Recent acks: which frames this gateway has acknowledged last, for routers that never read them.
 *
 * While the bus, or every router, is away for longer than a frame is kept, one that was acknowledged just before is forgotten
 * by the log unread, and nobody would know of it. So whoever acknowledged it tells the owner of its partition, when it
 * announces what it holds after such a time; the owner tells those who should have had it that it is missing (P1).
 *
 * Pure but for its own state. `router-client.ts` drives it.
 */

import type { Channel } from '#wire/channels.ts';
import { LOG_KEPT_MS_MIN } from '#wire/limits.ts';

interface Ack {
  readonly partition: number;
  readonly position: number;
  /** When the log has forgotten it, on the log's clock. */
  readonly forgottenMs: number;
}

/** As long as routers are heard, a frame lies unread for a moment at most: these are those of the last ones. */
const CHANNELS_MAX = 1_024;
/** So much less than what the log keeps is a silence in which something may be forgotten. */
const MARGIN_MS = 3_000;
/** After such a silence owners come for so long. */
const TELLS_MS = 60_000;
/** The log forgets in whole seconds, a second late, and looks each second. */
const FORGETS_LATE_MS = 3_000;

export function createRecentAcks(nowMs: number) {
  /** The last of each channel, the oldest first. */
  const acks = new Map<Channel, Ack>();
  let heardMs = nowMs;
  let tellsUntilMs = 0;

  return {
    /** @param keptMs for how long the log keeps it. @param logMs now, on the log's clock. */
    acked(channel: Channel, partition: number, position: number, keptMs: number, logMs: number): void {
      acks.delete(channel);
      acks.set(channel, { partition, position, forgottenMs: logMs + keptMs + FORGETS_LATE_MS });
      if (acks.size > CHANNELS_MAX) acks.delete(acks.keys().next().value!);
    },
    /** A router has answered. */
    heard(monotonicMs: number): void {
      if (isSilence(heardMs, monotonicMs)) tellsUntilMs = monotonicMs + TELLS_MS;
      heardMs = monotonicMs;
    },
    /** What the log has forgotten of a partition, after a silence of all routers. */
    forgotten(
      partition: number,
      monotonicMs: number,
      logMs: number,
    ): readonly (readonly [Channel, number])[] {
      if (monotonicMs >= tellsUntilMs && !isSilence(heardMs, monotonicMs)) return none;
      return [...acks]
        .filter(([, ack]) => ack.partition === partition && ack.forgottenMs <= logMs)
        .map(([channel, { position }]) => [channel, position]);
    },
  };
}

const none: readonly never[] = [];

function isSilence(sinceMs: number, nowMs: number): boolean {
  return nowMs - sinceMs >= LOG_KEPT_MS_MIN - MARGIN_MS;
}
