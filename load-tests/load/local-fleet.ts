/**
 * Local fleet: the fleet of the tests on loopback for a load test, each gateway on a port that stays its own, so that a
 * gateway that takes the place of another is found at the same address.
 */

import { randomBytes } from 'node:crypto';
import { type Fleet, startFleet } from '#test/harness/fleet.ts';
import { freePort, freePorts } from '#test/harness/free-ports.ts';
import type { NatsServer } from '#test/harness/nats-server.ts';
import type { Environment, ServiceProcess } from '#test/harness/process.ts';

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
  readonly secret: string;
  urls(): readonly string[];
  /** Ends one as Kubernetes does (SIGTERM, and as long as it takes), and starts another in its place. */
  replaceGateway(index: number): Promise<void>;
  replaceRouter(index: number): Promise<void>;
  addGateway(): Promise<void>;
  /** Between each process and the bus. */
  cutLinks(): void;
  healLinks(): void;
  stop(): Promise<void>;
}

export async function startLocalFleet(options: LocalFleetOptions): Promise<LocalFleet> {
  const { gateways: count, routers: routerCount, bus = 'alone' } = options;
  const secret = randomBytes(48).toString('base64url');
  const ports = [...(await freePorts(count))];
  /** Of the gateways that start next. */
  const due = [...ports];
  const fleet = await startFleet({
    ...{ gateways: count, routers: routerCount, bus, linked: true, env: environment(secret, options.env) },
    envOf: (name) => (name.startsWith('gateway-') ? { GATEWAY_PORT: String(due.shift()) } : {}),
  });
  const gateways = [...fleet.gateways];
  const routers = [...fleet.routers];

  async function startGateway(index: number, port: number): Promise<void> {
    due.push(port);
    gateways[index] = await ready(fleet.addGateway());
  }

  return {
    ...{ gateways, routers, busNodes: fleet.busNodes, secret },
    urls: () => ports.map((port) => `ws://127.0.0.1:${port}`),
    async replaceGateway(index) {
      const former = gateways[index]!;
      const port = Number(new URL(former.url).port);
      await ended(former);
      await startGateway(index, port);
    },
    async replaceRouter(index) {
      await ended(routers[index]!);
      routers[index] = await ready(fleet.addRouter());
    },
    async addGateway() {
      const port = await freePort();
      ports.push(port);
      await startGateway(gateways.length, port);
    },
    cutLinks: () => links(fleet, [...gateways, ...routers]).forEach((link) => void link.cut()),
    healLinks: () => links(fleet, [...gateways, ...routers]).forEach((link) => void link.heal()),
    stop: () => fleet.stop(),
  };
}

/** All clients come from one address here. */
function environment(secret: string, more: Environment = {}): Environment {
  return {
    AUTH_HMAC_SECRET: secret,
    GATEWAY_FLOWS_PER_ADDRESS_MAX: '1000000',
    GATEWAY_ADDRESS_MESSAGES_PER_SECOND: '1000000',
    GATEWAY_ADDRESS_MESSAGES_BURST: '1000000',
    ...more,
  };
}

function links(fleet: Fleet, all: readonly ServiceProcess[]) {
  return all.map((one) => fleet.link(one));
}

async function ready(starting: Promise<ServiceProcess>): Promise<ServiceProcess> {
  const one = await starting;
  await one.ready();
  return one;
}

async function ended(one: ServiceProcess): Promise<void> {
  one.signal('SIGTERM');
  await one.exited;
}
