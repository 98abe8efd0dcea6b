import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpusOf } from './corpus.ts';
import { fuzz, type Outcome } from './fuzzer.ts';
import { reportOf } from './report.ts';
import type { Target } from './target.ts';
import { signedTokens } from './targets/jwt.ts';
import { sealedTokens } from './targets/resume.ts';
import { targets } from './targets.ts';

/** Fixed, so that a red run is red again; `npm run fuzz` tries others. */
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_001);
const inputs = Number(process.env['FUZZ_INPUTS'] ?? 20_000);

for (const [name, make] of targets) {
  test(`${name}: no input breaks its reader (seed ${seed})`, { timeout: 120_000 }, async (t) => {
    const target = await make();
    t.after(() => target.close?.());
    const starts = corpusOf(name).map(({ bytes }) => bytes);
    assert(starts.length > 0, 'there is a corpus');
    const { judged, kinds, broken } = await fuzz(target, starts, {
      inputs: Math.ceil(inputs * (target.share ?? 1)),
      seed,
    });
    t.diagnostic(`${judged} inputs, ${kinds.length} kinds of outcome`);
    if (broken !== undefined) assert.fail(reportOf(name, seed, broken));
    assert(kinds.length > 1, 'the inputs get nowhere');
  });
}

test('the corpus holds what was truly signed and sealed, so that fuzzing begins at what is believed', () => {
  const texts = (target: string) => corpusOf(target).map(({ bytes }) => bytes.toString('latin1'));
  for (const token of signedTokens) assert(texts('jwt').includes(token), token);
  for (const token of sealedTokens) assert(texts('resume').includes(token), token);
});

const starts = [Buffer.from('{"type":"send","id":"1","to":{"user":"bob"},"body":[1,2,3]}')];

/** A reader with a mistake: the fuzzer has to come upon it. */
function planted(judge: (input: Buffer) => string): Promise<Outcome> {
  return fuzz({ name: 'planted', judge } satisfies Target, starts, { inputs: 20_000, seed });
}

function parsed(input: Buffer): { type?: unknown; to?: { user?: unknown }; body?: unknown } {
  try {
    return JSON.parse(input.toString('utf8')) ?? {};
  } catch {
    return {};
  }
}

test('the fuzzer finds a reader that throws, and makes the input small', async () => {
  const { broken } = await planted((input) => {
    if (parsed(input).to?.user === '__proto__') throw new TypeError('cannot read');
    return 'read';
  });
  assert.equal(broken?.why, 'TypeError: cannot read');
  assert(broken.minimized.length <= 40, broken.minimized.toString());
  assert.equal(parsed(broken.minimized).to?.user, '__proto__');
});

test('the fuzzer finds a reader that takes a lone surrogate, nesting past a limit, and a number that is none', async () => {
  const mistakes: readonly ((input: Buffer) => boolean)[] = [
    (input) =>
      /[\ud800-\udfff]/.test(
        JSON.stringify(parsed(input).to?.user ?? '').replace(/\\u(d[89a-f]..)/g, '\ud800'),
      ),
    (input) => /\[{65}/.test(input.toString()) && parsed(input).body !== undefined,
    (input) => parsed(input).type === Number.POSITIVE_INFINITY,
    (input) => input.includes(Buffer.from('eda080', 'hex')),
    (input) => input.length > 50_000 && parsed(input).type === 'send',
  ];
  for (const [index, mistake] of mistakes.entries()) {
    const { broken } = await planted((input) => {
      if (mistake(input)) throw new Error('taken');
      return 'read';
    });
    assert.equal(broken?.why, 'Error: taken', `mistake ${index}`);
  }
});

test('the fuzzer finds a reader whose time grows with the square of the input', async () => {
  const { broken } = await planted((input) => {
    let pairs = 0;
    const bytes = input.subarray(0, 10_000);
    for (const one of bytes) for (const other of bytes) if (one === other) pairs++;
    return pairs > 0 ? 'some' : 'none';
  });
  assert.match(broken?.why ?? '', /^Slow: /);
});
