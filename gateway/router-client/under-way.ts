/**
 * Under way: for each router whether what comes now waits for the answer to the request before.
 *
 * A request that waits a little carries what comes meanwhile. One whose answer is late may have been lost: then the next
 * goes out all the same, so that a router gets a few requests a second at most, and nobody waits for another's answer.
 * Of several the newest counts, as a router answers in order.
 */

import type { Cancel, Clock } from '#runtime/clock.ts';

/** What comes while a request is under way waits for its answer, and for no longer than this. */
const HELD_MS_MAX = 250;

export interface Asked {
  readonly atMs: number;
  cancel: Cancel | undefined;
}

export interface UnderWay {
  sent(router: string): Asked;
  /** Answered, or given up. True: what waited for it may go on. */
  ended(router: string, request: Asked): boolean;
  /** Whether something has to wait: until `ended` says true, or `goOn` is called. */
  holds(router: string): boolean;
}

export function createUnderWay(clock: Clock, goOn: () => void): UnderWay {
  const newest = new Map<string, Asked>();
  return {
    sent(router) {
      newest.get(router)?.cancel?.();
      const request: Asked = { atMs: clock.monotonicMs(), cancel: undefined };
      newest.set(router, request);
      return request;
    },
    ended(router, request) {
      if (newest.get(router) !== request) return false;
      request.cancel?.();
      return newest.delete(router);
    },
    holds(router) {
      const request = newest.get(router);
      if (request === undefined) return false;
      const leftMs = request.atMs + HELD_MS_MAX - clock.monotonicMs();
      if (leftMs <= 0) return false;
      request.cancel ??= clock.after(leftMs, goOn);
      return true;
    },
  };
}
