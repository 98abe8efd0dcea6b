/**
 * Corpus: the inputs that fuzzing starts from, in files; one folder per target.
 *
 * What once broke an oracle is kept here for good, made as small as it gets, and is read on every run.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'corpus');

export interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
}

export function corpusOf(target: string): readonly Entry[] {
  return readdirSync(join(folder, target))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, target, name)) }));
}

/** Keeps an input; the path of its file. */
export function keep(target: string, input: Uint8Array): string {
  const name = `found-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`;
  mkdirSync(join(folder, target), { recursive: true });
  const path = join(folder, target, name);
  writeFileSync(path, input);
  return path;
}
