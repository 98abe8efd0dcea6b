/**
 * Socketless: a gateway as it is, whose flows are no connections: what comes in is handed to it, what goes out is
 * counted. So a hundred thousand sessions fit into a benchmark, and its own code can be measured alone.
 */

import { Registry } from 'prom-client';
import type { Bus } from '#bus/seams.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { nativeDialect } from '#gateway/dialects/native/native.ts';
import { createGateway, type Gateway } from '#gateway/gateway.ts';
import { createAuthenticator } from '#gateway/identity/authenticator.ts';
import { createIceServers } from '#gateway/identity/ice.ts';
import { createGatewayMetrics } from '#gateway/metrics.ts';
import type { Flow, Opening, TransportEvents } from '#gateway/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemLoop } from '#runtime/loop.ts';
import { createSystemRandom } from '#runtime/random.ts';
import type { Environment } from '#test/harness/process.ts';
import { createHmacIssuer } from '#test/harness/tokens.ts';
import { tokenSecret, unbounded } from './bounds.ts';
import { nameOf } from './orders.ts';

export interface Socketless {
  readonly gateway: Gateway;
  /** Opens the session of each of these users. */
  open(from: number, count: number): readonly SocketlessFlow[];
  receive(flow: SocketlessFlow, message: Uint8Array): void;
}

export class SocketlessFlow implements Flow {
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

const issuer = createHmacIssuer(tokenSecret);

/** The configuration of such a gateway. */
export function socketlessConfig(env: Environment = {}): GatewayConfig {
  const secret = { SNOWSHED_SECRET: tokenSecret };
  return readConfig(GatewayConfig, { ...unbounded, ...issuer.env, ...secret, ...env, LOG_LEVEL: 'error' });
}

export function createSocketless(bus: Bus, clock: Clock, config: GatewayConfig): Socketless {
  const random = createSystemRandom();
  const log = createLogger('socketless', config.LOG_LEVEL);
  let events: TransportEvents | undefined;
  let flows = 0;
  const gateway = createGateway({
    ...{ bus, clock, loop: createSystemLoop(), random, config, log },
    metrics: createGatewayMetrics(new Registry()),
    authenticator: createAuthenticator({ config, clock, log, keysWereRead: () => undefined }),
    revocations: { revoked: () => false, watch: () => undefined },
    iceServers: createIceServers(config, clock),
    transport(given) {
      events = given;
      const nothing = () => undefined;
      const listen = async () => ({ main: 0 });
      return {
        listen,
        stopListening: nothing,
        setListening: () => true,
        socketsLeft: () => 1e6,
        close: nothing,
      };
    },
  });
  function opened(user: string): SocketlessFlow {
    const flow = new SocketlessFlow(++flows, opening);
    events!.opened(flow, nativeDialect);
    const token = issuer.token(user, { rights: { users: { send: ['*'] } } });
    events!.received(flow, Buffer.from(JSON.stringify({ type: 'hello', device: 'd', token })), false);
    return flow;
  }
  return {
    gateway,
    open: (from, count) => Array.from({ length: count }, (_, n) => opened(nameOf(from + n))),
    receive: (flow, message) => events!.received(flow, message, false),
  };
}

const opening: Opening = {
  transport: 'websocket',
  address: '127.0.0.1',
  origin: undefined,
  secure: false,
  bearer: undefined,
};
