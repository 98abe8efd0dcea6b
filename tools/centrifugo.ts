/**
 * Centrifugo: finds the server that the benchmark sets beside ours, and builds it where there is none.
 *
 * In this order: the one on the PATH if it is of the pinned version, the one built earlier into `.tools/`, the Go
 * module built here. `node tools/centrifugo.ts` prints the path; the benchmark calls `centrifugoPath()`.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const centrifugoVersion = '5.4.9';
const module = 'github.com/centrifugal/centrifugo/v5';

const toolsFolder = join(import.meta.dirname, '..', '.tools');
const builtPath = join(toolsFolder, `centrifugo-${centrifugoVersion}`);

/**
 * Path of a Centrifugo of the pinned version, built now if need be.
 *
 * @throws Error that says what to install, if there is none and it cannot be built.
 */
export function centrifugoPath(): string {
  if (isPinned(spawnSync('centrifugo', ['version'], { encoding: 'utf8' }).stdout ?? '')) return 'centrifugo';
  if (existsSync(builtPath)) return builtPath;
  mkdirSync(toolsFolder, { recursive: true });
  const folder = mkdtempSync(join(toolsFolder, 'build-'));
  try {
    renameSync(fromSource(folder), builtPath); // Whole or not at all, also if two processes build at once.
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return builtPath;
}

/** True if `centrifugo version` printed the version that the figures are told for. */
export function isPinned(printed: string): boolean {
  return /v(\d+\.\d+\.\d+)/.exec(printed)?.[1] === centrifugoVersion;
}

/** In a module of its own that asks for it: `go install` refuses a module that replaces others. */
function fromSource(folder: string): string {
  console.error(`tools/centrifugo: building Centrifugo ${centrifugoVersion} (go build)`);
  const binary = join(folder, 'centrifugo');
  const named = `-s -w -X ${module}/internal/build.Version=${centrifugoVersion}`;
  const built =
    go(folder, ['mod', 'init', 'tools.local/centrifugo']) &&
    go(folder, ['get', `${module}@v${centrifugoVersion}`]) &&
    go(folder, ['build', '-trimpath', '-buildvcs=false', '-ldflags', named, '-o', binary, module]);
  if (built) return binary;
  throw new Error(
    `No Centrifugo ${centrifugoVersion} found or built. Put one on the PATH, or install Go ≥ 1.24.`,
  );
}

function go(folder: string, args: readonly string[]): boolean {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' };
  const stdio = ['ignore', process.stderr, process.stderr] as const;
  return spawnSync('go', args, { cwd: folder, env, stdio: [...stdio] }).status === 0;
}

if (import.meta.main) console.log(centrifugoPath());
