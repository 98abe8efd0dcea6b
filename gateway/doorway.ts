/**
 * Doorway: between the transport and the door on one side, flows and their opening on the other.
 *
 * Makes the door's policy out of the configuration, says of each `hello` in which class it waits, and sets it up when its
 * turn has come. A resume token is opened at once, since the class stands in it; the signature of a token is checked in turn.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Loop } from '#runtime/loop.ts';
import type { Random } from '#runtime/random.ts';
import { tally } from '#runtime/tally.ts';
import type { DoorNews } from '#wire/admission.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { GatewayConfig } from './config.ts';
import { type CallTokens, presented, returned, sealOf, used } from './door/call-tokens.ts';
import { measuredCosts } from './door/costs.ts';
import { type DoorPolicy, HANDSHAKE_SHARE, PATIENCE_SHARE } from './door/door.ts';
import { type DoorLook, looked, noDrain } from './door/drain-progress.ts';
import { noLimit, setUpTooEarlyMs } from './door/set-up-limits.ts';
import type { WaitingClass } from './door/waiting-room.ts';
import { createDoorkeeper } from './doorkeeper.ts';
import type { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { OpeningSteps } from './opening.ts';
import type { Credential, DialectEvent, Identity, Opening, Transport } from './seams.ts';

export interface DoorwayDeps {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly random: Random;
  readonly log: Logger;
  readonly config: GatewayConfig;
  readonly metrics: GatewayMetrics;
  readonly flows: FlowTable;
  transport(): Transport;
  opening(): OpeningSteps;
  tell(record: FlowRecord, event: DialectEvent): void;
}

export type Doorway = ReturnType<typeof createDoorway>;

/** Clients sent on come within this time, so that not all knock at once. */
const SENT_ON_MS = 250;
/** How often it is looked whether there is time to send the silent away. */
const SILENT_LOOK_MS = 2_500;

