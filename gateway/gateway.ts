/**
 * Gateway: the hub that joins transports, dialects, sessions, delivery and the router client.
 *
 *     in    transport.received → dialect.step → session.step → log.append → answer
 *     out   router client → delivery → dialect.step → flow.send
 *
 * The spokes do not know each other. Each gives effects; this file carries them out and feeds the results back
 * as events, in the order they happened. It decides nothing that a pure core could decide.
 */

import type { Bus } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Loop } from '#runtime/loop.ts';
import type { Random } from '#runtime/random.ts';
import { labelledTally, tally } from '#runtime/tally.ts';
import type { FaultCode } from '#wire/faults.ts';
import { createAdmission, HAND_OVER_SPREAD_MS } from './admission.ts';
import { createArrivals } from './arrivals.ts';
import { createAttaching } from './attaching.ts';
import { createCalls } from './calls.ts';
import type { GatewayConfig } from './config.ts';
import { createDelivery } from './delivery/delivery.ts';
import { createDoorway } from './doorway.ts';
import { handedOver } from './drain.ts';
import { createErrands } from './errands.ts';
import type { FlowRecord } from './flow-record.ts';
import { createFlowTable } from './flow-table.ts';
import { createHearing, HEARING_TICK_MS, ticked, unreadMs } from './hearing.ts';
import type { GatewayMetrics } from './metrics.ts';
import { createOpening } from './opening.ts';
import { gatewayPolicy, sessionLimits, traceparents } from './policy.ts';
import { createRouterClient } from './router-client/router-client.ts';
import type {
  Authenticator,
  Dialect,
  DialectEffect,
  DialectEvent,
  Flow,
  IceServers,
  Opening,
  Revocations,
  SessionRequest,
  Transport,
  TransportEvents,
} from './seams.ts';
import type { Moment, SessionEffect, SessionEvent } from './session/record.ts';
import { isDueEachSecond, refusedForNow, step } from './session/session.ts';
import { createWalk } from './walk.ts';

export interface GatewayDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly loop: Loop;
  readonly random: Random;
  readonly config: GatewayConfig;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly authenticator: Authenticator;
  readonly revocations: Revocations;
  readonly iceServers: IceServers;
  /** Builds what listens to clients; it is given the hub's side of the seam. */
  transport(events: TransportEvents): Transport;
}

export interface Gateway {
  /** Announces itself to the routers and listens; resolves with the port. */
  start(): Promise<number>;
  /** Why it is not ready for clients, or `undefined`. */
  notReady(): string | undefined;
  /** Takes no new clients and hands over those it has, idle ones first; resolves when all are gone. */
  drain(): Promise<void>;
  stop(): void;
}

