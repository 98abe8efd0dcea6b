/**
 * Gateway: the hub that joins transports, dialects, sessions, delivery and the router client.
 *
 *     in    transport.received → dialect.step → session.step → log.append → answer
 *     out   router client → delivery → dialect.step → flow.send
 *
 * The spokes do not know each other. Each gives effects; this file carries them out and feeds the results back
 * as events, in the order they happened. It decides nothing that a pure core could decide.
 */

import { type Appended, type Bus, BusUnavailable } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import { partitionOf } from '#wire/channels.ts';
import { type FaultCode, faultDefinition } from '#wire/faults.ts';
import type { Spread } from '#wire/messages.ts';
import type { Attached, ControlEvent, DeliverySection, PartitionAnswer, PresenceEvent } from '#wire/nodes.ts';
import { volatileSubject } from '#wire/subjects.ts';
import type { GatewayConfig } from './config.ts';
import { createDelivery } from './delivery/delivery.ts';
import type { Subscription } from './delivery/subscription.ts';
import { createMeters } from './door/meters.ts';
import { handOverOrder } from './drain.ts';
import { FlowRecord } from './flow-record.ts';
import type { GatewayMetrics } from './metrics.ts';
import { gatewayPolicy, meterPace, sessionLimits, traceparents } from './policy.ts';
import { createRouterClient } from './router-client/router-client.ts';
import type {
  Attachment,
  Authenticator,
  Credential,
  DeliveredFrame,
  Dialect,
  DialectEffect,
  DialectEvent,
  Flow,
  IceServers,
  Identity,
  Opening,
  Revocations,
  SessionRequest,
  Transport,
  TransportEvents,
} from './seams.ts';
import { type Moment, Session, type SessionEffect, type SessionEvent } from './session/record.ts';
import { refusedForNow, step } from './session/session.ts';

export interface GatewayDeps {
  readonly bus: Bus;
  readonly clock: Clock;
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

const AGAIN_MS = 200;

export function createGateway(deps: GatewayDeps): Gateway {
  const { bus, clock, config, log, metrics, authenticator, revocations, iceServers } = deps;
  const gateway = deps.random.id();
  const policy = gatewayPolicy(config, bus.log, gateway);
  const limits = sessionLimits(config, policy);
  const spread: Spread = { gatewayMs: config.SPREAD_GATEWAY_MS, fleetMs: config.SPREAD_FLEET_MS };
  const traceparent = traceparents(deps.random);
  const flows = new Map<number, FlowRecord>();
  /** Sessions that asked to be told of absent targets. */
  const askers = new Map<string, FlowRecord>();
  const users = createMeters(
    meterPace(config.GATEWAY_USER_MESSAGES_PER_SECOND, config.GATEWAY_USER_MESSAGES_BURST),
  );
  const addresses = createMeters(
    meterPace(config.GATEWAY_ADDRESS_MESSAGES_PER_SECOND, config.GATEWAY_ADDRESS_MESSAGES_BURST),
  );
  const sessionsOpen = { count: 0 };
  let draining = false;

  const transport = deps.transport({ admit, opened, received, drained, closed });
  const delivery = createDelivery({
    log: bus.log,
    events: { frame, standing, gap, ready, writable, stalled: (sub) => routers.attachAgain(sub) },
    metrics: {
      frames: metrics.frames,
      expired: metrics.expired,
      reads: metrics.reads,
      envelopeFaults: { inc: ({ error }) => metrics.nodeFaults.inc({ cause: error }) },
    },
    readsMax: config.GATEWAY_READS_MAX,
  });
  const routers = createRouterClient({
    gateway,
    partitions: bus.log.partitions,
    post: bus.post,
    leases: bus.leases,
    clock,
    events: { announce: delivery.announce, attached, section },
    metrics: { announcements: metrics.announcements, faults: metrics.nodeFaults },
  });

  // The transport's side.

  function admit(opening: Opening): FaultCode | undefined {
    const fault = admissionFault(opening);
    if (fault !== undefined) metrics.faults.inc({ fault });
    return fault;
  }

  function admissionFault(opening: Opening): FaultCode | undefined {
    if (draining) return 'GOING_AWAY';
    if (flows.size >= config.GATEWAY_FLOWS_MAX) return 'BUSY';
    return addresses.flowsOf(opening.address) >= config.GATEWAY_FLOWS_PER_ADDRESS_MAX
      ? 'TOO_MANY_FLOWS'
      : undefined;
  }

  function opened(flow: Flow, dialect: Dialect): void {
    const record = new FlowRecord(flow, dialect);
    flows.set(flow.number, record);
    addresses.flowOpened(flow.opening.address);
    metrics.connections.inc({ dialect: dialect.name });
    record.heardAtMs = clock.monotonicMs();
    const [state, effects] = dialect.open(flow.opening, clock.nowMs());
    record.state = state;
    carryOut(record, effects);
  }

  function received(flow: Flow, data: Uint8Array, binary: boolean): void {
    const record = flows.get(flow.number);
    if (record === undefined || record.ended) return;
    record.heardAtMs = clock.monotonicMs();
    tell(record, { kind: 'message', data, binary });
  }

  function drained(flow: Flow): void {
    const record = flows.get(flow.number);
    if (record !== undefined) wake(record, true);
  }

  function closed(flow: Flow, fault: FaultCode | undefined): void {
    const record = flows.get(flow.number);
    if (record === undefined) return;
    if (fault !== undefined && !record.ended) metrics.faults.inc({ fault });
    end(record, false);
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
        return send(record, effect.data);
      case 'authenticate':
        return authenticate(effect.credential, (who) => authenticated(record, who));
      case 'open':
        return openSession(record, effect);
      case 'request':
        return request(record, effect.request);
      case 'fault':
        return metrics.faults.inc({ fault: effect.fault });
      case 'timer':
        return setTimer(record, effect.name, effect.afterMs);
      case 'close':
        metrics.faults.inc({ fault: effect.fault });
        return close(record, effect.fault);
      case 'leave':
        end(record, true);
        return record.flow.close('BYE');
    }
  }

