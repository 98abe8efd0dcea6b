/**
 * Chromium: finds the browser of this machine, which the end-to-end tests drive.
 *
 * `CHROMIUM` may name one; otherwise the usual names on the PATH are tried. None is ever downloaded.
 * `node tools/chromium.ts` prints the path; tests call `chromiumPath()`.
 */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const applications = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** @throws Error that says what to install, if there is none. */
export function chromiumPath(env: NodeJS.ProcessEnv = process.env): string {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const found = (env['CHROMIUM'] ? [env['CHROMIUM']] : [...onPath, ...applications]).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    'No Chromium found, and the end-to-end tests drive one. On Debian: apt-get install chromium. ' +
      'Elsewhere install Chrome or Chromium, and name it in CHROMIUM if it is not on the PATH.',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) console.log(chromiumPath());
