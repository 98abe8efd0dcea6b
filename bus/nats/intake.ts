/**
 * Intake: takes whole messages out of what was read from the wire, for those who want subject, reply and data only.
 *
 *     MSG <subject> <sid> [reply] <bytes>⏎<data>⏎   HMSG <subject> <sid> [reply] <bytes of the head> <bytes>⏎<head><data>⏎
 *
 * The client library walks every line byte by byte through a state machine and makes a view of each of its parts, which
 * takes several times as long. Whatever is no message of a lean subscription is left to it: control lines, messages of
 * which only the head says what they are, and all that looks odd.
 *
 * Pure but for the callbacks.
 */

/** A message as lean subscriptions hear it: its head was left out. */
export class LeanMessage {
  readonly subject: string;
  readonly reply: string | undefined;
  /** A view of what was read. */
  readonly data: Uint8Array;
  readonly headers = undefined;

  constructor(subject: string, reply: string | undefined, data: Uint8Array) {
    this.subject = subject;
    this.reply = reply;
    this.data = data;
  }
}

/** Lean subscriptions by the number that the library gave them. */
export type Lean = ReadonlyMap<number, (message: LeanMessage) => void>;

/** The library's. */
export interface Parser {
  /** 0: between two messages. */
  readonly state: number;
  parse(bytes: Uint8Array): void;
}

export interface Intake extends Parser {
  /** Another connection has begun, with this parser. */
  readonly goOnWith: (library: Parser) => void;
}

/** What is longer is the library's to put together. */
const BEGUN_BYTES_MAX = 65_536;
const nothing: Buffer = Buffer.alloc(0);
const MSG = 'M'.charCodeAt(0);
const HMSG = 'H'.charCodeAt(0);
const SPACE = 32;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const ZERO = 48;
const NINE = 57;
const TOKENS_MAX = 5;
const NOT_WHOLE = -1;
const ODD = -2;
/** Where the tokens of the line begin and end. */
const starts = new Int32Array(TOKENS_MAX);
const ends = new Int32Array(TOKENS_MAX);

/** Stands before a parser. Where that is within a message, it is left to finish. */
export function createIntake(first: Parser, lean: Lean): Intake {
  let library = first;
  /** The beginning of a message whose rest has not come. */
  let begun = nothing;
  function other(bytes: Buffer): void {
    library.parse(bytes);
  }
  return {
    state: 0,
    parse(read) {
      if (library.state !== 0 || !Buffer.isBuffer(read)) return library.parse(read);
      const bytes = begun.length === 0 ? read : Buffer.concat([begun, read]);
      const before = library;
      begun = nothing;
      const rest = bytes.subarray(takeMessages(bytes, lean, other));
      // Another connection may have begun meanwhile.
      if (library !== before) return;
      if (rest.length > BEGUN_BYTES_MAX) library.parse(rest);
      else begun = rest;
    },
    goOnWith(next) {
      library = next;
      begun = nothing;
    },
  };
}

/**
 * Hands on what is whole in `bytes`, which begins where a message or line begins; `other` is given, each in its
 * place, what is not for lean subscriptions.
 *
 * @returns where the last one begins that is not whole, or the end.
 */
function takeMessages(bytes: Buffer, lean: Lean, other: (bytes: Buffer) => void): number {
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at]!;
    const end =
      first === MSG || first === HMSG
        ? takeMessage(bytes, at, first === HMSG, lean, other)
        : takeLine(bytes, at, other);
    if (end === NOT_WHOLE) return at;
    if (end === ODD) {
      other(bytes.subarray(at));
      return bytes.length;
    }
    at = end;
  }
  return at;
}

function takeLine(bytes: Buffer, from: number, other: (line: Buffer) => void): number {
  const end = bytes.indexOf(LINE_FEED, from) + 1;
  if (end === 0) return NOT_WHOLE;
  other(bytes.subarray(from, end));
  return end;
}

/** Where the message ends, or what is wrong with it. */
function takeMessage(
  bytes: Buffer,
  from: number,
  headed: boolean,
  lean: Lean,
  other: (message: Buffer) => void,
): number {
  const lineAt = from + (headed ? 5 : 4);
  const lineEnd = bytes.indexOf(CARRIAGE_RETURN, lineAt);
  if (lineEnd < 0 || lineEnd + 1 === bytes.length) return NOT_WHOLE;
  const count = tokensOf(bytes, lineAt, lineEnd);
  const least = headed ? 4 : 3;
  if (count !== least && count !== least + 1) return ODD;
  const total = numberAt(bytes, count - 1);
  const head = headed ? numberAt(bytes, count - 2) : 0;
  const sid = numberAt(bytes, 1);
  const dataAt = lineEnd + 2 + head;
  const end = lineEnd + 2 + total + 2;
  if (sid < 0 || total < 0 || head < 0 || head > total || bytes[lineEnd + 1] !== LINE_FEED) return ODD;
  if (end > bytes.length) return NOT_WHOLE;
  const received = lean.get(sid);
  // What has a head and nothing else is a word of the server.
  if (received === undefined || (headed && head === total)) {
    other(bytes.subarray(from, end));
    return end;
  }
  const subject = bytes.toString('latin1', starts[0], ends[0]);
  const reply = count > least ? bytes.toString('latin1', starts[2], ends[2]) : undefined;
  received(new LeanMessage(subject, reply, bytes.subarray(dataAt, end - 2)));
  return end;
}

/** Finds the tokens between single spaces; more than there may be are not counted. */
function tokensOf(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  let start = from;
  for (let at = from; at <= to; at++) {
    if (at < to && bytes[at] !== SPACE) continue;
    if (at === start || count === TOKENS_MAX) return -1;
    starts[count] = start;
    ends[count++] = at;
    start = at + 1;
  }
  return count;
}

/** The number that a token is, or -1. */
function numberAt(bytes: Buffer, token: number): number {
  const end = ends[token]!;
  if (end - starts[token]! > 9) return -1;
  let number = 0;
  for (let at = starts[token]!; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < ZERO || byte > NINE) return -1;
    number = number * 10 + byte - ZERO;
  }
  return number;
}
