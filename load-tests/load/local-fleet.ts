/**
 * Local fleet: nats-server, routers and gateways on loopback for a load test, each gateway on a port that stays its own,
 * so that a gateway that takes the place of another is found at the same address.
 */

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { type Link, openLink } from '#test/harness/link.ts';
import { type NatsServer, startNatsCluster, startNatsServer } from '#test/harness/nats-server.ts';
import { type Environment, type ServiceProcess, startProcess } from '#test/harness/process.ts';

export interface LocalFleetOptions {
  readonly gateways: number;
  readonly routers: number;
  readonly bus?: 'alone' | 'cluster';
  readonly env?: Environment;
}

export interface LocalFleet {
  readonly gateways: readonly ServiceProcess[];
  readonly routers: readonly ServiceProcess[];
  readonly busNodes: readonly NatsServer[];
  /** Between all processes and the bus. */
  readonly busLink: Link;
  readonly secret: string;
  urls(): readonly string[];
  /** Ends one as Kubernetes does (SIGTERM, and as long as it takes), and starts another in its place. */
  replaceGateway(index: number): Promise<void>;
  replaceRouter(index: number): Promise<void>;
  addGateway(): Promise<void>;
  stop(): Promise<void>;
}

export async function startLocalFleet(options: LocalFleetOptions): Promise<LocalFleet> {
  const busNodes =
    options.bus === 'cluster'
      ? (await startNatsCluster(3, { args: ['--no_advertise'] })).servers
      : [await startNatsServer()];
  const busLink = await openLink(busNodes.map(({ port }) => port));
  const secret = randomBytes(48).toString('base64url');
  const ports: number[] = [];
  const gateways: ServiceProcess[] = [];
  const routers: ServiceProcess[] = [];
  let started = 0;
  const common: Environment = {
    NATS_URL: busLink.ports.map((port) => `nats://127.0.0.1:${port}`).join(','),
    ...(options.bus === 'cluster' ? { LOG_REPLICAS: '3' } : {}),
    SNOWSHED_SECRET: randomBytes(32).toString('base64url'),
    AUTH_HMAC_SECRET: secret,
    GATEWAY_OPS_PORT: '0',
    ROUTER_OPS_PORT: '0',
    GATEWAY_FLOWS_PER_ADDRESS_MAX: '1000000',
    GATEWAY_ADDRESS_MESSAGES_PER_SECOND: '1000000',
    GATEWAY_ADDRESS_MESSAGES_BURST: '1000000',
    LOG_LEVEL: 'warn',
    ...options.env,
  };

  async function gateway(index: number): Promise<ServiceProcess> {
    ports[index] ??= await freePort();
    const env = { ...common, LOG_LEVEL: 'info', GATEWAY_PORT: String(ports[index]) };
    const one = await startProcess(`gateway-${++started}`, 'gateway/main.ts', env);
    gateways[index] = one;
    await one.ready();
    return one;
  }
  async function router(index: number): Promise<ServiceProcess> {
    const one = await startProcess(`router-${++started}`, 'router/main.ts', { ...common, LOG_LEVEL: 'info' });
    routers[index] = one;
    await one.ready();
    return one;
  }

  const fleet: LocalFleet = {
    gateways,
    routers,
    busNodes,
    busLink,
    secret,
    urls: () => ports.map((port) => `ws://127.0.0.1:${port}`),
    async replaceGateway(index) {
      await ended(gateways[index]!);
      await gateway(index);
    },
    async replaceRouter(index) {
      await ended(routers[index]!);
      await router(index);
    },
    async addGateway() {
      await gateway(gateways.length);
    },
    async stop() {
      await Promise.all([...gateways, ...routers].map((one) => one.kill()));
      await busLink.close();
      await Promise.all(busNodes.map((node) => node.close()));
    },
  };
  try {
    for (let index = 0; index < options.routers; index++) await router(index);
    await Promise.all(Array.from({ length: options.gateways }, (_, index) => gateway(index)));
  } catch (error) {
    await fleet.stop();
    throw error;
  }
  return fleet;
}

async function ended(one: ServiceProcess): Promise<void> {
  one.signal('SIGTERM');
  await one.exited;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
