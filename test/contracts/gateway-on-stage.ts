/**
 * Gateway on stage: a whole gateway under a virtual clock, on a bus in memory with a real router; its flows are no
 * connections: what comes in is handed to it, and what goes out is kept. What it asks of others is counted.
 */

import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { Bus } from '#bus/seams.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { nativeDialect } from '#gateway/dialects/native/native.ts';
import { createGateway } from '#gateway/gateway.ts';
import { createAuthenticator } from '#gateway/identity/authenticator.ts';
import { createGatewayMetrics } from '#gateway/metrics.ts';
import type { Credential, Flow, Listener, Revocations, TransportEvents } from '#gateway/seams.ts';
import type { Stage } from '#router/stage.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { Cursor, ServerMessage } from '#wire/messages.ts';
import { createHmacIssuer } from '../harness/tokens.ts';

export interface Asked {
  /** Requests to routers, by verb. */
  readonly requests: Map<string, number>;
  reads: number;
  /** Credentials checked, by scheme. */
  readonly checked: Map<Credential['scheme'], number>;
}

export interface StageFlow {
  readonly messages: ServerMessage[];
  closedFor: string | undefined;
  /** @param sinceMs since when the transport has it, where it has kept it. */
  say(message: object, sinceMs?: number): void;
  cut(): void;
  of<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }>[];
}

/** @param name before each id it makes, where there are several. */
export async function startGatewayOnStage(
  stage: Stage,
  env: Readonly<Record<string, string>> = {},
  revocations: Revocations = { revoked: () => false, watch: () => undefined },
  name = '',
) {
  const { clock } = stage;
  const asked: Asked = { requests: new Map(), reads: 0, checked: new Map() };
  const issuer = createHmacIssuer();
  const random = createSeededRandom(7);
  const config = readConfig(GatewayConfig, {
    ...issuer.env,
    NATS_URL: 'nats://memory',
    SNOWSHED_SECRET: 's'.repeat(32),
    ...env,
  });
  const log = createLogger('gateway', 'silent');
  const authenticator = createAuthenticator({ config, clock, log });
  const listening = { main: true, call: true };
  const metrics = createGatewayMetrics(new Registry());
  let events: TransportEvents | undefined;
  let flows = 0;
  const gateway = createGateway({
    ...{
      clock,
      config,
      log,
      metrics,
      revocations,
      bus: counting(stage.bus, asked),
      loop: { idleMs: clock.monotonicMs },
    },
    random: { ...random, id: () => name + random.id() },
    authenticator: {
      ...authenticator,
      authenticate(credential) {
        count(asked.checked, credential.scheme);
        return authenticator.authenticate(credential);
      },
    },
    iceServers: { iceServersFor: () => undefined },
    transport(given) {
      events = given;
      return {
        listen: async () => ({ main: 1, call: 2 }),
        stopListening: () => undefined,
        setListening: (listener, listens) => (listening[listener] = listens),
        socketsLeft: () => 1_000,
        close: () => undefined,
      };
    },
  });
  await gateway.start();
  await clock.advance(2_000);
  assert.equal(gateway.notReady(), undefined);
  return {
    gateway,
    asked,
    listening,
    metrics,
    token(user: string): string {
      const iat = Math.floor(clock.nowMs() / 1_000);
      return issuer.token(user, { claims: { iat, exp: iat + 3_600 } });
    },
    connect(listener: Listener = 'main'): StageFlow {
      const hub = events;
      assert(
        hub?.knocked({
          listener,
          address: () => '127.0.0.1',
          hold: () => undefined,
          goOn: () => undefined,
          close: () => undefined,
        }),
      );
      return opened(hub as TransportEvents, ++flows, listener);
    },
  };
}

function opened(events: TransportEvents, number: number, listener: Listener): StageFlow {
  const address = '192.0.2.1';
  const stageFlow: StageFlow = {
    messages: [],
    closedFor: undefined,
    say: (message, sinceMs) => events.received(flow, Buffer.from(JSON.stringify(message)), false, sinceMs),
    cut: () => events.closed(flow, undefined),
    of: (type) => stageFlow.messages.filter((one) => one.type === type) as never,
  };
  const flow: Flow = {
    number,
    opening: {
      transport: 'websocket',
      address,
      origin: undefined,
      secure: true,
      bearer: undefined,
      listener,
    },
    send: (data) => void stageFlow.messages.push(JSON.parse(String(data)) as ServerMessage),
    unsentBytes: () => 0,
    close(fault) {
      stageFlow.closedFor = fault;
      events.closed(flow, fault);
    },
  };
  events.opened(flow, nativeDialect);
  return stageFlow;
}

/** What a flow after this one says to go on where this one is. */
export function resumptionOf(flow: StageFlow): { resume: string; cursors: readonly Cursor[] } {
  const [welcome] = flow.of('welcome');
  assert(welcome !== undefined, 'it was welcomed');
  return { resume: flow.of('resume').at(-1)?.resume ?? welcome.resume, cursors: welcome.cursors };
}

function counting(bus: Bus, asked: Asked): Bus {
  return {
    ...bus,
    log: Object.assign(Object.create(bus.log), {
      read: (...args: Parameters<Bus['log']['read']>) => {
        asked.reads += 1;
        return bus.log.read(...args);
      },
    }),
    post: Object.assign(Object.create(bus.post), {
      request: (...args: Parameters<Bus['post']['request']>) => {
        count(asked.requests, args[0].split('.').at(-1)!);
        return bus.post.request(...args);
      },
    }),
  };
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