export function createGateway(deps: GatewayDeps): Gateway {
  const { bus, clock, config, log, metrics, authenticator, revocations, iceServers } = deps;
  const gateway = deps.random.id();
  const policy = gatewayPolicy(config, bus.log, gateway);
  const traceparent = traceparents(deps.random);
  const flows = createFlowTable({ clock, config, metrics, sayClosing, ended });
  const requests = labelledTally(metrics.requests, 'op');
  const hearing = createHearing(clock.monotonicMs());
  /** Sessions that asked to be told of absent targets. */
  const askers = new Map<string, FlowRecord>();
  let sessionsOpen = 0;
  let draining = false;
  /** Once every partition's owner knew this gateway; a bus that goes away later does not make it unready. */
  let introduced = false;

  const calls = createCalls({
    ...{ clock, metrics, authenticator, tell, sessionsOpen: () => sessionsOpen },
    leaseMs: config.GATEWAY_CALL_MS,
    shareMax: config.GATEWAY_CALL_SHARE_MAX,
  });
  const arrivals = createArrivals({
    flows,
    metrics,
    logNowMs: bus.log.nowMs,
    delivery: () => delivery,
    asker: (session) => askers.get(session),
    feed,
    tell,
    called: calls.heard,
  });
  const doorway = createDoorway({
    ...{ clock, config, metrics, log, flows, tell, loop: deps.loop, random: deps.random },
    transport: () => transport,
    opening: () => opening,
  });
  const { knocked } = doorway;
  const admission = createAdmission({
    ...{ gateway, clock, config, metrics, flows, doorway, tell, post: bus.post },
    sessionsOpen: () => sessionsOpen,
    leaving: () => draining,
  });
  const transport = deps.transport({ knocked, admit, opened, received, pinged: heard, drained, closed });
  const delivery = createDelivery({
    clock,
    log: bus.log,
    events: {
      ...arrivals,
      ready: flows.ready,
      writable: flows.writable,
      stalled: (sub) => routers.attachAgain(sub),
    },
    metrics: {
      frames: tally(metrics.frames),
      expired: metrics.expired,
      reads: metrics.reads,
      envelopeFaults: { inc: ({ error }) => metrics.nodeFaults.inc({ cause: error }) },
    },
    readsMax: config.GATEWAY_READS_MAX,
  });
  const routers = createRouterClient({
    ...{ gateway, bus, clock },
    events: { ...arrivals, announce: delivery.announce },
    metrics: { announcements: metrics.announcements, faults: metrics.nodeFaults },
  });

  const attaching = createAttaching({ delivery, routers });
  const retryAfterMs = config.GATEWAY_RETRY_MS;
  const errands = createErrands({ bus, clock, metrics, iceServers, routers, retryAfterMs, feed });

  const opening = createOpening({
    ...{ clock, authenticator, revocations, flows, metrics, log, feed, tell },
    spreadFor: admission.spreadFor,
    priorityUrl: config.GATEWAY_PRIORITY_URL,
    calls,
    random: deps.random,
    pingMs: config.GATEWAY_PING_MS,
    limits: sessionLimits(config, policy),
    welcomed(record) {
      sessionsOpen += 1;
      record.welcomed = true;
      doorway.stands(record);
    },
  });

  // The transport's side.

  function admit(candidate: Opening): FaultCode | undefined {
    const fault = draining ? 'GOING_AWAY' : doorway.fault(candidate);
    if (fault !== undefined) metrics.faults.inc({ fault });
    return fault;
  }

  function opened(flow: Flow, dialect: Dialect): void {
    const record = flows.add(flow, dialect);
    record.unreadMs = Math.max(unreadMs(hearing, clock.monotonicMs()), doorway.heldMs());
    doorway.opened(record);
    const [state, effects] = dialect.open(flow.opening, clock.nowMs());
    record.state = state;
    carryOut(record, effects);
  }

  function received(flow: Flow, data: Uint8Array, binary: boolean, sinceMs?: number): void {
    const record = heard(flow);
    if (record === undefined) return;
    if (sinceMs !== undefined) record.keptMs = record.heardAtMs - sinceMs;
    tell(record, { kind: 'message', data, binary });
    record.keptMs = 0;
  }

  /** Its record, unless it has ended or sends far too much. */
  function heard(flow: Flow): FlowRecord | undefined {
    const record = flows.get(flow.number);
    if (record === undefined || record.ended) return;
    record.heardAtMs = clock.monotonicMs();
    if (flows.floods(record)) return void flows.fail(record, 'FLOOD');
    return record;
  }

  function drained(flow: Flow): void {
    const record = flows.get(flow.number);
    if (record !== undefined) flows.wake(record, true);
  }

  function closed(flow: Flow, fault: FaultCode | undefined): void {
    const record = flows.get(flow.number);
    if (record === undefined) return;
    if (fault !== undefined) metrics.faults.inc({ fault });
    flows.end(record, false);
  }

  // The dialect's side.

  function tell(record: FlowRecord, event: DialectEvent): void {
    const [state, effects] = record.dialect.step(record.state, event, clock.nowMs());
    record.state = state;
    carryOut(record, effects);
  }

  function carryOut(record: FlowRecord, effects: readonly DialectEffect[]): void {
    for (const effect of effects) if (!record.ended) carryOutOne(record, effect);
  }

  function carryOutOne(record: FlowRecord, effect: DialectEffect): void {
    switch (effect.kind) {
      case 'send':
        return flows.send(record, effect.data);
      case 'authenticate':
        return doorway.hello(record, effect.credential, effect.sentOn === true);
      case 'open':
        return opening.openSession(record, effect);
      case 'request':
        return request(record, effect.request);
      case 'fault':
        return metrics.faults.inc({ fault: effect.fault });
      case 'timer':
        return flows.setTimer(record, effect.name, effect.afterMs, () =>
          doorway.inTime(record, () => tell(record, { kind: 'timer', name: effect.name })),
        );
      case 'close':
        return flows.fail(record, effect.fault);
      case 'leave':
        flows.end(record, true);
        return record.flow.close('BYE');
    }
  }

  function sayClosing(record: FlowRecord, fault: FaultCode, spreadMs: number): void {
    const closing = { kind: 'closing', fault, spreadMs } as const;
    const [state, effects] = record.dialect.step(record.state, closing, clock.nowMs());
    record.state = state;
    for (const effect of effects) if (effect.kind === 'send') record.flow.send(effect.data);
  }

  /** Takes the flow out of everything. The routers learn whether the session left or was lost. */
  function ended(record: FlowRecord, left: boolean): void {
    attaching.detachAll(record, left);
    doorway.ended(record);
    calls.ended(record);
    const { session } = record;
    if (session === undefined) return;
    if (record.welcomed) sessionsOpen -= 1;
    if (askers.get(session.id) === record) askers.delete(session.id);
    log.debug({ event: 'session.ended', session: session.id, left }, 'flow of a session ended');
  }

  // The session's side.

  function request(record: FlowRecord, asked: SessionRequest): void {
    const { session } = record;
    if (session === undefined) return;
    requests.inc(asked.op);
    if (asked.op === 'send') noteSend(record, asked);
    const early = flows.tooEarlyMs(record, session.user);
    if (early > 0) {
      return carryOutSession(
        record,
        refusedForNow(session, asked, 'RATE_LIMITED', Math.ceil(early), moment(record), policy),
      );
    }
    feed(record, { kind: 'request', request: asked, traceparent: traceparent() });
  }

  function noteSend(record: FlowRecord, { frame: sent }: Extract<SessionRequest, { op: 'send' }>): void {
    if (sent.call !== undefined) calls.sent(record, sent);
    if (sent.tellIfUnreachable) askers.set(record.session!.id, record);
  }

  function feed(record: FlowRecord, event: SessionEvent): void {
    if (record.session === undefined || record.ended) return;
    carryOutSession(record, step(record.session, event, moment(record), policy));
  }

  function moment({ keptMs, unreadMs: atFirstMs }: FlowRecord): Moment {
    const monotonicMs = clock.monotonicMs();
    return {
      ...{ monotonicMs, keptMs, nowMs: clock.nowMs(), logMs: bus.log.nowMs(), busUp: bus.post.connected },
      // What the transport has kept came with the first words.
      unreadMs: Math.max(unreadMs(hearing, monotonicMs), keptMs > 0 ? atFirstMs : 0),
    };
  }

  function carryOutSession(record: FlowRecord, effects: readonly SessionEffect[]): void {
    for (const effect of effects) if (!record.ended) carryOutSessionOne(record, effect);
  }

  function carryOutSessionOne(record: FlowRecord, effect: SessionEffect): void {
    switch (effect.kind) {
      case 'attach':
        return attaching.attach(record, effect);
      case 'detach':
        return attaching.detach(record, effect);
      case 'stands':
        return feed(record, attaching.standing(record, effect));
      case 'welcome':
        return opening.welcome(record);
      case 'append':
        return errands.append(record, effect);
      case 'publish':
        return errands.publish(effect);
      case 'answer':
        return tell(record, { kind: 'answered', id: effect.id, answer: effect.answer });
      case 'forget':
        return;
      case 'authenticate':
        return opening.authenticate(effect.credential, (result) =>
          feed(record, { kind: 'refreshed', id: effect.id, result }),
        );
      case 'renew':
        return tell(record, { kind: 'renewed', ...calls.seal(record) });
      case 'state':
        return errands.setPresence(record, effect.state);
      case 'members':
        return errands.members(record, effect.id, effect.channel);
      case 'ice':
        return errands.ice(record, effect.id);
      case 'fault':
        return metrics.faults.inc({ fault: effect.fault });
      case 'close':
        return flows.fail(record, effect.fault);
    }
  }

  // The life of the gateway.

  function everySecond(): void {
    metrics.sessions.set(sessionsOpen);
    doorway.second();
    walk.second();
    metrics.sessionsInCall.set(calls.sealed());
    metrics.partitionsRegistered.set(routers.registered());
    metrics.busUp.set(bus.post.connected ? 1 : 0);
  }

  function lookAt(record: FlowRecord, nowMs: number): void {
    calls.look(record, nowMs);
    if (record.session !== undefined && isDueEachSecond(record.session, nowMs))
      feed(record, { kind: 'second' });
  }

  const walk = createWalk(clock, flows.all, lookAt);
  const cancels: (() => void)[] = [];
  return {
    async start() {
      routers.start();
      admission.start();
      revocations.watch(opening.dropRevokedSoon);
      cancels.push(
        clock.every(1_000, everySecond),
        clock.every(HEARING_TICK_MS, () => ticked(hearing, clock.monotonicMs())),
      );
      const { main: port, call: priorityPort } = await transport.listen();
      log.info({ event: 'gateway.started', gateway, port, priorityPort }, 'listening to clients');
      return port;
    },
    notReady() {
      if (draining) return 'draining';
      introduced ||= routers.registered() === bus.log.partitions;
      if (!introduced) return 'not every partition has a router that knows this gateway yet';
      if (flows.size >= config.GATEWAY_FLOWS_MAX) return 'full';
      return undefined;
    },
    async drain() {
      draining = true;
      transport.stopListening();
      admission.saysLeaving();
      const sessions = await handedOver([...flows.all()], clock, config.GATEWAY_DRAIN_MS, (record) =>
        flows.close(record, 'GOING_AWAY', HAND_OVER_SPREAD_MS),
      );
      log.info({ event: 'gateway.drained', sessions }, 'all sessions handed over');
    },
    stop() {
      for (const cancel of cancels) cancel();
      doorway.stop();
      admission.stop();
      for (const record of [...flows.all()]) flows.close(record, 'GOING_AWAY', admission.gatewayMs());
      routers.flush();
      routers.stop();
      transport.close();
    },
  };
}
