/**
 * Vetting: what the door makes of where somebody comes from: from an address that wastes its handshakes, or by the listener
 * for those in a call.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Door } from './door/door.ts';
import {
  areNone,
  forget,
  handshakeLed,
  isSuspectsTurn,
  noSuspects,
  othersWait,
  standsBehind,
} from './door/suspects.ts';
import type { WaitingClass } from './door/waiting-room.ts';
import type { FlowRecord } from './flow-record.ts';
import type { GatewayMetrics } from './metrics.ts';
import { createPutOff } from './put-off.ts';
import type { Knock } from './seams.ts';

/** Who waited so long for its turn and leaves did no worse than the service: it was not served. */
const PATIENT_MS = 2_000;
/** Who has not said who it is by then, although it was open, has wasted its handshake so far. */
const SILENT_MS = 2_000;
/** How much one hello by the listener for calls says of all of them. */
const INCREMENT = 0.02;
/** What they said is forgotten by half in a minute: a crowd of then takes nothing from those in a call now. */
const FORGOTTEN_PER_SECOND = 1 - 0.5 ** (1 / 60);
/** Longer than a client has patience. */
const PUT_OFF_MS = 12_000;
/** Of the places that are left, for those that are put off. */
const PLACES_SHARE = 0.25;
/** Of the flows that may be open and not set up: where others hold more, those put off stay so. */
const OPEN_SHARE = 0.75;

export function createVetting(door: Door, clock: Clock, metrics: Pick<GatewayMetrics, 'shunned'>) {
  const suspects = noSuspects();
  const putOff = createPutOff();
  /** What it has wasted by its silence is not counted once more. */
  const silentTooLong = new WeakSet<FlowRecord>();
  /** Those put off go on just now. */
  let letsOn = false;
  /** Of those who lately came by the listener for calls. */
  let inCallShare = 1;

  function led(record: FlowRecord, toSession: boolean): void {
    handshakeLed(suspects.byNetwork, record.flow.opening.address, toSession, clock.monotonicMs());
  }

  function trusted(share: number): void {
    inCallShare = share;
    door.callersTrusted = share > 0.5;
  }

  return {
    /** What the handshake of one that is in now has led to. */
    led,
    /** Whether a connection is to stand behind others; `waits`: it would not go on at once. */
    standsBehind(knock: Knock, waits: boolean): boolean {
      if (areNone(suspects)) return false;
      const asCaller = knock.listener === 'call';
      return standsBehind(suspects, knock.address(), asCaller, waits || letsOn, clock.monotonicMs());
    },
    /** False: it is closed, as too many stand there. */
    putsOff(knock: Knock, placesLeft: number): boolean {
      metrics.shunned.inc();
      if (putOff.count >= PLACES_SHARE * placesLeft) return false;
      putOff.hold(knock, clock.monotonicMs());
      return true;
    },
    /** The handshake of another begins. */
    another(): void {
      if (isSuspectsTurn(suspects)) putOff.letOn();
    },
    /** Nothing else is to be done: so many of those put off go on, where others have not come a moment ago. */
    nobodyElse(count: number): boolean {
      letsOn =
        putOff.count > 0 &&
        !othersWait(suspects, clock.monotonicMs()) &&
        door.open < OPEN_SHARE * door.openMax;
      for (let i = 0; letsOn && i < count; i++) putOff.letOn();
      return letsOn;
    },
    /** Those put off wait for something to happen. */
    puttingOff: () => putOff.count > 0,
    /** It went before it was in, by its own doing. */
    gone(record: FlowRecord): void {
      const waitedMs = clock.monotonicMs() - record.openedAtMs;
      if (record.place === 'waiting' && waitedMs >= PATIENT_MS) return;
      if (!silentTooLong.has(record)) led(record, false);
    },
    /**
     * Somebody by the listener for calls said who it is. Where most of those who come there are in none, it is one like the
     * other; and from where hardly any is in one, they stand behind others there.
     */
    judgeCaller({ flow }: FlowRecord, name: WaitingClass): void {
      const inCall = name === 'call';
      handshakeLed(suspects.callers, flow.opening.address, inCall, clock.monotonicMs());
      trusted(inCallShare + INCREMENT * ((inCall ? 1 : 0) - inCallShare));
    },
    /** @param silent who is open and has said nothing, the oldest first. */
    second(silent: Iterable<FlowRecord>): void {
      const nowMs = clock.monotonicMs();
      forget(suspects, nowMs);
      trusted(inCallShare + FORGOTTEN_PER_SECOND * (1 - inCallShare));
      putOff.endBefore(nowMs - PUT_OFF_MS);
      for (const record of silent) {
        if (nowMs - record.openedAtMs < SILENT_MS) return;
        if (silentTooLong.has(record)) continue;
        silentTooLong.add(record);
        led(record, false);
      }
    },
  };
}
