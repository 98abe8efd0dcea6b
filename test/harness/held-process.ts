/**
 * Held process: a process that gets a part of its time only, as under the quota of a container.
 *
 * It is stopped and continued ten times a second. Nothing in it is changed, and it finds out by itself.
 */

import type { ServiceProcess } from './process.ts';

const PERIOD_MS = 100;

/** Holds it to this part of a core at most, until the function that comes back is called. */
export function heldTo(process: ServiceProcess, share: number): () => void {
  let running: ReturnType<typeof setTimeout> | undefined;
  const period = setInterval(() => {
    process.signal('SIGSTOP');
    running = setTimeout(() => process.signal('SIGCONT'), PERIOD_MS * (1 - share));
  }, PERIOD_MS);
  return () => {
    clearInterval(period);
    clearTimeout(running);
    process.signal('SIGCONT');
  };
}
