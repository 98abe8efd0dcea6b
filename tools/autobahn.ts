/**
 * Autobahn: the conformance suite for WebSockets, fetched where it is not there yet.
 *
 * The cases are those of the Autobahn TestSuite, which itself runs on Python 2 alone. `kosoku` (PyPI, known by its
 * SHA-256) is a runner of today for the same case files; both judged the transport alike when it was taken.
 */

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unpackWheel, type Wheel } from './wheel.ts';

const version = '0.1.0';
const toolsFolder = join(import.meta.dirname, '..', '.tools');
const fetchedPath = join(toolsFolder, `kosoku-${version}`);

const wheels: { readonly [machine: string]: Pick<Wheel, 'platform' | 'sha256'> } = {
  'linux-x64': {
    platform: 'manylinux2014_x86_64',
    sha256: 'a9b34e593defe29d931e346c88947b58a015495f09dd13643e4cc952c75602ac',
  },
  'linux-arm64': {
    platform: 'manylinux2014_aarch64',
    sha256: '911610fc6d21e9d8b5b53936ea134b2b4ab58cd6252e9ad7c7f69c540a028027',
  },
};

/**
 * The folder of the suite as Python has to find it (`PYTHONPATH`).
 *
 * @throws Error that says what to install, if it cannot be fetched.
 */
export function autobahnPath(): string {
  if (existsSync(fetchedPath)) return fetchedPath;
  mkdirSync(toolsFolder, { recursive: true });
  const folder = mkdtempSync(join(toolsFolder, 'fetch-'));
  try {
    const wheel = wheels[`${process.platform}-${process.arch}`];
    console.error(`tools/autobahn: fetching kosoku ${version} from PyPI`);
    if (wheel === undefined || !unpackWheel(wheelOf(wheel), folder)) {
      throw new Error('The Autobahn cases need Linux, and Python ≥ 3.10 with pip to fetch kosoku from PyPI.');
    }
    renameSync(folder, fetchedPath);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return fetchedPath;
}

function wheelOf({ platform, sha256 }: Pick<Wheel, 'platform' | 'sha256'>): Wheel {
  const tags = `cp310-abi3-${platform.replace('manylinux2014', 'manylinux_2_17')}.${platform}`;
  return { package: 'kosoku', version, platform, tags, sha256 };
}

if (import.meta.main) console.log(autobahnPath());
