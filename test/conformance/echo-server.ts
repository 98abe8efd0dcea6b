/**
 * Echo server: a real gateway that speaks one dialect more, which sends every message back.
 *
 * Suites that know nothing of signaling ask for an echo. Everything but the dialect is the product: transport,
 * hub, outbox. The dialect asks for no subprotocol and no token. It sends back binary messages too, as the
 * transport carries both and only the native dialect refuses one of them.
 */

import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { createGateway } from '#gateway/gateway.ts';
import { createGatewayMetrics } from '#gateway/metrics.ts';
import type { Dialect } from '#gateway/seams.ts';
import { webTransportOptions } from '#gateway/transports/config.ts';
import { createWebTransport } from '#gateway/transports/web.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemLoop } from '#runtime/loop.ts';
import { createSystemRandom } from '#runtime/random.ts';

const echoDialect: Dialect<undefined> = {
  name: 'echo',
  endpoint: { path: '/echo', subprotocol: undefined },
  open: () => [undefined, []],
  step(state, event) {
    if (event.kind !== 'message') return [state, []];
    // A copy: what is sent may leave at the end of the turn, when the bytes received are no more.
    const copy = Buffer.from(event.data);
    const data = event.binary ? copy : copy.toString('utf8');
    return [state, [{ kind: 'send', data }]];
  },
};

export interface EchoServer {
  readonly url: string;
  /** The count of a fault that closed flows here. */
  faults(fault: string): Promise<number>;
  stop(): void;
}

/** @param messageBytesMax of one message; four of them may wait to be sent. */
export async function startEchoServer(messageBytesMax: number): Promise<EchoServer> {
  const clock = createSystemClock();
  const random = createSystemRandom();
  const config = readConfig(GatewayConfig, {
    GATEWAY_PORT: '0',
    GATEWAY_OUTBOX_BYTES_MAX: String(4 * messageBytesMax),
    // The suite sends a thousand messages as fast as they come back.
    GATEWAY_MESSAGES_PER_SECOND: '1000000',
  });
  const metrics = createGatewayMetrics(new Registry());
  let flow = 0;
  const gateway = createGateway({
    bus: createMemoryBus({}, { clock, random }),
    clock,
    loop: createSystemLoop(),
    random,
    config,
    log: createLogger('echo', 'warn'),
    metrics,
    authenticator: {
      authenticate: () => 'TOKEN_MALFORMED',
      seal: () => assert.fail('nobody opens a session'),
    },
    revocations: { revoked: () => false, watch: () => undefined },
    iceServers: { iceServersFor: () => undefined },
    transport: (events) =>
      createWebTransport(
        { ...webTransportOptions(config, config.GATEWAY_OUTBOX_BYTES_MAX), messageBytesMax },
        { webSocket: [echoDialect], poll: undefined },
        events,
        {
          clock,
          random,
          flowNumber: () => ++flow,
          refused: (fault) => metrics.faults.inc({ fault }),
          certificateChanged: () => undefined,
        },
      ),
  });
  const port = await gateway.start();
  return {
    url: `ws://127.0.0.1:${port}${echoDialect.endpoint.path}`,
    async faults(fault) {
      const { values } = await metrics.faults.get();
      return values.find(({ labels }) => labels.fault === fault)?.value ?? 0;
    },
    stop: () => gateway.stop(),
  };
}
