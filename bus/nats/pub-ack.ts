/**
 * Publish acknowledgment: what the server answers to an append, read without parsing where it is stored.
 *
 *     {"stream":"snowshed-log-0","seq":42}        and `,"duplicate": true` for a repeat
 *     {"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":…,"seq":0}
 *
 * Anything that is not known to mean "stored" or "never will be" is undecided: the frame is sent again.
 *
 * Pure.
 */

import type { ApiError } from '@nats-io/jetstream';
import type { Appended } from '../seams.ts';

interface PubAck {
  readonly error?: ApiError;
  readonly seq?: number;
  readonly duplicate?: boolean;
}

/** The store of the stream refuses; its description says which limit. */
const STORE_REFUSES = 10077;
/** The server has no room left for this account, in memory or on file. */
const noRoomCodes = [10002, 10023, 10028, 10047];
const stored = /^\{"stream":"[^"]*","seq":([1-9]\d*)(,"duplicate": ?true)?\}$/;

const undecided: Appended = { kind: 'undecided' };
const logFull: Appended = { kind: 'refused', fault: 'LOG_FULL' };
const channelFull: Appended = { kind: 'refused', fault: 'CHANNEL_FULL' };

/** What became of an append. An error that is not known is told to `surprised`. */
export function outcomeOf(answer: Uint8Array, surprised: (error: ApiError) => void): Appended {
  const text = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength).toString('latin1');
  const match = stored.exec(text);
  if (match === null) return lessCommon(text, surprised);
  return { kind: 'stored', position: Number(match[1]), duplicate: match[2] !== undefined };
}

function lessCommon(text: string, surprised: (error: ApiError) => void): Appended {
  const ack = parsed(text);
  if (ack?.error !== undefined) return refusal(ack.error, surprised);
  if (ack?.seq === undefined || ack.seq < 1) return undecided;
  return { kind: 'stored', position: ack.seq, duplicate: ack.duplicate === true };
}

function refusal(error: ApiError, surprised: (error: ApiError) => void): Appended {
  if (error.err_code === STORE_REFUSES && error.description.includes('per subject')) return channelFull;
  if (error.err_code === STORE_REFUSES && error.description.includes('maximum')) return logFull;
  if (noRoomCodes.includes(error.err_code)) return logFull;
  surprised(error);
  return undecided;
}

function parsed(text: string): PubAck | undefined {
  try {
    return JSON.parse(text) as PubAck;
  } catch {
    return undefined;
  }
}