  function send(record: FlowRecord, data: string | Uint8Array): void {
    record.flow.send(data);
    if (record.flow.unsentBytes() <= config.GATEWAY_OUTBOX_BYTES_MAX) return;
    metrics.faults.inc({ fault: 'SLOW_CONSUMER' });
    close(record, 'SLOW_CONSUMER');
  }

  function setTimer(record: FlowRecord, name: string, afterMs: number | undefined): void {
    record.timers ??= new Map();
    record.timers.get(name)?.();
    record.timers.delete(name);
    if (afterMs === undefined) return;
    const cancel = clock.after(afterMs, () => {
      record.timers?.delete(name);
      if (!record.ended) tell(record, { kind: 'timer', name });
    });
    record.timers.set(name, cancel);
  }

  /** Says why in the dialect's words, then closes. */
  function close(record: FlowRecord, fault: FaultCode, spreadMs = spreadAfter(fault, spread)): void {
    if (record.ended) return;
    const [state, effects] = record.dialect.step(
      record.state,
      { kind: 'closing', fault, spreadMs },
      clock.nowMs(),
    );
    record.state = state;
    for (const effect of effects) if (effect.kind === 'send') record.flow.send(effect.data);
    end(record, false);
    record.flow.close(fault);
  }

  /** Takes the flow out of everything. The routers learn whether the session left or was lost. */
  function end(record: FlowRecord, left: boolean): void {
    if (flows.get(record.flow.number) !== record) return;
    record.ended = true;
    flows.delete(record.flow.number);
    for (const sub of record.subscriptions) detach(sub, left);
    record.subscriptions = [];
    for (const cancel of record.timers?.values() ?? []) cancel();
    wake(record, false);
    metrics.connections.dec({ dialect: record.dialect.name });
    addresses.flowClosed(record.flow.opening.address);
    const { session } = record;
    if (session === undefined) return;
    users.flowClosed(session.user);
    if (session.opening === 0) sessionsOpen.count -= 1;
    if (askers.get(session.id) === record) askers.delete(session.id);
    log.debug({ event: 'session.ended', session: session.id, left }, 'flow of a session ended');
  }

  // Who the client is.

  function authenticate(credential: Credential, then: (who: Identity | FaultCode) => void): void {
    const checked = (who: Identity | FaultCode) =>
      then(typeof who !== 'string' && revocations.revoked(who, who.resumes?.session) ? 'REVOKED' : who);
    const who = authenticator.authenticate(credential);
    if (who instanceof Promise) who.then(checked, () => then('AUTH_UNAVAILABLE'));
    else checked(who);
  }

  function authenticated(record: FlowRecord, who: Identity | FaultCode): void {
    if (record.ended) return;
    if (typeof who === 'string') {
      metrics.faults.inc({ fault: who });
      return close(record, who);
    }
    record.identity = who;
    tell(record, { kind: 'authenticated', user: who.user });
  }

