/**
 * Calls: which sessions of this gateway are in a call, and what their resume tokens say of it.
 *
 * A token that says so brings its session back before all others, so it is sealed by the gateway that saw the call, for the
 * length of a lease, and sealed anew while the call goes on. No more than a part of the sessions may have it: who can make
 * everybody ring everybody else gains nothing.
 */

import type { Clock } from '#runtime/clock.ts';
import type { FlowRecord } from './flow-record.ts';
import { type CallFrame, callLeft, callResumed, callSeen, inCallUntilMs } from './identity/call-standing.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Authenticator, DeliveredFrame, DialectEvent, OutboundFrame } from './seams.ts';

export interface CallsDeps {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly authenticator: Authenticator;
  readonly leaseMs: number;
  /** Of all sessions, how many may have a token that says so. */
  readonly shareMax: number;
  sessionsOpen(): number;
  tell(record: FlowRecord, event: DialectEvent): void;
}

/** So many may always. */
const ALWAYS = 16;

export type Calls = ReturnType<typeof createCalls>;

export function createCalls(deps: CallsDeps) {
  const { clock, metrics, authenticator, leaseMs, shareMax, tell } = deps;
  /** Flows whose token says that they are in a call. */
  let sealed = 0;

  function sent(record: FlowRecord, { call, kind, to }: OutboundFrame): void {
    if (call === undefined) return;
    record.callAtMs = clock.monotonicMs();
    if (to.channel.startsWith('u/'))
      seen(record, { call, kind, direction: 'sent', peer: to.channel.slice(2) });
  }

  function heard(record: FlowRecord, { channel, header: { call, kind, from } }: DeliveredFrame): void {
    if (call === undefined) return;
    record.callAtMs = clock.monotonicMs();
    if (channel.startsWith('u/')) seen(record, { call, kind, direction: 'heard', peer: from.user });
  }

  function seen(record: FlowRecord, frame: CallFrame): void {
    const { session } = record;
    if (session === undefined || session.opening !== 0) return;
    const nowMs = clock.nowMs();
    record.call = callSeen(record.call, frame, session.user, nowMs);
    const untilMs = inCallUntilMs(record.call, leaseMs);
    const isOver = untilMs === 0 && record.callSealedUntilMs !== 0;
    // Sealed anew when half of the lease is over, not with every frame.
    if (isOver || untilMs > record.callSealedUntilMs + leaseMs / 2) renew(record);
  }

  /** Seals the session's token anew and tells its client. */
  function renew(record: FlowRecord): void {
    const before = record.callSealedUntilMs;
    const token = seal(record);
    if (before === 0 && record.callSealedUntilMs === 0) return;
    tell(record, { kind: 'renewed', ...token });
  }

  function seal(record: FlowRecord) {
    const { identity, id, device } = record.session!;
    const untilMs = granted(record);
    if (untilMs > 0 !== record.callSealedUntilMs > 0) sealed += untilMs > 0 ? 1 : -1;
    record.callSealedUntilMs = untilMs;
    if (untilMs === 0) return { ...authenticator.seal(identity, id, device), inCall: false };
    const inCallMs = untilMs - clock.nowMs();
    return { ...authenticator.seal(identity, id, device, untilMs), inCall: true, inCallMs };
  }

  function granted(record: FlowRecord): number {
    const untilMs = inCallUntilMs(record.call, leaseMs);
    if (untilMs <= clock.nowMs()) return 0;
    if (record.callSealedUntilMs > 0 || sealed < Math.max(ALWAYS, shareMax * deps.sessionsOpen()))
      return untilMs;
    metrics.callsNotSealed.inc();
    return 0;
  }

  return {
    sent,
    heard,
    seal,
    /** A session whose token said that it is in a call until then. */
    resumed(record: FlowRecord, untilMs: number): void {
      record.call = callResumed(Math.min(untilMs, clock.nowMs() + leaseMs), leaseMs);
    },
    ended(record: FlowRecord): void {
      if (record.callSealedUntilMs > 0) sealed -= 1;
      record.callSealedUntilMs = 0;
    },
    /** Whether its call fell silent. What its client holds runs out by itself. */
    look(record: FlowRecord, nowMs: number): void {
      if (record.call === undefined || inCallUntilMs(record.call, leaseMs) > nowMs) return;
      record.call = callLeft(record.call, leaseMs, nowMs);
      if (record.callSealedUntilMs <= nowMs) this.ended(record);
    },
    /** How many sessions have a token that says so. */
    sealed: () => sealed,
  };
}
