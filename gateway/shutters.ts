/**
 * Shutters: make the transport listen or not, as the door has decided.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { DoorMode } from './door/config.ts';
import { type Door, setUpsPerSecond } from './door/door.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Listener } from './seams.ts';

export interface ShuttersDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly mode: DoorMode;
  /** Begins or ends to listen; answers what holds now. */
  setListening(listener: Listener, listens: boolean): boolean;
}

const LOG_MS = 10_000;
const listeners = ['main', 'call'] as const;

export function createShutters(door: Door, { clock, log, metrics, mode, setListening }: ShuttersDeps) {
  /** A gateway without a listener for those in a call asks for one in vain, and only when it would reopen. */
  const listens = { main: true, call: true };
  let loggedAtMs = Number.NEGATIVE_INFINITY;

  function followBy(listener: Listener): void {
    const wanted = door.listening[listener];
    if (wanted === listens[listener]) return;
    if (mode === 'law') {
      listens[listener] = setListening(listener, wanted);
      if (!wanted) metrics.stoppedListening.inc({ listener });
      say(listener, wanted);
    } else {
      listens[listener] = wanted;
      if (mode === 'dry-run' && !wanted) metrics.doorWould.inc({ what: 'stop-listening' });
    }
  }

  function say(listener: Listener, wanted: boolean): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - loggedAtMs < LOG_MS) return;
    loggedAtMs = nowMs;
    const { handshakes, open } = door;
    const fields = {
      event: wanted ? 'door.listens' : 'door.shut',
      listener,
      handshakes: handshakes.main + handshakes.call,
      open,
      setUpsPerSecond: Math.round(setUpsPerSecond(door)),
    };
    if (wanted) log.info(fields, 'listening again');
    else log.info(fields, 'not listening for now: those who come would wait too long');
  }

  return {
    listens,
    follow: () => listeners.forEach(followBy),
    /** Something has to be looked at again, although nothing comes. */
    someShut: () => !(listens.main && listens.call),
  };
}