  function openSession(record: FlowRecord, effect: Extract<DialectEffect, { kind: 'open' }>): void {
    const { identity } = record;
    if (identity === undefined || record.session !== undefined) return;
    const id = identity.resumes?.session ?? deps.random.id();
    const device = identity.resumes?.device ?? effect.device ?? deps.random.id();
    record.session = new Session(record.flow.number, identity, id, device, effect.mode);
    users.flowOpened(identity.user);
    feed(record, { kind: 'open', cursors: effect.cursors });
    tellWaiting(record);
  }

  /** Until its session stands, the client is told that it waits. */
  function tellWaiting(record: FlowRecord): void {
    const cancel = clock.after(WAIT_TOLD_MS, () => {
      if (record.ended || record.session?.opening === 0) return;
      tell(record, { kind: 'waiting', etaMs: WAIT_TOLD_MS, ahead: 0 });
      tellWaiting(record);
    });
    record.timers ??= new Map();
    record.timers.set(WAITING, cancel);
  }

  // The session's side.

  function request(record: FlowRecord, asked: SessionRequest): void {
    const { session } = record;
    if (session === undefined) return;
    metrics.requests.inc({ op: asked.op });
    if (asked.op === 'send') noteSend(record, asked);
    const nowMs = clock.monotonicMs();
    const early = users.metered(session.user, nowMs) || addresses.metered(record.flow.opening.address, nowMs);
    if (early > 0) {
      return carryOutSession(
        record,
        refusedForNow(session, asked, 'RATE_LIMITED', Math.ceil(early), moment(), policy),
      );
    }
    feed(record, { kind: 'request', request: asked, traceparent: traceparent() });
  }

  function noteSend(record: FlowRecord, { frame: sent }: Extract<SessionRequest, { op: 'send' }>): void {
    if (sent.call !== undefined) record.callAtMs = clock.monotonicMs();
    if (sent.tellIfUnreachable) askers.set(record.session!.id, record);
  }

  function feed(record: FlowRecord, event: SessionEvent): void {
    if (record.session === undefined || record.ended) return;
    carryOutSession(record, step(record.session, event, moment(), policy));
  }

  function moment(): Moment {
    return {
      nowMs: clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
      logMs: bus.log.nowMs(),
      busUp: bus.post.connected,
    };
  }

  function carryOutSession(record: FlowRecord, effects: readonly SessionEffect[]): void {
    for (const effect of effects) if (!record.ended) carryOutSessionOne(record, effect);
  }

  function carryOutSessionOne(record: FlowRecord, effect: SessionEffect): void {
    switch (effect.kind) {
      case 'attach':
        return attach(record, effect);
      case 'detach':
        return detachChannel(record, effect);
      case 'welcome':
        return welcome(record);
      case 'append':
        return append(record, effect);
      case 'publish': {
        metrics.published.inc();
        const subject = volatileSubject(partitionOf(effect.channel, bus.log.partitions), effect.channel);
        return void bus.post.publish(subject, effect.data);
      }
      case 'answer':
        return tell(record, { kind: 'answered', id: effect.id, answer: effect.answer });
      case 'forget':
        return;
      case 'authenticate':
        return authenticate(effect.credential, (result) =>
          feed(record, { kind: 'refreshed', id: effect.id, result }),
        );
      case 'renew': {
        const sealed = authenticator.seal(
          record.session!.identity,
          record.session!.id,
          record.session!.device,
        );
        return tell(record, { kind: 'renewed', ...sealed });
      }
      case 'state':
        return setPresence(record, effect.state);
      case 'members':
        return members(record, effect.id, effect.channel);
      case 'ice': {
        const servers = iceServers.iceServersFor(record.session!.user);
        const answer = servers === undefined ? iceUnavailable : { ok: true as const, ...servers };
        return feed(record, { kind: 'served', id: effect.id, answer });
      }
      case 'fault':
        return metrics.faults.inc({ fault: effect.fault });
      case 'close':
        return close(record, effect.fault);
    }
  }

  function append(record: FlowRecord, effect: Extract<SessionEffect, { kind: 'append' }>): void {
    const { channel, id, messageId, data, ttlMs } = effect;
    const partition = partitionOf(channel, bus.log.partitions);
    const startMs = clock.monotonicMs();
    const answered = (outcome: Appended): void => {
      metrics.appended.inc({ outcome: outcome.kind });
      if (outcome.kind === 'stored') metrics.appendSeconds.observe((clock.monotonicMs() - startMs) / 1000);
      feed(record, { kind: 'appended', channel, id, outcome });
    };
    const write = () => bus.log.append({ partition, channel, messageId, data, ttlMs }, answered);
    if (effect.again) clock.after(AGAIN_MS, write);
    else write();
  }

