/**
 * Prometheus: finds the server and `promtool` that the tests of boards and alerts run, and fetches them where there are none.
 *
 * In this order: those on the PATH if they are new enough, those fetched earlier into `.tools/`, those of the Debian
 * package `prometheus`, unpacked without being installed: no service is left running, and no root is needed where
 * apt knows its lists. `node tools/prometheus.ts` prints the paths; tests call `prometheusPaths()`.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './wheel.ts';

export interface PrometheusPaths {
  readonly server: string;
  readonly promtool: string;
}

/** `--web.enable-lifecycle` and what the expressions use are older; Debian 12 has 2.42. */
const minorMin = 42;
const toolsFolder = join(import.meta.dirname, '..', '.tools');
const fetchedFolder = join(toolsFolder, 'prometheus');

/**
 * Paths of a server and a promtool that are new enough, fetched now if need be.
 *
 * @throws Error that says what to install, if none can be found or fetched.
 */
export function prometheusPaths(): PrometheusPaths {
  if (isNewEnough(versionOf('prometheus')) && isNewEnough(versionOf('promtool'))) {
    return { server: 'prometheus', promtool: 'promtool' };
  }
  if (!existsSync(fetchedFolder)) fetch();
  return { server: join(fetchedFolder, 'prometheus'), promtool: join(fetchedFolder, 'promtool') };
}

/** True if `prometheus --version` or `promtool --version` printed 2.42 or later. */
export function isNewEnough(printed: string): boolean {
  const [, major = 0, minor = 0] = /version (\d+)\.(\d+)\./.exec(printed)?.map(Number) ?? [];
  return major > 2 || (major === 2 && minor >= minorMin);
}

function versionOf(binary: string): string {
  const { stdout, stderr } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`;
}

function fetch(): void {
  console.error('tools/prometheus: fetching the Debian package prometheus');
  mkdirSync(toolsFolder, { recursive: true });
  const folder = mkdtempSync(join(toolsFolder, 'fetch-'));
  try {
    const binaries = fromDebian(folder);
    if (binaries === undefined) {
      throw new Error(
        `No Prometheus ≥ 2.${minorMin} found or fetched. Put prometheus and promtool on the PATH, or use Debian's apt.`,
      );
    }
    for (const name of ['prometheus', 'promtool']) {
      const printed = versionOf(join(binaries, name));
      if (!isNewEnough(printed)) throw new Error(`The ${name} fetched says ${printed}`);
    }
    renameSync(binaries, fetchedFolder); // Whole or not at all, also if two processes fetch at once.
  } catch (error) {
    if (!existsSync(join(fetchedFolder, 'promtool'))) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The folder with the programs of the package, whose signature apt has checked. */
function fromDebian(folder: string): string | undefined {
  if (!downloaded(folder)) {
    // A fresh machine has no lists of packages; only root may fetch them.
    if (!run('apt-get', ['update', '-qq']) || !downloaded(folder)) return undefined;
  }
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  if (file === undefined || !run('dpkg-deb', ['-x', join(folder, file), folder])) return undefined;
  return join(folder, 'usr', 'bin');
}

function downloaded(folder: string): boolean {
  const options = { cwd: folder, stdio: 'ignore' } as const;
  return spawnSync('apt-get', ['download', '-qq', 'prometheus'], options).status === 0;
}

if (import.meta.main) {
  const { server, promtool } = prometheusPaths();
  console.log(`${server}\n${promtool}`);
}