export function createDoorway(deps: DoorwayDeps) {
  const { clock, random, config, metrics, flows, tell } = deps;
  const limits = { perUser: noLimit(), perAddress: noLimit() };
  const limited = { perUser: 0, perAddress: 0 };
  const wouldLimit = { perUser: 0, perAddress: 0 };
  const callTokens: CallTokens = new Map();
  let limitsRevision = 0;
  /** Who came with a token that had brought somebody in already: each of them puts out the one before. */
  const copies = new Set<FlowRecord>();
  const openings = tally(metrics.doorOpened);
  let drain = noDrain(clock.monotonicMs());
  /** The flow that is just being sent away. */
  let sent: FlowRecord | undefined;
  const dryRun = { perUser: false, perAddress: false };
  const keeper = createDoorkeeper({
    ...{ clock, metrics, loop: deps.loop, log: deps.log, policy: doorPolicy(config) },
    mode: config.GATEWAY_DOOR,
    handshakesPerTurn: HANDSHAKES_PER_TURN[kindOf(config)],
    refuseOver: config.GATEWAY_REFUSE_OVER,
    placesLeft: (held) =>
      Math.min(config.GATEWAY_FLOWS_MAX - flows.size - held, deps.transport().socketsLeft()),
    setListening: (listener, listens) => deps.transport().setListening(listener, listens),
    // A poll that waits stands there to be answered, and an answer would send its client elsewhere.
    tellWait: (record, etaMs, ahead) =>
      isPoll(record) ? pollWaits(record, etaMs, ahead) : tell(record, { kind: 'waiting', etaMs, ahead }),
    silent: (record) => flows.fail(record, 'NO_HELLO'),
  });

  function fault(opening: Opening): FaultCode | undefined {
    return flows.admissionFault(opening) ?? (keeper.refuses() ? 'BUSY' : undefined);
  }

  // Who says hello.

  /**
   * The credential of a flow: it waits for its turn to be checked; once it is in, it is checked at once.
   *
   * @param sentOn from another gateway, where it waited: here it stays.
   */
  function hello(record: FlowRecord, credential: Credential, sentOn: boolean): void {
    const opening = deps.opening();
    if (record.place !== 'silent')
      return opening.authenticate(credential, (who) => opening.authenticated(record, who));
    if (tooMany(record, 'perAddress', record.flow.opening.address)) return;
    if (credential.scheme === 'resume')
      return opening.authenticate(credential, (who) => resumes(record, credential.token, sentOn, who));
    keeper.hello({
      record,
      name: otherClass(record, 'fresh'),
      needsCredit: true,
      movable: !sentOn && !isPoll(record),
      setUp: () => opening.authenticate(credential, (who) => comes(record, who)),
    });
  }

  function resumes(record: FlowRecord, token: string, sentOn: boolean, who: Identity | FaultCode): void {
    if (record.ended) return;
    if (typeof who === 'string') return deps.opening().authenticated(record, who);
    const inCall = who.resumes?.inCallUntil !== undefined && claimsCall(record, token);
    keeper.hello({
      record,
      name: inCall ? 'call' : otherClass(record, 'resume'),
      needsCredit: false,
      movable: !sentOn && !isPoll(record),
      setUp: () => comes(record, who),
    });
  }

  /** Whoever is not in a call is served last where those in a call are expected. */
  function otherClass(record: FlowRecord, name: 'resume' | 'fresh'): WaitingClass {
    if (record.flow.opening.listener !== 'call') return record.dialect.stockClients ? 'stock' : name;
    metrics.faults.inc({ fault: 'NOT_IN_CALL' });
    return 'pretender';
  }

  /** Whether its token brings this flow before the others: each does so for one, and once. */
  function claimsCall(record: FlowRecord, token: string): boolean {
    const seal = sealOf(token);
    const verdict = presented(callTokens, seal, record.flow.number);
    if (verdict.kind !== 'first') metrics.faults.inc({ fault: 'CALL_REPLAYED' });
    if (verdict.kind === 'replayed') {
      copies.add(record);
      return false;
    }
    record.callSeal = seal;
    const before = verdict.kind === 'again' ? flows.get(verdict.before) : undefined;
    if (before !== undefined) flows.fail(before, 'REPLACED');
    return true;
  }

  function comes(record: FlowRecord, who: Identity | FaultCode): void {
    if (record.ended || (typeof who !== 'string' && tooMany(record, 'perUser', who.user))) return;
    deps.opening().authenticated(record, who);
  }

  /** Whether this set-up is one too many; it was told when to come again then. */
  function tooMany(record: FlowRecord, name: 'perUser' | 'perAddress', key: string): boolean {
    const earlyMs = setUpTooEarlyMs(limits[name], key, clock.monotonicMs());
    if (earlyMs === 0) return false;
    (dryRun[name] ? wouldLimit : limited)[name] += 1;
    if (dryRun[name]) metrics.doorWould.inc({ what: 'limit' });
    else sendOn(record, 'TOO_MANY_SET_UPS', earlyMs, undefined);
    return !dryRun[name];
  }

  function sendOn(record: FlowRecord, why: FaultCode, afterMs: number, url: string | undefined): void {
    metrics.sentOn.inc({ why });
    tell(record, { kind: 'sentOn', afterMs, url });
    sendAway(record);
    record.flow.close(why, afterMs);
  }

  function sendAway(record: FlowRecord): void {
    sent = record;
    flows.end(record, false);
    sent = undefined;
  }

  /** A poll is held for a while; whom that would not do is told by HTTP when to come again. */
  function pollWaits(record: FlowRecord, etaMs: number, ahead: number): void {
    if (etaMs <= config.POLL_HOLD_MS / 2) return;
    metrics.sentOn.inc({ why: 'BUSY' });
    sendAway(record);
    record.flow.close('BUSY', etaMs, ahead);
  }

  // What routers say, and are told.

  function heard(news: DoorNews): void {
    keeper.credited(news);
    for (const { url, clients } of news.moves ?? [])
      for (const record of keeper.givenUp(clients))
        sendOn(record, 'SENT_ON', Math.floor(random.draw() * SENT_ON_MS), url);
    if (news.limits === undefined) return;
    limitsRevision = news.limits.revision;
    for (const name of ['perUser', 'perAddress'] as const) {
      limits[name].perMinute = news.limits[name]?.value;
      dryRun[name] = news.limits[name]?.dryRun === true;
    }
  }

  /** What a load report says of the door. */
  function report() {
    const { silent, waitMaxMs: _, ...state } = keeper.state();
    return {
      ...state,
      ...(config.GATEWAY_URL !== undefined && { url: config.GATEWAY_URL }),
      ...(config.GATEWAY_PRIORITY_URL !== undefined && { priorityUrl: config.GATEWAY_PRIORITY_URL }),
      limited: { ...state.limited, ...limited },
      wouldLimit: { ...state.wouldLimit, ...wouldLimit },
      limits: limitsRevision,
    };
  }

  function second(): void {
    keeper.second();
    const state = keeper.state();
    const { handshakes, setUpsPerSecond, workMs, waitMaxMs, waiting, silent, listening, credits } = state;
    showDrain({ ...state, listens: listening.main });
    metrics.doorHandshakes.set(handshakes);
    metrics.doorSetUpsPerSecond.set(setUpsPerSecond);
    metrics.doorWorkSeconds.set(workMs / 1_000);
    metrics.doorWaitMax.set(waitMaxMs / 1_000);
    for (const [name, count] of Object.entries(waiting)) metrics.doorWaiting.set({ class: name }, count);
    metrics.doorWaiting.set({ class: 'silent' }, silent);
    metrics.listening.set({ listener: 'main' }, listening.main ? 1 : 0);
    metrics.listening.set({ listener: 'call' }, listening.call ? 1 : 0);
    for (const kind of ['fresh', 'all'] as const) metrics.doorCredits.set({ kind }, credits[kind] ?? 0);
  }

  function showDrain(look: DoorLook): void {
    const nowMs = clock.monotonicMs();
    drain = looked(drain, look, nowMs);
    metrics.drainSeconds.set((nowMs - (drain.beganAtMs ?? nowMs)) / 1_000);
    metrics.drainAdmitted.set(drain.admitted);
    metrics.drainAllowed.set(drain.allowed);
  }

  function opened(record: FlowRecord): void {
    openings.inc();
    keeper.opened(record);
  }

  function stands(record: FlowRecord): void {
    keeper.stands(record, !copies.delete(record));
    if (record.callSeal !== undefined) used(callTokens, record.callSeal);
  }

  function ended(record: FlowRecord): void {
    keeper.ended(record, record === sent);
    copies.delete(record);
    if (record.callSeal !== undefined) returned(callTokens, record.callSeal, record.flow.number);
  }

  /**
   * The time of a flow is up. Where it has said nothing and others wait, that can wait too: sent away it would be back at
   * once, for another handshake, and where it is it costs a socket.
   */
  function inTime(record: FlowRecord, act: () => void): void {
    if (record.place !== 'silent' || !keeper.busy()) return act();
    flows.setTimer(record, 'inTime', SILENT_LOOK_MS, () => inTime(record, act));
  }

  const { knocked, busy, stop, heldMs } = keeper;
  return { knocked, heldMs, inTime, opened, stands, ended, busy, stop, fault, hello, heard, report, second };
}

function isPoll(record: FlowRecord): boolean {
  return record.flow.opening.transport === 'poll';
}

/** As uWebSockets.js asks the kernel for. */
const ACCEPT_QUEUE_MAX = 512;
/**
 * Handshakes of a turn of the loop. Under TLS uWebSockets.js reads five pieces of handshakes in a turn, the newest first, and each
 * handshake has two: with two in a turn none has to wait there.
 */
const HANDSHAKES_PER_TURN = { tls: 2, plain: 16 };

function kindOf(config: GatewayConfig): 'plain' | 'tls' {
  return config.GATEWAY_TLS_CERT_FILE === undefined ? 'plain' : 'tls';
}

function doorPolicy(config: GatewayConfig): DoorPolicy {
  const { handshakeMs, setUpMs } = measuredCosts(kindOf(config));
  return {
    ...{ handshakeMs, setUpMs },
    patienceMs: config.GATEWAY_PATIENCE_MS,
    patienceShare: PATIENCE_SHARE,
    speed: 1,
    handshakeShare: HANDSHAKE_SHARE,
    acceptQueueMax: ACCEPT_QUEUE_MAX,
    openMax: config.GATEWAY_OPEN_MAX,
    ceiling: undefined,
  };
}
