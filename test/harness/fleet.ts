/**
 * Fleet: real processes of the service on loopback; a nats-server, gateways and routers, or all in one.
 *
 * Everything listens on a free port. A test kills, stops, continues and replaces single processes, and
 * `stop` ends what is left by its id. When a test failed, `show` prints the last lines of every process.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Link, openLink } from './link.ts';
import { type NatsServer, startNatsCluster, startNatsServer } from './nats-server.ts';
import { type Environment, type ServiceProcess, startProcess } from './process.ts';

export interface FleetOptions {
  /** 0 gateways: everything in one process, without nats-server. */
  readonly gateways: number;
  readonly routers: number;
  /** Variables of every process: the issuer's, bounds, times. */
  readonly env: Environment;
  /** One nats-server, which is the default, or three that keep everything thrice. */
  readonly bus?: 'alone' | 'cluster';
  /** Each process reaches the bus over a link of its own, which a test can cut or slow. */
  readonly linked?: boolean;
  /** Modules loaded into every process of the service before its own. */
  readonly preloads?: readonly string[];
  /** Variables of one process more, by its name. */
  envOf?(name: string): Environment;
}

export interface Fleet {
  readonly nats: NatsServer | undefined;
  /** All of the cluster; the one that is alone. */
  readonly busNodes: readonly NatsServer[];
  /** Of the one-process mode: that process. */
  readonly gateways: readonly ServiceProcess[];
  readonly routers: readonly ServiceProcess[];
  /** The environment that an operator's command needs to reach this fleet. */
  readonly env: Environment;
  /** Of the gateways that run. */
  urls(): readonly string[];
  /** One gateway more, or one in the place of a dead one. */
  addGateway(): Promise<ServiceProcess>;
  addRouter(): Promise<ServiceProcess>;
  /** Between a process and the bus, where the fleet is `linked`. */
  link(one: ServiceProcess): Link;
  /** The sum of a metric over all gateways that run. */
  gatewayMetric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  show(linesMax?: number): void;
  stop(): Promise<void>;
}

const anyPort: Environment = {
  GATEWAY_PORT: '0',
  GATEWAY_OPS_PORT: '0',
  ROUTER_OPS_PORT: '0',
};

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const inOne = options.gateways === 0;
  const busNodes = inOne ? [] : await startBus(options.bus ?? 'alone');
  const [nats] = busNodes;
  const env: Environment = {
    SNOWSHED_SECRET: randomBytes(32).toString('base64url'),
    ...anyPort,
    ...(nats === undefined ? {} : { NATS_URL: busNodes.map(({ url }) => url).join(',') }),
    ...(options.bus === 'cluster' ? { LOG_REPLICAS: '3' } : {}),
    ...options.env,
  };
  const links = new Map<string, Link>();
  const gateways: ServiceProcess[] = [];
  const routers: ServiceProcess[] = [];
  let gatewaysStarted = 0;
  let routersStarted = 0;
  async function started(name: string, main: string): Promise<ServiceProcess> {
    const own = options.envOf?.(name) ?? {};
    if (options.linked !== true) return startProcess(name, main, { ...env, ...own }, options.preloads);
    const link = await openLink(busNodes.map(({ port }) => port));
    links.set(name, link);
    const NATS_URL = link.ports.map((port) => `nats://127.0.0.1:${port}`).join(',');
    return startProcess(name, main, { ...env, NATS_URL, ...own }, options.preloads);
  }
  async function addGateway(): Promise<ServiceProcess> {
    const name = inOne ? 'all-in-one' : `gateway-${++gatewaysStarted}`;
    const gateway = await started(name, inOne ? 'all-in-one/main.ts' : 'gateway/main.ts');
    gateways.push(gateway);
    return gateway;
  }
  async function addRouter(): Promise<ServiceProcess> {
    const router = await started(`router-${++routersStarted}`, 'router/main.ts');
    routers.push(router);
    return router;
  }
  const fleet: Fleet = {
    nats,
    busNodes,
    gateways,
    routers,
    env,
    urls: () => gateways.filter((gateway) => gateway.running).map((gateway) => gateway.url),
    addGateway,
    addRouter,
    link(one) {
      const link = links.get(one.name);
      assert(link !== undefined, `${one.name} has no link`);
      return link;
    },
    async gatewayMetric(name, labels) {
      const alive = gateways.filter((gateway) => gateway.running);
      const values = await Promise.all(alive.map((gateway) => gateway.metric(name, labels)));
      return values.reduce((sum, value) => sum + value, 0);
    },
    show(linesMax = 30) {
      for (const { name, running, lines } of [...gateways, ...routers]) {
        console.error(`--- ${name} (${running ? 'running' : 'ended'})\n${lines.slice(-linesMax).join('\n')}`);
      }
    },
    async stop() {
      await Promise.all([...gateways, ...routers].map((one) => one.kill()));
      await Promise.all([...links.values()].map((link) => link.close()));
      await Promise.all(busNodes.map((node) => node.close()));
    },
  };
  try {
    await Promise.all(Array.from({ length: options.routers }, addRouter));
    await Promise.all(Array.from({ length: Math.max(1, options.gateways) }, addGateway));
    await Promise.all([...routers, ...gateways].map((one) => one.ready()));
  } catch (error) {
    await fleet.stop();
    throw error;
  }
  return fleet;
}

/** The nodes of a cluster do not tell clients of one another: each is reached as the fleet says. */
async function startBus(kind: 'alone' | 'cluster'): Promise<readonly NatsServer[]> {
  if (kind === 'alone') return [await startNatsServer()];
  return (await startNatsCluster(3, { args: ['--no_advertise'] })).servers;
}