  function welcome(record: FlowRecord): void {
    const session = record.session!;
    const sealed = authenticator.seal(session.identity, session.id, session.device);
    sessionsOpen.count += 1;
    metrics.opened.inc({ how: session.resumed ? 'resumed' : 'fresh' });
    record.timers?.get(WAITING)?.();
    record.timers = undefined;
    const { user, device, resumed, cursors } = session;
    const pingMs = config.GATEWAY_PING_MS;
    tell(record, {
      kind: 'opened',
      welcome: { session: session.id, user, device, resumed, ...sealed, spread, pingMs, cursors, limits },
    });
    session.cursors = [];
    log.debug({ event: 'session.opened', session: session.id, resumed }, 'session opened');
    wake(record, true);
  }

  function setPresence(record: FlowRecord, state: string): void {
    record.presence = state;
    for (const sub of record.subscriptions) {
      if (sub.watch) continue;
      sub.state = state;
      routers.setState(sub);
    }
  }

  function members(record: FlowRecord, id: string, channel: string): void {
    routers.members(channel).then(
      ({ members: present, truncated }) =>
        feed(record, { kind: 'served', id, answer: { ok: true, members: present, truncated } }),
      (error) => {
        if (!(error instanceof BusUnavailable)) throw error;
        metrics.faults.inc({ fault: 'UNAVAILABLE' });
        const retryAfterMs = config.GATEWAY_RETRY_MS;
        feed(record, { kind: 'served', id, answer: { ok: false, fault: 'UNAVAILABLE', retryAfterMs } });
      },
    );
  }

  // Attaching.

  function attach(record: FlowRecord, effect: Extract<SessionEffect, { kind: 'attach' }>): void {
    const { id: session, user, device, flow, mode } = record.session!;
    const { channel, watch, from } = effect;
    const own = !watch && channel === `u/${user}` ? mode : undefined;
    const state = watch ? undefined : record.presence;
    const sub = delivery.add({ channel, flow, session, user, device, watch, mode: own, state }, from);
    record.subscriptions.push(sub);
    routers.attach(sub);
  }

  function detachChannel(record: FlowRecord, { channel, watch }: { channel: string; watch: boolean }): void {
    const at = record.subscriptions.findIndex((sub) => sub.channel === channel && sub.watch === watch);
    if (at >= 0) detach(record.subscriptions.splice(at, 1)[0]!, true);
  }

  function detach(sub: Subscription, left: boolean): void {
    delivery.remove(sub);
    routers.detach(sub, left);
  }

  function attached(
    attachment: Attachment,
    answer: Extract<PartitionAnswer, { term: number }>,
    item: Attached,
  ): void {
    const sub = attachment as Subscription;
    const record = flows.get(sub.flow);
    if (record === undefined || sub.phase === 'gone') return;
    if (item.fault !== undefined) {
      metrics.faults.inc({ fault: item.fault });
      return feed(record, { kind: 'attachRefused', fault: item.fault });
    }
    if (item.order !== undefined) sub.order = item.order;
    if (item.state !== undefined) keptPresence(record, item.state);
    if (item.superseded !== undefined) feed(record, { kind: 'superseded', mode: item.superseded });
    const { epoch, head, floor } = answer;
    if (!record.ended) delivery.attached(sub, { epoch, head, floor, last: item.last });
  }

  /** A resumed session keeps the presence state it had. */
  function keptPresence(record: FlowRecord, state: string): void {
    if (record.presence !== undefined) return;
    record.presence = state;
    for (const sub of record.subscriptions) if (!sub.watch) sub.state = state;
  }

  // Delivering.

  function section(arrived: DeliverySection, epoch: string, envelopes: Uint8Array, offset: number): number {
    const end = delivery.deliver(arrived, epoch, envelopes, offset);
    for (const event of arrived.presence ?? []) presenceChanged(event);
    for (const event of arrived.control ?? []) controlled(event);
    return end;
  }

  function frame(flow: number, delivered: DeliveredFrame): void {
    const record = flows.get(flow);
    if (record === undefined) return;
    if (delivered.header.call !== undefined) record.callAtMs = clock.monotonicMs();
    tell(record, { kind: 'frame', frame: delivered });
  }

  function standing(sub: Subscription, cursor: { channel: string; epoch: string; position: number }): void {
    const record = flows.get(sub.flow);
    if (record !== undefined)
      feed(record, { kind: 'attached', channel: sub.channel, watch: sub.watch, cursor });
  }

