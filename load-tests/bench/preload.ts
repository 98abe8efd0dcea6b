/**
 * Preload: lets a process under measurement collect its garbage when it is told to, without a hook in its code.
 *
 * `NODE_OPTIONS=--import <this file>`: on SIGUSR2 everything that is not reachable is collected, and a line says so.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECTED } from './collected.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: object) => void;

process.on('SIGUSR2', () => {
  // Twice, since finalizers that run after the first let go of more.
  collect({ type: 'major', flavor: 'last-resort' });
  setImmediate(() => {
    collect({ type: 'major', flavor: 'last-resort' });
    console.log(COLLECTED);
  });
});
