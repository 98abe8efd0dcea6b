/**
 * Held process: a process that gets a part of its time only, as under the quota of a container.
 *
 * It is stopped and continued, ten times a second unless a longer period is asked for. Nothing in it is changed, and
 * it finds out by itself.
 */

export interface Holdable {
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
}

/** Holds it to this part of a core at most, until the function that comes back is called. */
export function heldTo(process: Holdable, share: number, periodMs = 100): () => void {
  let running: ReturnType<typeof setTimeout> | undefined;
  const period = setInterval(() => {
    process.signal('SIGSTOP');
    running = setTimeout(() => process.signal('SIGCONT'), periodMs * (1 - share));
  }, periodMs);
  return () => {
    clearInterval(period);
    clearTimeout(running);
    process.signal('SIGCONT');
  };
}
