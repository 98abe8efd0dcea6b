/**
 * Inside: gateway, router and in-memory log in this process with nothing around them, no socket and no timer,
 * so that what is measured is our own code alone.
 *
 * A turn of the event loop is a call of `turn`.
 */

import { Registry } from 'prom-client';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { nativeDialect } from '#gateway/dialects/native/native.ts';
import { createGateway } from '#gateway/gateway.ts';
import { createAuthenticator } from '#gateway/identity/authenticator.ts';
import { createIceServers } from '#gateway/identity/ice.ts';
import { createGatewayMetrics } from '#gateway/metrics.ts';
import type { Flow, Opening, TransportEvents } from '#gateway/seams.ts';
import { RouterConfig } from '#router/config.ts';
import { createRouterMetrics } from '#router/metrics.ts';
import { createRouter } from '#router/router.ts';
import { type Clock, createSystemClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { createHmacIssuer } from '#test/harness/tokens.ts';
import { tokenSecret, unbounded } from './bounds.ts';
import { nameOf } from './orders.ts';

export interface Inside {
  /** The flows of the users, in order. */
  readonly flows: readonly InsideFlow[];
  receive(flow: InsideFlow, message: Uint8Array): void;
  /** Everything that is due in this turn, and in those it makes due. */
  turn(): void;
}

export class InsideFlow implements Flow {
  readonly number: number;
  readonly opening: Opening;
  /** Messages handed over. */
  sent: number;
  last: string | Uint8Array;

  constructor(number: number, opening: Opening) {
    this.number = number;
    this.opening = opening;
    this.sent = 0;
    this.last = '';
  }
  send(data: string | Uint8Array): void {
    this.sent++;
    this.last = data;
  }
  unsentBytes(): number {
    return 0;
  }
  close(): void {
    throw new Error(`the flow was closed: ${this.last}`);
  }
}

/** So many users, attached. */
export async function startInside(users: number): Promise<Inside> {
  const { clock, turn } = clockByHand();
  const random = createSystemRandom();
  const log = createLogger('inside', 'error');
  const register = new Registry();
  const issuer = createHmacIssuer(tokenSecret);
  const secret = { SNOWSHED_SECRET: tokenSecret };
  const config = readConfig(GatewayConfig, { ...unbounded, ...issuer.env, ...secret, LOG_LEVEL: 'error' });
  const bus = createMemoryBus(
    {
      partitions: config.LOG_PARTITIONS,
      bytesMax: config.LOG_BYTES_MAX,
      channelFramesMax: config.LOG_CHANNEL_FRAMES_MAX,
      ttlMsMax: config.LOG_TTL_MAX_MS,
      dedupWindowMs: config.LOG_DEDUP_WINDOW_MS,
      journalTtlMs: config.JOURNAL_TTL_MS,
    },
    { clock, random },
  );
  const routerConfig = readConfig(RouterConfig, {});
  const metrics = createRouterMetrics(register);
  createRouter({ bus, clock, random, config: routerConfig, log, metrics }).start();
  let events: TransportEvents | undefined;
  const gateway = createGateway({
    ...{ bus, clock, random, config, log },
    metrics: createGatewayMetrics(register),
    authenticator: createAuthenticator({ config, clock, log, keysWereRead: () => undefined }),
    revocations: { revoked: () => false, watch: () => undefined },
    iceServers: createIceServers(config, clock),
    transport(given) {
      events = given;
      return { listen: async () => 0, stopListening: () => undefined, close: () => undefined };
    },
  });
  await gateway.start();
  await until(turn, () => gateway.notReady() === undefined);
  const flows = Array.from({ length: users }, (_, n) => new InsideFlow(n + 1, opening));
  flows.forEach((flow, n) => {
    events!.opened(flow, nativeDialect);
    const token = issuer.token(nameOf(n), { rights: { users: { send: ['*'] } } });
    events!.received(flow, Buffer.from(JSON.stringify({ type: 'hello', device: 'd', token })), false);
  });
  await until(turn, () => flows.every((flow) => flow.sent > 0));
  // Those that have just been welcomed go live in the turns that follow.
  await until(turn, counted(SETTLING_TURNS));
  return { flows, turn, receive: (flow, message) => events!.received(flow, message, false) };
}

const SETTLING_TURNS = 100;

const opening: Opening = {
  transport: 'websocket',
  address: '127.0.0.1',
  origin: undefined,
  secure: false,
  bearer: undefined,
};

function clockByHand(): { readonly clock: Clock; readonly turn: () => void } {
  let due: (() => void)[] = [];
  const clock = { ...createSystemClock(), soon: (act: () => void) => void due.push(act) };
  function turn(): void {
    while (due.length > 0) {
      const acts = due;
      due = [];
      for (const act of acts) act();
    }
  }
  return { clock, turn };
}

function counted(turns: number): () => boolean {
  let left = turns;
  return () => left-- === 0;
}

async function until(turn: () => void, reached: () => boolean): Promise<void> {
  while (!reached()) {
    turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
