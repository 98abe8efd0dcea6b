/**
 * Go program: one built here from a module of the Go proxy, pinned and kept in `.tools/`.
 *
 * In this order: the one on the PATH if it is of the pinned version, the one built earlier, one built now.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface GoProgram {
  /** As it is called, and as it stands on the PATH. */
  readonly name: string;
  readonly version: string;
  readonly module: string;
  /** Of the main package, if it is not the module itself. */
  readonly package?: string;
  /** Prints the version. */
  readonly versionArgs: readonly string[];
  /** Further flags of the linker, such as the version it prints. */
  readonly linker?: string;
}

const toolsFolder = join(import.meta.dirname, '..', '.tools');

/**
 * Path of the program in its pinned version, built now if need be.
 *
 * @throws Error that says what to install, if there is none and it cannot be built.
 */
export function goProgramPath(program: GoProgram): string {
  const { name, version, versionArgs } = program;
  const builtPath = join(toolsFolder, `${name}-${version}`);
  if (isPinned(program, spawnSync(name, [...versionArgs], { encoding: 'utf8' }).stdout ?? '')) return name;
  if (existsSync(builtPath)) return builtPath;
  mkdirSync(toolsFolder, { recursive: true });
  const folder = mkdtempSync(join(toolsFolder, 'build-'));
  try {
    renameSync(fromSource(program, folder), builtPath); // Whole or not at all, also if two processes build at once.
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return builtPath;
}

/** True if what it printed names the pinned version. */
export function isPinned({ version }: Pick<GoProgram, 'version'>, printed: string): boolean {
  return /v(\d+\.\d+\.\d+)/.exec(printed)?.[1] === version;
}

/** In a module of its own that asks for it: `go install` refuses a module that replaces others. */
function fromSource({ name, version, module, linker = '', ...program }: GoProgram, folder: string): string {
  console.error(`tools: building ${name} ${version} (go build; minutes the first time)`);
  const binary = join(folder, name);
  const main = program.package ?? module;
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${linker}`];
  const built =
    go(folder, ['mod', 'init', `tools.local/${name}`]) &&
    go(folder, ['get', `${module}@v${version}`]) &&
    go(folder, ['build', ...flags, '-o', binary, main]);
  if (built) return binary;
  throw new Error(`No ${name} ${version} found or built. Put one on the PATH, or install Go.`);
}

function go(folder: string, args: readonly string[]): boolean {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' };
  const stdio = ['ignore', process.stderr, process.stderr] as const;
  return spawnSync('go', args, { cwd: folder, env, stdio: [...stdio] }).status === 0;
}
