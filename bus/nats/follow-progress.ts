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
const BEGINNING = '$JS.ACK.';
const ZERO = '0'.charCodeAt(0);
/** Reused for every message. */
const dots: number[] = [];

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<position>.<sequence>.<nanoseconds>.<pending>`; the newer form has
 * domain and account before the stream, and may have more at its end.
 */
export function deliveredOf(reply: string): Delivered | undefined {
  if (!reply.startsWith(BEGINNING)) return undefined;
  const count = dotsOf(reply);
  if (count !== 8 && count < 10) return undefined;
  // Behind which dot the position begins.
  const dot = count === 8 ? 4 : 6;
  return {
    position: numberIn(reply, dots[dot]! + 1, dots[dot + 1]!),
    consumerSequence: numberIn(reply, dots[dot + 1]! + 1, dots[dot + 2]!),
    storedAtMs: numberIn(reply, dots[dot + 2]! + 1, dots[dot + 3]! - NANOS_DIGITS),
    pending: numberIn(reply, dots[dot + 3]! + 1, dots[dot + 4] ?? reply.length),
  };
}

/** Finds the dots, of which there are eight, ten or more; past the eleventh nothing is of interest. */
function dotsOf(reply: string): number {
  dots.length = 0;
  for (let at = reply.indexOf('.'); at >= 0 && dots.length <= 10; at = reply.indexOf('.', at + 1))
    dots.push(at);
  return dots.length;
}

/** Not a number where anything but digits stands there. */
function numberIn(text: string, from: number, to: number): number {
  let number = from < to ? 0 : Number.NaN;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : Number.NaN;
  }
  return number;
}
