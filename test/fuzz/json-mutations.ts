/**
 * JSON mutations: one value of a JSON text exchanged, taken out, doubled, renamed or wrapped.
 *
 * The text is parsed and written again, so what lies around the change stays right and the reader gets to it.
 */

import type { Draw } from './mutations.ts';

/** A value within a text: `holder[key]`. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

const placesMax = 200;

/** Stands for a piece of text that `JSON.stringify` would not write. */
const mark = '\u0001raw\u0001';

/** What stands where something else is due; texts that are no JSON value come in raw. */
const strange: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    2,
    0.5,
    1e308,
    -1e308,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    2 ** 53 - 1,
    1e12,
    5e-324,
  ],
  ...[
    '',
    ' ',
    'a',
    '\0',
    '\u007f',
    '\u0085',
    '\ud800',
    '\udc00\ud800',
    '\ufeff',
    '💥',
    'u/',
    'r/a',
    'u/bob',
    '../..',
    '*',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'none',
    'replace',
    'x'.repeat(64),
    'x'.repeat(65),
    'x'.repeat(128),
  ],
  ...[
    'x'.repeat(129),
    'ü'.repeat(64),
    'ü'.repeat(65),
    'x'.repeat(300),
    'x'.repeat(8_193),
    'x'.repeat(70_000),
  ],
  ...[[], {}, [[]], [null], [0], [''], [{}], { __proto__x: 1 }, { type: 'hello' }, { length: 1 }],
];
const raw = [
  '1e999',
  '-1e999',
  '-0',
  '1E+2',
  '9007199254740993',
  '123456789012345678901234567890',
  '"\\ud83d"',
  '"\\u0000"',
];
const keys = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'type',
  'id',
  'length',
  'from',
  'v',
  '0',
  '',
  'toJSON',
  '\ud800',
];

/** The text with one change, or `undefined` where it is no JSON. */
export function mutatedJson(text: string, draw: Draw, other: () => string): string | undefined {
  const root: Record<string, unknown> = Object.create(null);
  try {
    root['root'] = JSON.parse(text);
  } catch {
    return undefined;
  }
  const places: Place[] = [];
  collect(root, places);
  const { holder, key } = draw.of(places);
  const inserted = change(holder, key, draw, other, places);
  const written = writtenOr(root['root'], '');
  return inserted === undefined ? written : written.replace(JSON.stringify(mark), () => inserted);
}

/** Arrays or objects in one another, closed or not; at times just beyond what is allowed. */
export function nested(draw: Draw): string {
  const [open, close] = draw.of([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"":', '}]'],
  ] as const);
  const levels = draw.of([2, 30, 31, 32, 33, 61, 62, 63, 64, 65, 66, 200, 5_000, 20_000]);
  return open.repeat(levels) + draw.of(['1', '', '"'] as const) + close.repeat(draw.of([levels, levels, 0]));
}

/** Makes the change; gives the text that belongs where the mark stands, if there is one. */
function change(
  holder: Record<string, unknown>,
  key: string,
  draw: Draw,
  other: () => string,
  places: readonly Place[],
): string | undefined {
  switch (draw.below(10)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else if (key !== 'root') delete holder[key];
      return undefined;
    case 1:
      define(holder, key === 'root' ? key : draw.of(keys), holder[key]);
      return undefined;
    case 2:
      holder[key] = mark;
      return nested(draw);
    case 3:
      holder[key] = mark;
      return draw.of(raw);
    case 4: {
      const place = draw.of(places);
      // A copy: a value within itself could not be written.
      holder[key] = copied(place.holder[place.key]);
      return undefined;
    }
    case 5:
      holder[key] = parsedOr(other(), 0);
      return undefined;
    case 6: {
      const value = holder[key];
      holder[key] = Array(draw.of([1, 2, 65, 258, 1_001])).fill(value);
      return undefined;
    }
    case 7:
      if (typeof holder[key] === 'object' && holder[key] !== null)
        define(holder[key] as Record<string, unknown>, draw.of(keys), draw.of(strange));
      return undefined;
    default:
      holder[key] = draw.of(strange);
      return undefined;
  }
}

/** Also `__proto__`, as a field of its own. */
function define(holder: Record<string, unknown>, key: string, value: unknown): void {
  if (!Array.isArray(holder))
    Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

function copied(value: unknown): unknown {
  return parsedOr(writtenOr(value, '0'), 0);
}

/** What is nested deeper than the stack can hold is read, but cannot be written. */
function writtenOr(value: unknown, fallback: string): string {
  try {
    return JSON.stringify(value) ?? fallback;
  } catch {
    return fallback;
  }
}

function parsedOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}

function collect(holder: Record<string, unknown>, places: Place[]): void {
  // Without recursion, as the value may be nested deeper than the stack.
  const open: Record<string, unknown>[] = [holder];
  for (let next = open.pop(); next !== undefined && places.length < placesMax; next = open.pop()) {
    for (const key of Object.keys(next).slice(0, 50)) {
      places.push({ holder: next, key });
      const value = next[key];
      if (typeof value === 'object' && value !== null) open.push(value as Record<string, unknown>);
    }
  }
}
