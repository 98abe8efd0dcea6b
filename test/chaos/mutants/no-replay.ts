/** No replay: who attaches with a cursor behind gets what comes from now on, and the log is not read. */

import { replaceText } from './replaced-text.ts';

replaceText('gateway/delivery/subscription.ts', [
  [
    "if (sub.watch) return { kind: 'live' };",
    "if (sub.watch || sub.cursor !== FROM_NOW) return { kind: 'live' };",
  ],
]);