  function gap(
    sub: Subscription,
    { epoch, from, to }: { epoch: string; from: number; to: number },
    ahead: boolean,
  ): void {
    metrics.gaps.inc();
    if (ahead) metrics.faults.inc({ fault: 'CURSOR_AHEAD' });
    const record = flows.get(sub.flow);
    if (record !== undefined) tell(record, { kind: 'gap', channel: sub.channel, epoch, from, to });
  }

  function presenceChanged({ channel, full, more, present, gone }: PresenceEvent): void {
    const event = {
      kind: 'presence',
      channel,
      full: full === true,
      more: more === true,
      present,
      gone,
    } as const;
    for (const sub of delivery.subscriptionsOf(channel)) {
      const record = sub.watch ? flows.get(sub.flow) : undefined;
      if (record !== undefined) tell(record, event);
    }
  }

  function controlled(event: ControlEvent): void {
    const record = event.kind === 'superseded' ? flows.get(event.flow) : askers.get(event.session);
    if (record?.session?.id !== event.session) return;
    if (event.kind === 'superseded') feed(record, { kind: 'superseded', mode: event.mode });
    else tell(record, { kind: 'unreachable', id: event.id });
  }

  function ready(flow: number): boolean {
    const record = flows.get(flow);
    return record?.session?.opening === 0 && record.flow.unsentBytes() * 2 <= config.GATEWAY_OUTBOX_BYTES_MAX;
  }

  function writable(flow: number): Promise<boolean> {
    const record = flows.get(flow);
    if (record === undefined) return Promise.resolve(false);
    if (ready(flow)) return Promise.resolve(true);
    return new Promise((resolve) => {
      record.waiters ??= [];
      record.waiters.push(resolve);
    });
  }

  function wake(record: FlowRecord, open: boolean): void {
    if (record.waiters === undefined || (open && !ready(record.flow.number))) return;
    const { waiters } = record;
    record.waiters = undefined;
    for (const waiter of waiters) waiter(open);
  }

  // The life of the gateway.

  function everySecond(): void {
    metrics.sessions.set(sessionsOpen.count);
    metrics.partitionsRegistered.set(routers.registered());
    metrics.busUp.set(bus.post.connected ? 1 : 0);
    for (const record of flows.values()) feed(record, { kind: 'second' });
  }

  function dropRevoked(): void {
    for (const record of flows.values()) {
      if (record.session === undefined || !revocations.revoked(record.session.identity, record.session.id))
        continue;
      metrics.faults.inc({ fault: 'REVOKED' });
      close(record, 'REVOKED');
    }
  }

  let cancelSecond: (() => void) | undefined;
  return {
    async start() {
      routers.start();
      revocations.watch(dropRevoked);
      cancelSecond = clock.every(1_000, everySecond);
      const port = await transport.listen();
      log.info({ event: 'gateway.started', gateway, port }, 'listening to clients');
      return port;
    },
    notReady() {
      if (draining) return 'draining';
      if (flows.size >= config.GATEWAY_FLOWS_MAX) return 'full';
      return undefined;
    },
    async drain() {
      draining = true;
      transport.stopListening();
      const order = handOverOrder([...flows.values()], clock.monotonicMs());
      const paceMs = config.GATEWAY_DRAIN_MS / Math.max(1, order.length);
      const startMs = clock.monotonicMs();
      for (const [index, record] of order.entries()) {
        const lateMs = clock.monotonicMs() - startMs - index * paceMs;
        if (lateMs < -1) await new Promise<void>((resolve) => clock.after(-lateMs, resolve));
        close(record, 'GOING_AWAY', HAND_OVER_SPREAD_MS);
      }
      log.info({ event: 'gateway.drained', sessions: order.length }, 'all sessions handed over');
    },
    stop() {
      cancelSecond?.();
      for (const record of [...flows.values()]) close(record, 'GOING_AWAY');
      routers.flush();
      routers.stop();
      transport.close();
    },
  };
}

/** The hub's own timer beside those of the dialect. */
const WAITING = ' waiting';
/** A session that has not been attached for so long is told to wait. */
const WAIT_TOLD_MS = 1_000;
/** A session handed over comes back within this time; the pace of the hand-over spreads them. */
const HAND_OVER_SPREAD_MS = 1_000;

const iceUnavailable = { ok: false, fault: 'ICE_UNAVAILABLE' } as const;

function spreadAfter(fault: FaultCode, spread: Spread): number {
  return faultDefinition(fault).retry === 'later' ? spread.gatewayMs : 0;
}
