/**
 * No terms: once the fleet has settled, a gateway stays with the owner that it knows, whoever has taken over since.
 */

import { replaceText } from './replaced-text.ts';

replaceText('gateway/router-client/registration.ts', [
  [
    'if (lease === undefined || lease.released) return state;',
    "if (lease === undefined || lease.released || (state.phase !== 'unowned' && performance.now() > 6_000)) return state;",
  ],
]);
