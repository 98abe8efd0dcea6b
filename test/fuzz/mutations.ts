/**
 * Mutations: bytes that are nearly right, made of bytes that are right.
 *
 * Half of them know nothing of the input: flipped bits, cuts, doubled pieces, a piece of another input, bytes that
 * parsers stumble over. The other half know how the input is built (`json-mutations.ts`): a JSON text, a line of
 * JSON before raw bytes, lines of JSON, or the parts of a token. Everything hangs on the draws handed in.
 */

import type { Random } from '#runtime/random.ts';
import { mutatedJson, nested } from './json-mutations.ts';

/** No input grows beyond this, or reading it would be all that is measured. */
export const INPUT_BYTES_MAX = 131_072;

type Mutation = (input: Buffer, draw: Draw, other: () => Buffer) => Buffer;

/** Draws of a seed, as mutations ask for them. */
export interface Draw {
  below(n: number): number;
  of<T>(items: readonly T[]): T;
}

export function drawOf(random: Random): Draw {
  const below = (n: number) => Math.floor(random.draw() * n);
  return { below, of: (items) => items[below(items.length)]! };
}

/** One to four mutations, one after the other. `other` gives another input of the corpus. */
export function mutated(input: Uint8Array, draw: Draw, other: () => Buffer): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let rounds = 1 + draw.below(4); rounds > 0; rounds--) {
    bytes = draw.of(draw.below(2) === 0 ? blind : knowing)(bytes, draw, other);
    if (bytes.length > INPUT_BYTES_MAX) bytes = bytes.subarray(0, INPUT_BYTES_MAX);
  }
  return bytes;
}

/** Pieces that parsers stumble over. */
const pieces: readonly Buffer[] = [
  ...[
    '\0',
    '\n',
    '\r\n',
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '.',
    '=',
    '%',
    ' ',
    '\u{feff}',
    '\u{85}',
    '\u{10ffff}',
  ],
  ...[
    '\\u0000',
    '\\ud800',
    '\\udfff\\ud800',
    'null',
    'true',
    '1e999',
    '-1e999',
    '-0',
    '1e-999',
    '9007199254740993',
  ],
  ...[
    '18446744073709551616',
    '0x10',
    'NaN',
    'Infinity',
    '"__proto__":{},',
    '"constructor":1,',
    '{}',
    '[]',
    '*',
    '/',
  ],
].map((text) => Buffer.from(text));

/** Bytes that are no UTF-8: lone continuation, overlong, a surrogate, beyond the last character, cut short. */
const noUtf8: readonly Buffer[] = ['80', 'c080', 'eda080', 'f4908080', 'f09f98', 'fe', 'ff'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

const blind: readonly Mutation[] = [
  function flipsBits(input, draw) {
    for (let n = 1 + draw.below(3); n > 0 && input.length > 0; n--)
      input[draw.below(input.length)]! ^= 1 << draw.below(8);
    return input;
  },
  function putsAByte(input, draw) {
    if (input.length > 0) input[draw.below(input.length)] = draw.below(256);
    return input;
  },
  (input, draw) => input.subarray(0, draw.below(input.length + 1)),
  (input, draw) => input.subarray(draw.below(input.length + 1)),
  function cutsOut(input, draw) {
    const [from, to] = range(input, draw);
    return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
  },
  function doubles(input, draw) {
    const [from, to] = range(input, draw);
    const times = draw.of([1, 2, 3, 100]);
    return Buffer.concat([
      input.subarray(0, from),
      ...Array(times).fill(input.subarray(from, to)),
      input.subarray(from),
    ]);
  },
  function splices(input, draw, other) {
    const [end] = range(input, draw);
    const rest = other();
    return Buffer.concat([input.subarray(0, end), rest.subarray(draw.below(rest.length + 1))]);
  },
  function putsAPiece(input, draw) {
    const [from, to] = range(input, draw);
    const end = draw.below(2) === 0 ? from : to;
    return Buffer.concat([
      input.subarray(0, from),
      draw.of(draw.below(4) === 0 ? noUtf8 : pieces),
      input.subarray(end),
    ]);
  },
  function overlong(input, draw) {
    const at = draw.below(input.length + 1);
    const unit = draw.of(['a', 'ü', '\\', '"', '😀', ' ', '0', '[', '{"a":']);
    const filler = Buffer.from(unit.repeat(draw.of([64, 200, 3_000, 60_000]) / unit.length));
    return Buffer.concat([input.subarray(0, at), filler, input.subarray(at)]);
  },
  function nests(input, draw) {
    const at = draw.below(input.length + 1);
    return Buffer.concat([input.subarray(0, at), Buffer.from(nested(draw)), input.subarray(at)]);
  },
];

/** Each changes what it recognizes, and nothing else. */
const knowing: readonly Mutation[] = [
  (input, draw, other) => mutatedText(input, draw, other),
  (input, draw, other) => mutatedText(input, draw, other),
  function ofALine(input, draw, other) {
    const starts = [0, ...lineEnds(input).map((end) => end + 1)];
    const from = draw.of(starts);
    const next = input.indexOf(10, from);
    const to = next < 0 ? input.length : next;
    const line = mutatedText(input.subarray(from, to), draw, other);
    return Buffer.concat([input.subarray(0, from), line, input.subarray(to)]);
  },
  function ofATokenPart(input, draw, other) {
    const parts = input.toString('latin1').split('.');
    if (parts.length < 2) return input;
    const at = draw.below(parts.length);
    const decoded = Buffer.from(parts[at]!, 'base64url');
    parts[at] = draw
      .of([mutatedText, ...blind])(decoded, draw, other)
      .toString('base64url');
    return Buffer.from(parts.join('.'), 'latin1');
  },
];

function mutatedText(input: Buffer, draw: Draw, other: () => Buffer): Buffer {
  const text = mutatedJson(input.toString('utf8'), draw, () => firstLine(other()));
  return text === undefined ? input : Buffer.from(text);
}

function firstLine(input: Buffer): string {
  const end = input.indexOf(10);
  return input.toString('utf8', 0, end < 0 ? input.length : end);
}

function lineEnds(input: Buffer): number[] {
  const ends: number[] = [];
  for (let at = input.indexOf(10); at >= 0 && ends.length < 50; at = input.indexOf(10, at + 1)) ends.push(at);
  return ends;
}

function range(input: Buffer, draw: Draw): [from: number, to: number] {
  const from = draw.below(input.length + 1);
  return [from, Math.min(input.length, from + draw.below(draw.of([2, 8, 64, input.length + 1])))];
}
