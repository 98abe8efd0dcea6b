/**
 * Patience: for how long this gateway waits for the answers of a router, out of how long they took of late.
 *
 * An answer that comes after it was given up was worked for in vain, and the announcement that follows costs more than
 * what was asked. So each limit grows to three times the slowest answer of late, and so does the wait before
 * something is asked again.
 */

import type { Clock } from '#runtime/clock.ts';
import { limitMs, type Pace, paced, quick, slowestMs } from '#runtime/pace.ts';

export interface Patience {
  /** The limit of a wait that is `ms` long where answers are quick. */
  limitMs(router: string, ms: number): number;
  /** How long to wait before it is asked again. */
  retryMs(router: string): number;
  /** An answer to what was asked at this monotonic time, or the end of its time. */
  ended(router: string, askedAtMs: number): void;
  forget(router: string): void;
}

const TIMES = 3;
const LONGER_MAX = 4;
const RETRY_MS = 250;

export function createPatience(clock: Clock): Patience {
  const paces = new Map<string, Pace>();
  const paceOf = (router: string) => paces.get(router) ?? quick;
  return {
    limitMs(router, ms) {
      const bounds = { times: TIMES, minMs: ms, maxMs: LONGER_MAX * ms };
      return limitMs(paceOf(router), clock.monotonicMs(), bounds);
    },
    retryMs: (router) => RETRY_MS + slowestMs(paceOf(router), clock.monotonicMs()),
    ended(router, askedAtMs) {
      const nowMs = clock.monotonicMs();
      paces.set(router, paced(paceOf(router), nowMs - askedAtMs, nowMs));
    },
    forget: (router) => void paces.delete(router),
  };
}
