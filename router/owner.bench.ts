/**
 * Asks what one frame costs the router from the log to the bytes of its delivery (budget 3 µs), whether a
 * partition with 100,000 sessions is announced to a new owner within two seconds, JSON and all, and how
 * many bytes of memory a session takes there.
 */

import { bench, group } from 'mitata';
import { Registry } from 'prom-client';
import { createMemoryBus } from '#bus/memory/bus.ts';
import type { Bus, FollowSink } from '#bus/seams.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { encodeEnvelope } from '#wire/envelope.ts';
import {
  type AttachAnswer,
  type AttachOp,
  decodeNodeMessage,
  encodeNodeMessage,
  type PartitionAnswer,
} from '#wire/nodes.ts';
import { createRouterMetrics } from './metrics.ts';
import { createRouter } from './router.ts';

const SESSIONS = 100_000;
const PER_REQUEST = 2_000;
const TURN_FRAMES = 16;

/** A router of one partition whose log and requests are called directly. */
async function routerAlone() {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const bus = createMemoryBus({ partitions: 1 }, { clock, random });
  const handlers = new Map<string, (data: Uint8Array) => Uint8Array | undefined>();
  let sink: FollowSink | undefined;
  let ended: () => void = () => undefined;
  const soon = (act: () => void) => {
    ended = act;
  };
  const alone: Bus = {
    ...bus,
    log: {
      ...bus.log,
      follow(_partition, _after, given) {
        sink = given;
        return { stop: () => undefined };
      },
    },
    post: {
      ...bus.post,
      connected: true,
      publish: () => true,
      answer(subject, handler) {
        handlers.set(subject.slice(subject.lastIndexOf('.') + 1), handler);
        return () => undefined;
      },
    },
  };
  const config = {
    ...{
      ROUTER_OPS_HOST: '',
      ROUTER_OPS_PORT: 0,
      ROUTER_SESSIONS_PER_USER_MAX: 100,
      ROUTER_POSITIONS_MAX: 200_000,
    },
    ...{ ROUTER_UNREACHABLE_HELD_MAX: 0, PRESENCE_GRACE_MS: 10_000 },
    ...{ ADMISSION_SPREAD_MS_MIN: 0, ADMISSION_SPREAD_MS_MAX: 600_000, ADMISSION_REBALANCE: false },
  };
  const metrics = createRouterMetrics(new Registry());
  const log = createLogger('router', 'silent');
  const router = createRouter({ bus: alone, clock: { ...clock, soon }, random, config, log, metrics });
  router.start();
  await clock.advance(100);
  let lease: { term: number } | undefined;
  bus.leases.watch({
    entry({ key, value }) {
      if (key === 'partition.0') lease = JSON.parse(Buffer.from(value!).toString()) as { term: number };
    },
    ready: () => undefined,
  });
  await clock.advance(1);
  return { sink: sink!, attach: handlers.get('attach')!, endTurn: () => ended(), term: lease!.term };
}

type Alone = Awaited<ReturnType<typeof routerAlone>>;

const ops = Array.from(
  { length: SESSIONS },
  (_, i): AttachOp => ({
    op: 'attach',
    channel: `u/user-${i}`,
    flow: i,
    session: Buffer.alloc(16, `${i} of many sessions`).toString('base64url'),
    user: `user-${i}`,
    device: `9b2f0c1e-7e55-4c0b-9a36-${String(i).padStart(12, '0')}`,
    mode: 'replace',
    order: 1_800_000_000_000 + i,
  }),
);

/** The requests of a gateway that announces them all, in parts as the largest payload asks. */
function announce({ attach, term }: Alone): void {
  let registration: number | undefined;
  for (let from = 0; from < SESSIONS; from += PER_REQUEST) {
    const part = { partition: 0, term, ops: ops.slice(from, from + PER_REQUEST) };
    const named = registration === undefined ? { begin: true as const } : { registration };
    const complete = from + PER_REQUEST >= SESSIONS ? { complete: true as const } : {};
    const request = { v: 1, gateway: 'gateway-1', partitions: [{ ...part, ...named, ...complete }] };
    const answer = decodeNodeMessage<AttachAnswer>(attach(encodeNodeMessage(request))!)!;
    registration = (answer.partitions[0] as Extract<PartitionAnswer, { term: number }>).registration;
  }
}

const envelopes = Array.from({ length: 1_000 }, (_, i) => {
  const channel = `u/user-${i * 97}`;
  const from = { user: 'user-7', device: '9b2f0c1e-7e55-4c0b-9a36-000000000007', session: ops[7]!.session };
  const header = {
    v: 1,
    id: `${i}`,
    channel,
    from,
    kind: 'offer',
    format: 'json',
    at: 1_800_000_000_000,
    ttlMs: 30_000,
  };
  return { channel, data: encodeEnvelope({ ...header, notAfter: 1_900_000_000_000 }, 'x'.repeat(200)) };
});

let position = 0;
function forwardTurn({ sink, endTurn }: Alone, storedAtMs: number): void {
  for (let i = 0; i < TURN_FRAMES; i++) {
    const { channel, data } = envelopes[++position % envelopes.length]!;
    sink.entry({ channel, position, storedAtMs, data });
  }
  endTurn();
}

const standing = await routerAlone();
globalThis.gc?.();
const bytesBefore = process.memoryUsage().heapUsed;
announce(standing);
globalThis.gc?.();
console.log(
  `${Math.round((process.memoryUsage().heapUsed - bytesBefore) / SESSIONS)} bytes of heap a session`,
);

group('forwarding', () => {
  bench(`${TURN_FRAMES} frames of 200 bytes, one turn of the event loop`, () =>
    forwardTurn(standing, 1_800_000_000_000),
  );
});

group('takeover', () => {
  bench('100,000 sessions announced anew', () => announce(standing)).gc('once');
});
