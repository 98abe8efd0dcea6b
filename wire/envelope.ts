/**
 * Envelope: a frame between nodes and in the log; a readable header, then the raw body.
 *
 *     {"v":1,"channel":"u/bob","ttlMs":…,"notAfter":…,"id":"7","from":{…},"kind":"offer",…}⏎<body bytes>
 *
 * The header is one line of JSON (a JSON text has no raw line feed), the body is what follows it,
 * untouched: bytes of the format that the header names. A node reads every version up to
 * `NODE_VERSION`; a higher one is refused and counted. Unknown header fields are ignored. Fields may stand in any
 * order; in the one that gateways write, what decides on forwarding comes first, and is read without the rest.
 *
 * All times are those of the log's clock (see `Log.nowMs`), in Unix milliseconds.
 */

import { type Channel, channelParts } from './channels.ts';
import { LOG_KEPT_MS_MIN, NODE_VERSION } from './limits.ts';
import { textOf } from './utf8.ts';

/** Who sent a frame, stamped by the gateway out of the verified token. */
export interface Sender {
  readonly user: string;
  readonly device: string;
  readonly session: string;
}

export interface EnvelopeHeader {
  readonly v: number;
  /** Unique within the sender's device. */
  readonly id: string;
  readonly channel: Channel;
  /** Narrows the target to one device or session of the channel. */
  readonly toDevice?: string;
  readonly toSession?: string;
  readonly from: Sender;
  readonly kind: string;
  /** Names the protocol of the body: `json`, `sip`, `xmpp`, … */
  readonly format: string;
  readonly call?: string;
  /** When the sender's gateway first stamped it. */
  readonly at: number;
  /** How long it lives from the moment the log stored it. */
  readonly ttlMs: number;
  /** Stored later than this, it does not exist: an append given up must not land. Absent on volatile frames. */
  readonly notAfter?: number;
  /** The gateway to tell, when nobody is attached to the channel. */
  readonly tell?: string;
  /** W3C Trace Context, `traceparent`. */
  readonly traceparent?: string;
}

export interface Envelope {
  readonly header: EnvelopeHeader;
  readonly body: Uint8Array;
}

export type EnvelopeError = 'ENVELOPE_MALFORMED' | 'ENVELOPE_VERSION';

const LINE_FEED = 10;

/** The bytes of an envelope. `body` is copied once, here, and never encoded again. */
export function encodeEnvelope(header: EnvelopeHeader, body: string | Uint8Array): Uint8Array {
  const line = JSON.stringify(header);
  const lineBytes = Buffer.byteLength(line);
  const bodyBytes = Buffer.byteLength(body);
  const bytes = Buffer.allocUnsafe(lineBytes + 1 + bodyBytes);
  bytes.write(line);
  bytes[lineBytes] = LINE_FEED;
  if (typeof body === 'string') bytes.write(body, lineBytes + 1);
  else bytes.set(body, lineBytes + 1);
  return bytes;
}

/** The header alone, for those who do not look at the body. */
export function decodeHeader(bytes: Uint8Array): EnvelopeHeader | EnvelopeError {
  const end = bytes.indexOf(LINE_FEED);
  return end < 0 ? 'ENVELOPE_MALFORMED' : parsedHeader(bytes, 0, end);
}

/** The envelope in these bytes, or in those from `start` to `stop`; its body is a view of them, not a copy. */
export function decodeEnvelope(
  bytes: Uint8Array,
  start = 0,
  stop: number = bytes.length,
): Envelope | EnvelopeError {
  const end = bytes.indexOf(LINE_FEED, start);
  if (end < 0 || end >= stop) return 'ENVELOPE_MALFORMED';
  const header = parsedHeader(bytes, start, end);
  if (typeof header === 'string') return header;
  return { header, body: bytes.subarray(end + 1, stop) };
}

/** How long a frame lives; see `EnvelopeHeader`. */
export type Life = Pick<EnvelopeHeader, 'ttlMs' | 'notAfter'>;

const BEFORE_CHANNEL = `{"v":${NODE_VERSION},"channel":"`;
const BEFORE_TTL = '","ttlMs":';
const BEFORE_NOT_AFTER = ',"notAfter":';
const BEFORE_ID = ',"id":';
/** So many make a number that is exact. */
const DIGITS_MAX = 15;

/**
 * The life of a frame to this channel that asks for nothing else, or `undefined` where only {@link decodeHeader} can
 * tell: another version, order or channel, a name that JSON writes otherwise, or a sender to be told of.
 *
 * Byte by byte, since to make a text of them first takes longer than all the rest.
 */
