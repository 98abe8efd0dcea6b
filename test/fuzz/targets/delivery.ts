/**
 * Deliveries: what routers send to a gateway, taken in by a whole gateway with one session that watches a room.
 *
 * Whatever comes, nothing throws, and the session stands; what is handed on came in the shape of a delivery.
 */

import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { Bus, LeaseEntry } from '#bus/seams.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { nativeDialect } from '#gateway/dialects/native/native.ts';
import { createGateway } from '#gateway/gateway.ts';
import { createGatewayMetrics } from '#gateway/metrics.ts';
import type { Flow, Identity, TransportEvents } from '#gateway/seams.ts';
import { type Cancel, createVirtualClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { type AttachRequest, decodeDelivery, type PartitionAnswer } from '#wire/nodes.ts';
import type { Target } from '../target.ts';

const config = readConfig(GatewayConfig, {});
const metrics = createGatewayMetrics(new Registry());
const quiet = createLogger('gateway', 'silent');
const nowMs = 1_800_000_000_000;
/** As the corpus names them. */
const term = 1;
const registration = 1;

const bob: Identity = {
  user: 'bob',
  rights: { rooms: { '*': ['join', 'send', 'watch'] } },
  issuedAt: nowMs,
  expiresAt: nowMs + 900_000,
  tokenId: undefined,
  resumes: undefined,
};

interface Gateway {
  deliver(data: Uint8Array): void;
  readonly said: readonly string[];
  stands(): boolean;
}

export function deliveryTarget(): Target {
  let gateway: Promise<Gateway> | undefined;
  return {
    name: 'delivery',
    share: 0.25,
    async judge(input) {
      gateway ??= startGateway();
      const { deliver, said, stands } = await gateway;
      const before = said.length;
      deliver(input);
      assert(stands(), 'the session was closed for what a router said');
      const decoded = decodeDelivery(input);
      if (decoded === undefined || decoded.delivery.v > NODE_VERSION) {
        assert.equal(said.length, before, 'handed on what is no delivery');
        return decoded === undefined ? 'none' : 'later version';
      }
      // Numbers were taken, so the next input begins anew.
      gateway = undefined;
      const kinds = said.slice(before).map((text) => /^\{"type":"(\w+)"/.exec(text)?.[1]);
      return `delivered ${decoded.delivery.sections.length > 0} ${[...new Set(kinds)].join(' ')}`;
    },
  };
}

/** A gateway of one partition whose owner knows it, and a session of bob's in it. */
async function startGateway(): Promise<Gateway> {
  const clock = createVirtualClock(nowMs);
  const random = createSeededRandom(1);
  const handlers: ((data: Uint8Array, subject: string) => void)[] = [];
  const said: string[] = [];
  let closed = false;
  let events: TransportEvents | undefined;
  const gateway = createGateway({
    ...{ bus: busOf(handlers), clock, loop: { idleMs: () => 0 }, random, config, metrics, log: quiet },
    authenticator: { authenticate: () => bob, seal: () => ({ resume: 'r', expiresAt: bob.expiresAt }) },
    revocations: { revoked: () => false, watch: () => undefined },
    iceServers: { iceServersFor: () => undefined },
    transport(given) {
      events = given;
      const nothing = () => undefined;
      const listen = async () => ({ main: 1 });
      return {
        listen,
        stopListening: nothing,
        setListening: () => true,
        socketsLeft: () => 1e6,
        close: nothing,
      };
    },
  });
  await gateway.start();
  const flow: Flow = {
    number: 1,
    opening: {
      transport: 'websocket',
      address: '192.0.2.1',
      origin: undefined,
      secure: true,
      bearer: undefined,
    },
    send: (data) => void said.push(String(data)),
    unsentBytes: () => 0,
    close: () => {
      closed = true;
    },
  };
  events!.opened(flow, nativeDialect);
  for (const message of [
    { type: 'hello', token: 't', device: 'phone' },
    { type: 'presence.watch', id: '1', channel: 'r/a' },
  ]) {
    events!.received(flow, Buffer.from(JSON.stringify(message)), false);
    await clock.advance(0);
  }
  assert.match(said.join(' '), /"welcome".*"ack"/);
  return { deliver: (data) => handlers[0]!(data, ''), said, stands: () => !closed };
}

/** A bus of one partition whose owner answers what it is asked as the corpus expects. */
function busOf(handlers: ((data: Uint8Array, subject: string) => void)[]): Bus {
  const lease = Buffer.from(JSON.stringify({ router: 'r1', term, position: 0 }));
  const never = (): Cancel => () => undefined;
  return {
    log: {
      ...{ partitions: 1, dedupWindowMs: 30_000, ttlMsMax: 86_400_000 },
      epoch: () => 'e',
      nowMs: () => nowMs,
      append: () => undefined,
      follow: () => ({ stop: () => undefined }),
      read: async (_channel, _after, upTo) => ({ entries: [], through: upTo }),
      end: async () => 0,
    },
    post: {
      ...{ connected: true, payloadBytesMax: 1_048_576 },
      publish: () => true,
      request: async (_subject, data) => answerTo(data),
      subscribe(_subject, received) {
        handlers.push(received);
        return () => undefined;
      },
      answer: never,
      watchConnection: never,
    },
    leases: {
      compareAndSet: async () => ({ kind: 'lost' }),
      release: async () => ({ kind: 'lost' }),
      watch({ entry, ready }) {
        const known: LeaseEntry = { key: 'partition.0', value: lease, revision: 1 };
        entry(known);
        ready();
        return () => undefined;
      },
    },
    settings: {
      compareAndSet: async () => ({ kind: 'lost' }),
      release: async () => ({ kind: 'lost' }),
      watch: never,
    },
    journal: { append: async () => 1, follow: never },
    close: async () => undefined,
  };
}

function answerTo(data: Uint8Array): Uint8Array {
  const { partitions } = JSON.parse(Buffer.from(data).toString()) as AttachRequest;
  const answers: PartitionAnswer[] = partitions.map(({ partition, ops }) => ({
    ...{ partition, term, registration, epoch: 'e', head: 0, floor: 0 },
    attached: ops.filter(({ op }) => op === 'attach').map(() => ({})),
  }));
  return Buffer.from(JSON.stringify({ v: NODE_VERSION, router: 'r1', partitions: answers }));
}
