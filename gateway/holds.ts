/**
 * Holds: for how long connections were held of late before they went on.
 *
 * What a client writes into a connection that is held waits in the kernel. A WebSocket's client has nothing to say before
 * it is welcomed; the first poll of a flow brings sends, which say how old they were when they were written.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Knock } from './seams.ts';

/** What a connection brings first is read within so long after it went on: its TLS handshake lies between. */
const READ_MS = 2_000;

export function createHolds(clock: Clock) {
  let ms = 0;
  let untilMs = Number.NEGATIVE_INFINITY;

  return {
    /** The same connection, whose hold begins now. */
    timed(knock: Knock): Knock {
      const sinceMs = clock.monotonicMs();
      return {
        listener: knock.listener,
        address: () => knock.address(),
        hold: (gone) => knock.hold(gone),
        goOn() {
          const nowMs = clock.monotonicMs();
          ms = Math.max(nowMs < untilMs ? ms : 0, nowMs - sinceMs);
          untilMs = nowMs + READ_MS;
          knock.goOn();
        },
        close: () => knock.close(),
      };
    },
    /** Nobody whose first words are read now was held for longer. */
    longestMs: () => (clock.monotonicMs() < untilMs ? ms : 0),
  };
}
