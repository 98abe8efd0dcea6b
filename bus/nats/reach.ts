/**
 * Reach: the way of a process to the bus when it starts, however long the bus is away.
 *
 * A process that ended because the bus is not there yet would be started again and again, later each time, and would come
 * late when the bus is back. So it stays, says why it is not ready, and tries on; only what no waiting mends ends it.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import { type Bus, BusUnavailable } from '../seams.ts';

export interface Reach {
  /** Rejects with `BusMisconfigured`, and with nothing else but a mistake of ours. */
  readonly bus: Promise<Bus>;
  /** Why it is not there yet, or `undefined`. */
  notReached(): string | undefined;
}

export interface ReachDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Half of it at least, so that processes that wait together do not knock together. */
const AGAIN_MS_MAX = 2_000;
/** The same reason is logged again after this. */
const REMIND_MS = 60_000;

/** @param connect one attempt, such as `connectNatsBus`. */
export function reachBus(connect: () => Promise<Bus>, { clock, random, log }: ReachDeps): Reach {
  let why: string | undefined = 'connecting to the bus';
  let told = '';
  let toldMs = 0;

  function failed(reason: string): void {
    why = `the bus cannot be reached: ${reason}`;
    const nowMs = clock.monotonicMs();
    if (reason === told && nowMs - toldMs < REMIND_MS) return;
    told = reason;
    toldMs = nowMs;
    log.warn({ event: 'bus.unreachable', reason }, 'the bus cannot be reached; trying again until it can');
  }

  async function reached(): Promise<Bus> {
    for (;;) {
      try {
        const bus = await connect();
        why = undefined;
        log.info({ event: 'bus.reached' }, 'connected to the bus');
        return bus;
      } catch (error) {
        if (!(error instanceof BusUnavailable)) throw error;
        failed(error.message);
      }
      const waitMs = AGAIN_MS_MAX * (0.5 + random.draw() / 2);
      await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    }
  }

  return { bus: reached(), notReached: () => why };
}
