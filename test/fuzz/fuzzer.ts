/**
 * Fuzzer: mutates the corpus of a target by a seed, and asks its oracle about every input.
 *
 * An input breaks the oracle by what it makes the judge throw, or by its time: more than `SLOW_TIMES` what the
 * costliest of the corpus takes for as many bytes, the best of several tries, so that a busy machine is not blamed on
 * the input. Inputs whose outcome is of a new kind join the ones to start from. What breaks is made smaller, as
 * long as it breaks in the same way.
 */

import { createSeededRandom } from '#runtime/random.ts';
import { type Draw, drawOf, mutated } from './mutations.ts';
import type { Target } from './target.ts';

export interface Run {
  readonly inputs: number;
  readonly seed: number;
  /** Told now and then how many inputs have been judged. */
  readonly progress?: (judged: number, kinds: number) => void;
}

export interface Broken {
  readonly input: Buffer;
  /** As small as it got. */
  readonly minimized: Buffer;
  readonly why: string;
}

export interface Outcome {
  readonly judged: number;
  /** The different kinds of outcome that were seen. */
  readonly kinds: readonly string[];
  readonly broken: Broken | undefined;
}

/** An input may take this many times what the corpus takes for as many bytes. */
const SLOW_TIMES = 50;
/** Past so many times the bound it is not looked at more often than twice. */
const HOPELESS_TIMES = 10;
/** Bytes that cost about as much as reading any input at all. */
const UNIT_BYTES = 256;
const TRIES = 5;
/** How many inputs to start from, and their length: what is made of long ones is mostly slow. */
const STARTS_MAX = 1_000;
const START_BYTES_MAX = 4_096;
const SMALLER_TRIES_MAX = 3_000;

export async function fuzz(target: Target, starts: readonly Buffer[], run: Run): Promise<Outcome> {
  const pool = [...starts];
  const draw = drawOf(createSeededRandom(run.seed));
  const kinds = new Map<string, number>();
  const bound = await boundOf(target, starts);
  for (let judged = 0; judged < run.inputs; judged++) {
    // First what is kept, as it is.
    const input = judged < starts.length ? starts[judged]! : nextInput(pool, draw);
    const startMs = performance.now();
    const said = verdictOf(target, input);
    const verdict = typeof said === 'string' || isBroken(said) ? said : await said;
    const ms = performance.now() - startMs;
    const why = isBroken(verdict)
      ? verdict.why
      : ms > bound(input)
        ? await slowness(target, input, bound(input), ms)
        : undefined;
    if (why !== undefined) {
      return { judged: judged + 1, kinds: [...kinds.keys()], broken: await brokenBy(target, input, why) };
    }
    const kind = verdict as string;
    if (!kinds.has(kind) && pool.length < STARTS_MAX && input.length <= START_BYTES_MAX) pool.push(input);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (judged % 1_000 === 999) {
      run.progress?.(judged + 1, kinds.size);
      // So that what the inputs have set going comes to its end.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { judged: run.inputs, kinds: [...kinds.keys()], broken: undefined };
}

function nextInput(pool: readonly Buffer[], draw: Draw): Buffer {
  return mutated(draw.of(pool), draw, () => draw.of(pool));
}

interface Failure {
  readonly why: string;
}

type Verdict = string | Failure;

function verdictOf(target: Target, input: Buffer): Verdict | Promise<Verdict> {
  try {
    // A copy, so that nobody can change what is printed.
    const said = target.judge(Buffer.from(input));
    return typeof said === 'string' ? said : said.catch((error: unknown) => ({ why: reason(error) }));
  } catch (error) {
    return { why: reason(error) };
  }
}

function isBroken(verdict: Verdict | Promise<Verdict>): verdict is Failure {
  return typeof verdict === 'object' && 'why' in verdict;
}

function reason(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** How long an input of this length may take. */
type Bound = (input: Buffer) => number;

async function boundOf(target: Target, starts: readonly Buffer[]): Promise<Bound> {
  let unitMs = 0;
  for (const start of starts) {
    let ms = Number.POSITIVE_INFINITY;
    // The first ones warm up the reader.
    for (let tries = 0; tries < 2 * TRIES; tries++) ms = Math.min(ms, await wallMsOf(target, start));
    unitMs = Math.max(unitMs, ms / units(start));
  }
  return (input) => SLOW_TIMES * unitMs * units(input);
}

function units(input: Buffer): number {
  return 1 + input.length / UNIT_BYTES;
}

async function wallMsOf(target: Target, input: Buffer): Promise<number> {
  const startMs = performance.now();
  await verdictOf(target, input);
  return performance.now() - startMs;
}

/** By the clock, or by the processor if that is less: what other processes take is not the input's. */
async function msOf(target: Target, input: Buffer): Promise<number> {
  const before = process.threadCpuUsage();
  const wallMs = await wallMsOf(target, input);
  return Math.min(wallMs, cpuMsSince(before));
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

async function slowness(
  target: Target,
  input: Buffer,
  boundMs: number,
  firstMs: number,
): Promise<string | undefined> {
  let ms = firstMs;
  for (let tries = 0; ms > boundMs && tries < (ms < HOPELESS_TIMES * boundMs ? TRIES : 2); tries++)
    ms = Math.min(ms, await msOf(target, input));
  if (ms <= boundMs) return undefined;
  return `Slow: ${ms.toFixed(1)} ms for ${input.length} bytes, where ${boundMs.toFixed(1)} ms would do`;
}

async function brokenBy(target: Target, input: Buffer, why: string): Promise<Broken> {
  // Time is not judged again: it would take too long, and long is what it is.
  const minimized = why.startsWith('Slow:') ? input : await minimize(target, input, why);
  return { input, minimized, why };
}

/** Takes pieces out, larger ones first, as long as the same goes wrong. */
async function minimize(target: Target, input: Buffer, why: string): Promise<Buffer> {
  let smallest = input;
  let tries = 0;
  const kind = kindOf(why);
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < smallest.length && tries < SMALLER_TRIES_MAX; tries++) {
      const smaller = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      const verdict = await verdictOf(target, smaller);
      if (isBroken(verdict) && kindOf(verdict.why) === kind) smallest = smaller;
      else at += size;
    }
  }
  return smallest;
}

/** The name of the error and the words of its message, without what is quoted there. */
function kindOf(why: string): string {
  return why.split('\n', 1)[0]!.replace(/["'`].*["'`]|\d+/g, '');
}
