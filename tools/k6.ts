/**
 * k6: finds the load generator that `npm run load` runs the scripts of `load-tests/k6` with, and builds it where there is none.
 *
 * `node tools/k6.ts` prints the path.
 */

import { goProgramPath } from './go-program.ts';

export function k6Path(): string {
  return goProgramPath({ name: 'k6', version: '2.2.0', module: 'go.k6.io/k6/v2', versionArgs: ['version'] });
}

if (import.meta.main) console.log(k6Path());
