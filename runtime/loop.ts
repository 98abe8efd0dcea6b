/**
 * Loop: how long the event loop has worked and how long it has waited for something to do.
 *
 * The door measures by it what handshakes take, since no callback of JavaScript stands around them: what passed
 * between two moments less what the loop waited is work. A process that was held up meanwhile worked, as far as
 * its clients can tell.
 */

import { performance } from 'node:perf_hooks';

export interface Loop {
  /** Milliseconds that the loop has waited since it began; never goes back. */
  idleMs(): number;
}

/** The loop of this process. */
export function createSystemLoop(): Loop {
  return { idleMs: () => performance.eventLoopUtilization().idle };
}
