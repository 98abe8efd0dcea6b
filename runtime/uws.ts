/**
 * uWebSockets.js: the WebSocket and HTTP edge, in the binary that loads on this machine.
 *
 * On glibc 2.36 and 2.37 that is the copy which `tools/uws-older-glibc.mjs` lays beside the published
 * binary after `npm install` (`docs/adr/0001-uwebsockets-on-older-glibc.md`); everywhere else it is the
 * package itself, from npm or from its official release.
 *
 * Transports and the operations port take it from here, and from nowhere else.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setUnlessGiven } from './env.ts';

export type * from 'uWebSockets.js';

type Uws = typeof import('uWebSockets.js');

/** Bytes of a request's headers, where a token may stand; of itself the binding takes 4,096. It reads this when it loads. */
setUnlessGiven('UWS_HTTP_MAX_HEADERS_SIZE', '16384');

/** The binding itself; its own type declarations say what each name does. */
export const uws: Uws = load(createRequire(import.meta.url));

function load(require: NodeJS.Require): Uws {
  const folder = dirname(require.resolve('uWebSockets.js'));
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.older-glibc.node`;
  const copy = join(folder, name);
  try {
    return require(existsSync(copy) ? copy : 'uWebSockets.js');
  } catch (cause) {
    const remedy =
      '`node tools/uws-older-glibc.mjs` mends it where it can, and says what to do where it cannot.';
    throw new Error(`uWebSockets.js does not load on this machine. ${remedy}`, { cause });
  }
}
