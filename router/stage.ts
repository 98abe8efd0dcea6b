/**
 * Stage: routers on a bus in memory under a virtual clock, and gateways as simple as their protocol allows; for tests.
 */

import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { createMemoryBus, type MemoryBus, type MemoryBusOptions } from '#bus/memory/bus.ts';
import type { Bus } from '#bus/seams.ts';
import { createVirtualClock, type VirtualClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { partitionOf } from '#wire/channels.ts';
import { type EnvelopeHeader, encodeEnvelope } from '#wire/envelope.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import type { AttachOp, PartitionLease } from '#wire/nodes.ts';
import { volatileSubject } from '#wire/subjects.ts';
import type { RouterOptions } from './config.ts';
import { createRouterMetrics } from './metrics.ts';
import { createRouter, type Router } from './router.ts';
import { createStageGateway, type StageGateway } from './stage-gateway.ts';

export interface FrameOptions {
  readonly body?: string;
  readonly header?: Partial<EnvelopeHeader>;
}

export interface Stage {
  readonly clock: VirtualClock;
  readonly bus: MemoryBus;
  /** Deliveries are refused, as by a bus that is away. */
  dropDeliveries: boolean;
  /** A router that has taken its share. */
  router(): Promise<Router>;
  /** A router that stops without a word: its clock stands still. */
  mortalRouter(): Promise<Router & { kill(): void }>;
  /** Lets a router stop in good order. */
  stop(router: Router): Promise<void>;
  gateway(name: string): StageGateway;
  envelope(channel: string, id: string, options?: FrameOptions): Uint8Array;
  append(channel: string, id: string, options?: FrameOptions): Promise<number>;
  appendLater(channel: string, id: string, options?: FrameOptions): void;
  appendBytes(channel: string, data: Uint8Array): Promise<number>;
  publishVolatile(channel: string, id: string, options?: FrameOptions): void;
  lease(partition: number): PartitionLease | undefined;
  metric(name: string, labels?: Record<string, string>): Promise<number>;
}

const optionsDefault: RouterOptions = {
  ROUTER_OPS_HOST: '127.0.0.1',
  ROUTER_OPS_PORT: 0,
  ROUTER_SESSIONS_PER_USER_MAX: 100,
  ROUTER_POSITIONS_MAX: 200_000,
  ROUTER_UNREACHABLE_HELD_MAX: 10_000,
  PRESENCE_GRACE_MS: 10_000,
  ADMISSION_SPREAD_MS_MIN: 0,
  ADMISSION_SPREAD_MS_MAX: 600_000,
  ADMISSION_REBALANCE: true,
};

let flows = 0;
let appends = 0;

/** One flow's attach, with a session of its own unless it is named. */
export function attach(channel: string, more: Partial<AttachOp> = {}): AttachOp {
  const flow = ++flows;
  return {
    op: 'attach',
    channel,
    flow,
    session: `s${flow}`,
    user: channel.slice(2),
    device: 'phone',
    ...more,
  };
}

export function createStage(
  busOptions: Partial<MemoryBusOptions> = {},
  options: Partial<RouterOptions> = {},
): Stage {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const bus = createMemoryBus({ partitions: 8, ...busOptions }, { clock, random });
  const register = new Registry();
  const metrics = createRouterMetrics(register);
  const log = createLogger('router', 'silent');
  const leases = new Map<string, PartitionLease>();
  bus.leases.watch({
    entry({ key, value }) {
      if (value !== undefined) leases.set(key, JSON.parse(Buffer.from(value).toString()) as PartitionLease);
    },
    ready: () => undefined,
  });
  async function started(routerBus: Bus, routerClock: VirtualClock): Promise<Router> {
    const config = { ...optionsDefault, ...options };
    const router = createRouter({ bus: routerBus, clock: routerClock, random, config, log, metrics });
    router.start();
    await clock.advance(2_000);
    return router;
  }
  function append(channel: string, data: Uint8Array): Promise<number> {
    const partition = partitionOf(channel, bus.log.partitions);
    return new Promise((resolve) => {
      const frame = { partition, channel, messageId: `m${++appends}`, data, ttlMs: 30_000 };
      bus.log.append(frame, (outcome) => {
        assert.equal(outcome.kind, 'stored');
        if (outcome.kind === 'stored') resolve(outcome.position);
      });
    });
  }
  const stage: Stage = {
    clock,
    bus,
    dropDeliveries: false,
    router: () => started(droppable(stage, bus), clock),
    async mortalRouter() {
      let dead = false;
      const kill = () => {
        dead = true;
      };
      const mortal = { ...clock, ...mortalTimers(clock, () => dead) };
      const router = await started(
        mortalBus(droppable(stage, bus), () => dead),
        mortal,
      );
      return { ...router, kill };
    },
    async stop(router) {
      const stopped = router.stop();
      await clock.advance(1_100);
      await stopped;
    },
    gateway: (name) =>
      createStageGateway(bus, clock, name, (partition) => leases.get(`partition.${partition}`)),
    envelope: (channel, id, { body = '{}', header = {} } = {}) =>
      encodeEnvelope(headerOf(stage, channel, id, header), body),
    async append(channel, id, frame = {}) {
      const stored = append(channel, stage.envelope(channel, id, frame));
      await clock.advance(1);
      return stored;
    },
    appendLater: (channel, id, frame = {}) => void append(channel, stage.envelope(channel, id, frame)),
    async appendBytes(channel, data) {
      const stored = append(channel, data);
      await clock.advance(1);
      return stored;
    },
    publishVolatile(channel, id, frame = {}) {
      const subject = volatileSubject(partitionOf(channel, bus.log.partitions), channel);
      bus.post.publish(subject, stage.envelope(channel, id, frame));
    },
    lease: (partition) => leases.get(`partition.${partition}`),
    async metric(name, labels = {}) {
      const values = (await register.getSingleMetric(name)?.get())?.values ?? [];
      const matching = values.filter((value) =>
        Object.entries(labels).every(([key, label]) => value.labels[key] === label),
      );
      return matching.reduce((sum, { value }) => sum + value, 0);
    },
  };
  return stage;
}

function headerOf(stage: Stage, channel: string, id: string, more: Partial<EnvelopeHeader>): EnvelopeHeader {
  const from = { user: 'sender', device: 'laptop', session: 'sender-session' };
  const at = stage.clock.nowMs();
  return {
    v: NODE_VERSION,
    id,
    channel,
    from,
    kind: 'offer',
    format: 'json',
    at,
    ttlMs: 30_000,
    notAfter: at + 5_000,
    ...more,
  };
}

function droppable(stage: Stage, bus: MemoryBus): Bus {
  const { post } = bus;
  return {
    ...bus,
    post: {
      ...post,
      get connected() {
        return post.connected;
      },
      publish: (subject, data) =>
        !(stage.dropDeliveries && subject.startsWith('gw.')) && post.publish(subject, data),
    },
  };
}

/** Timers that no longer fire once the process is dead. */
function mortalTimers(
  clock: VirtualClock,
  dead: () => boolean,
): Pick<VirtualClock, 'after' | 'every' | 'soon' | 'atEnd'> {
  const unlessDead = (act: () => void) => () => {
    if (!dead()) act();
  };
  return {
    after: (ms, act) => clock.after(ms, unlessDead(act)),
    every: (ms, act) => clock.every(ms, unlessDead(act)),
    soon: (act) => clock.soon(unlessDead(act)),
    atEnd: (act) => clock.atEnd(unlessDead(act)),
  };
}

/** A bus from which a dead process hears and to which it says nothing more. */
function mortalBus(bus: Bus, dead: () => boolean): Bus {
  const { post, log } = bus;
  return {
    ...bus,
    post: {
      ...post,
      connected: true,
      publish: (subject, data) => dead() || post.publish(subject, data),
      subscribe: (subject, received) =>
        post.subscribe(subject, (data, of) => void (dead() || received(data, of))),
      answer: (subject, handler) => post.answer(subject, (data) => (dead() ? undefined : handler(data))),
    },
    log: {
      ...log,
      follow: (partition, after, sink) =>
        log.follow(partition, after, {
          entry: (entry) => void (dead() || sink.entry(entry)),
          head: (position) => void (dead() || sink.head(position)),
          epochChanged: () => void (dead() || sink.epochChanged()),
        }),
    },
  };
}