export function plainLife(bytes: Uint8Array, channel: Channel): Life | undefined {
  const channelAt = BEFORE_CHANNEL.length;
  const ttlAt = channelAt + channel.length + BEFORE_TTL.length;
  if (!standsAt(bytes, 0, BEFORE_CHANNEL) || !standsAt(bytes, channelAt, channel)) return undefined;
  if (!standsAt(bytes, ttlAt - BEFORE_TTL.length, BEFORE_TTL)) return undefined;
  const ttlEnd = digitsEnd(bytes, ttlAt);
  const ttlMs = wholeOf(bytes, ttlAt, ttlEnd);
  if (ttlMs === undefined) return undefined;
  if (standsAt(bytes, ttlEnd, BEFORE_ID)) return { ttlMs };
  if (!standsAt(bytes, ttlEnd, BEFORE_NOT_AFTER)) return undefined;
  const notAfterAt = ttlEnd + BEFORE_NOT_AFTER.length;
  const notAfterEnd = digitsEnd(bytes, notAfterAt);
  const notAfter = wholeOf(bytes, notAfterAt, notAfterEnd);
  if (notAfter === undefined || !standsAt(bytes, notAfterEnd, BEFORE_ID)) return undefined;
  return { ttlMs, notAfter };
}

/** Whether these bytes are the text; one that is not ASCII stands nowhere. */
function standsAt(bytes: Uint8Array, at: number, text: string): boolean {
  if (at + text.length > bytes.length) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || bytes[at + i] !== code) return false;
  }
  return true;
}

/** Where the digits end that begin at `from`. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  let end = from;
  while (end < bytes.length && bytes[end]! >= 48 && bytes[end]! <= 57) end++;
  return end;
}

/** The number that these digits are. */
function wholeOf(bytes: Uint8Array, from: number, end: number): number | undefined {
  if (end === from || end - from > DIGITS_MAX) return undefined;
  let whole = 0;
  for (let at = from; at < end; at++) whole = whole * 10 + bytes[at]! - 48;
  return whole;
}

function parsedHeader(bytes: Uint8Array, start: number, end: number): EnvelopeHeader | EnvelopeError {
  let value: unknown;
  try {
    value = JSON.parse(textOf(bytes, start, end));
  } catch {
    return 'ENVELOPE_MALFORMED';
  }
  if (typeof value !== 'object' || value === null) return 'ENVELOPE_MALFORMED';
  const header = value as Partial<EnvelopeHeader>;
  if (typeof header.v !== 'number' || header.v < 1) return 'ENVELOPE_MALFORMED';
  if (header.v > NODE_VERSION) return 'ENVELOPE_VERSION';
  return isHeader(header) ? header : 'ENVELOPE_MALFORMED';
}

function isHeader(header: Partial<EnvelopeHeader>): header is EnvelopeHeader {
  return (
    typeof header.id === 'string' &&
    typeof header.channel === 'string' &&
    channelParts(header.channel) !== undefined &&
    isSender(header.from) &&
    typeof header.kind === 'string' &&
    typeof header.format === 'string' &&
    Number.isFinite(header.at) &&
    Number.isFinite(header.ttlMs) &&
    (header.notAfter === undefined || Number.isFinite(header.notAfter)) &&
    isOptionalText(header.toDevice) &&
    isOptionalText(header.toSession) &&
    isOptionalText(header.call) &&
    isOptionalText(header.tell) &&
    isOptionalText(header.traceparent)
  );
}

function isSender(from: unknown): from is Sender {
  if (typeof from !== 'object' || from === null) return false;
  const { user, device, session } = from as Partial<Sender>;
  return typeof user === 'string' && typeof device === 'string' && typeof session === 'string';
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

/** For how long the log is asked to keep a frame: for longer than it lives where that is short. @param ttlMsMax the longest it keeps any. */
export function keptMsOf(ttlMs: number, ttlMsMax: number): number {
  return Math.max(ttlMs, Math.min(LOG_KEPT_MS_MIN, ttlMsMax));
}

/**
 * Whether a stored frame exists at `nowMs`: it was stored before its append was given up, and its time
 * has not run out. Both are measured on the log's clock.
 */
export function isAlive(life: Life, storedAtMs: number, nowMs: number): boolean {
  return landedInTime(life, storedAtMs) && nowMs < storedAtMs + life.ttlMs;
}

/** Whether the log stored it before its append was given up. */
export function landedInTime({ notAfter }: Life, storedAtMs: number): boolean {
  return notAfter === undefined || storedAtMs <= notAfter;
}
