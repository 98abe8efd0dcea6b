/**
 * Centrifugo: finds the server that the benchmark sets beside ours, and builds it where there is none.
 *
 * `node tools/centrifugo.ts` prints the path; the benchmark calls `centrifugoPath()`.
 */

import { goProgramPath } from './go-program.ts';

const centrifugoVersion = '5.4.9';
const module = 'github.com/centrifugal/centrifugo/v5';

/** @throws Error that says what to install, if there is none and it cannot be built. */
export function centrifugoPath(): string {
  return goProgramPath({
    name: 'centrifugo',
    version: centrifugoVersion,
    module,
    versionArgs: ['version'],
    linker: `-X ${module}/internal/build.Version=${centrifugoVersion}`,
  });
}

if (import.meta.main) console.log(centrifugoPath());
