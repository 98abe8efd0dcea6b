/** No lease end: a router goes on serving what it has lost to another, as if its leases had no end. */

import { replaceText } from './replaced-text.ts';

replaceText('router/partitions/partitions.ts', [
  ['return lease !== undefined && mayDeliver(lease, nowMs);', 'return lease !== undefined && nowMs > 0;'],
]);
replaceText('router/router.ts', [
  ['if (owner === undefined) return;', "if (owner === undefined || why !== 'handed-over') return;"],
]);
