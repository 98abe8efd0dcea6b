/**
 * Acceptance: a connection goes on to its handshake right after its accept, is held until its turn comes, stands behind all
 * others, or is closed.
 */

import type { Clock } from '#runtime/clock.ts';
import { abandoned, begins, type Door, handshaken, knocked } from './door/door.ts';
import { createHeld } from './held.ts';
import { createHolds } from './holds.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Knock, Listener } from './seams.ts';
import type { createShutters } from './shutters.ts';
import type { createVetting } from './vetting.ts';

export interface AcceptanceDeps {
  readonly clock: Clock;
  readonly metrics: Pick<GatewayMetrics, 'abandoned' | 'dropped'>;
  readonly vetting: ReturnType<typeof createVetting>;
  readonly shutters: ReturnType<typeof createShutters>;
  /** So many handshakes may begin in a turn of the loop. */
  readonly handshakesPerTurn: number;
  /** How many flows more there may be beside connections that are held. */
  placesLeft(held: number): number;
}

export function createAcceptance(door: Door, deps: AcceptanceDeps) {
  const { clock, metrics, vetting, shutters, handshakesPerTurn } = deps;
  const held = createHeld();
  const holds = createHolds(clock);
  /** Connections that went on in this turn without being held. */
  let passed = 0;

  function gone(listener: Listener, waited: boolean): void {
    metrics.abandoned.inc();
    abandoned(door);
    if (waited) handshaken(door, listener, false);
  }

  return {
    /** How many are held. */
    get count() {
      return held.count;
    },
    placesLeft: () => deps.placesLeft(held.count),
    /** Nobody whose first words are read now was held for longer. */
    heldMs: holds.longestMs,
    /** @param busy there is more to do than at once. @returns false: it is to be closed. */
    takes(knock: Knock, busy: boolean): boolean {
      const { listener } = knock;
      if (vetting.standsBehind(knock, busy || held.count > 0))
        return vetting.putsOff(holds.timed(knock), deps.placesLeft(held.count));
      if (held.count === 0 && passed < handshakesPerTurn) {
        passed += 1;
        return true;
      }
      if (!knocked(door, listener)) {
        metrics.dropped.inc();
        // Within the accept pass, which that ends: it goes on for as long as somebody comes.
        shutters.follow();
        return false;
      }
      held.hold(holds.timed(knock), (waited) => gone(listener, waited));
      return true;
    },
    /** The oldest by these listeners goes on; what its handshake took is known after the loop has done it. */
    next(listeners: readonly Listener[]): void {
      const knock = held.next(listeners);
      handshaken(door, knock?.listener ?? listeners[0]!, false);
      if (knock !== undefined) begins(door, clock.monotonicMs());
      knock?.goOn();
      vetting.another();
    },
    /** Another turn of the loop begins. */
    turns(): void {
      passed = 0;
    },
  };
}
