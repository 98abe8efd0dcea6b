/**
 * Follow progress: whether a follower has been brought everything, by what the server says of each message.
 *
 * A consumer without acknowledgments numbers what it sends from 1, and names the last number in its idle
 * heartbeats. So a message that was lost on the way shows in the next one, or in the next heartbeat; then
 * the consumer is given up for a new one that begins behind the last position brought. The heartbeat also
 * names the last position the consumer has looked at: everything up to there was brought, or is not for us.
 *
 * Pure but for its own state, which has one owner.
 */

export interface FollowProgress {
  /** The last position brought, or the one to begin after. */
  position: number;
  /** Everything up to here was brought. At least `position`. */
  head: number;
  /** Messages the present consumer has sent and we have had. */
  consumed: number;
}

/** `bring` it, `drop` it since it was brought before, or begin a new consumer: there is a `hole`. */
export type Verdict = 'bring' | 'drop' | 'hole';

export function progressAfter(position: number): FollowProgress {
  return { position, head: position, consumed: 0 };
}

/** A new consumer counts anew. */
export function consumerBegins(progress: FollowProgress): void {
  progress.consumed = 0;
}

export function heedMessage(progress: FollowProgress, position: number, consumerSequence: number): Verdict {
  if (consumerSequence !== progress.consumed + 1) return 'hole';
  progress.consumed = consumerSequence;
  if (position <= progress.position) return 'drop';
  progress.position = position;
  if (position > progress.head) progress.head = position;
  return 'bring';
}

/** The head after this heartbeat, or `hole`. */
export function heedHeartbeat(
  progress: FollowProgress,
  lastConsumerSequence: number,
  lastPosition: number,
): number | 'hole' {
  if (lastConsumerSequence !== progress.consumed) return 'hole';
  if (lastPosition > progress.head) progress.head = lastPosition;
  return progress.head;
}

/** Where a message stands, out of the subject its acknowledgment would go to. */
export interface Delivered {
  readonly position: number;
  readonly consumerSequence: number;
  readonly storedAtMs: number;
  /** Messages that wait behind it. */
  readonly pending: number;
}

const NANOS_DIGITS = 6;

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<position>.<sequence>.<nanoseconds>.<pending>`; the newer form has
 * domain and account before the stream, and may have more at its end.
 */
export function deliveredOf(reply: string): Delivered | undefined {
  const tokens = reply.split('.');
  if (tokens.length < 9 || tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined;
  const first = tokens.length === 9 ? 5 : 7;
  return {
    position: Number(tokens[first]),
    consumerSequence: Number(tokens[first + 1]),
    storedAtMs: Number(tokens[first + 2]!.slice(0, -NANOS_DIGITS)),
    pending: Number(tokens[first + 3]),
  };
}
