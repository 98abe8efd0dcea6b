/**
 * Vetting: what the door makes of where somebody comes from: from an address that wastes its handshakes, or by the listener
 * for those in a call.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Door } from './door/door.ts';
import { forget, handshakeLed, isShunned, noSuspects } from './door/suspects.ts';
import type { WaitingClass } from './door/waiting-room.ts';
import type { FlowRecord } from './flow-record.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Knock } from './seams.ts';

/** Who waited so long for its turn and leaves did no worse than the service: it was not served. */
const PATIENT_MS = 2_000;
/** How much one hello by the listener for calls says of all of them. */
const INCREMENT = 0.02;

export function createVetting(door: Door, clock: Clock, metrics: Pick<GatewayMetrics, 'shunned'>) {
  const suspects = noSuspects();
  /** Of those who lately came by the listener for calls. */
  let inCallShare = 1;
  return {
    /** Whether a connection is not taken, others being there to be served. */
    shuns(knock: Knock): boolean {
      if (suspects.byAddress.size === 0 || !isShunned(suspects, knock.address(), clock.monotonicMs()))
        return false;
      metrics.shunned.inc();
      return true;
    },
    /** What a handshake led to. */
    led(record: FlowRecord, toSession: boolean): void {
      handshakeLed(suspects, record.flow.opening.address, toSession, clock.monotonicMs());
    },
    /** It went before it was in, by its own doing. */
    gone(record: FlowRecord): void {
      const waitedMs = clock.monotonicMs() - record.openedAtMs;
      if (record.place !== 'waiting' || waitedMs < PATIENT_MS) this.led(record, false);
    },
    /** Where most of those who come to the listener for calls are in none, it is one like the other. */
    judgeCallers(name: WaitingClass): void {
      inCallShare += INCREMENT * ((name === 'call' ? 1 : 0) - inCallShare);
      door.callersTrusted = inCallShare > 0.5;
    },
    second: () => forget(suspects, clock.monotonicMs()),
  };
}
