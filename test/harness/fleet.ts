/**
 * Fleet: real processes of the service on loopback; a nats-server, gateways and routers, or all in one.
 *
 * Everything listens on a free port. A test kills, stops, continues and replaces single processes, and
 * `stop` ends what is left by its id. When a test failed, `show` prints the last lines of every process.
 */

import { randomBytes } from 'node:crypto';
import { type NatsServer, startNatsServer } from './nats-server.ts';
import { type Environment, type ServiceProcess, startProcess } from './process.ts';

export interface FleetOptions {
  /** 0 gateways: everything in one process, without nats-server. */
  readonly gateways: number;
  readonly routers: number;
  /** Variables of every process: the issuer's, bounds, times. */
  readonly env: Environment;
}

export interface Fleet {
  readonly nats: NatsServer | undefined;
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
  const nats = inOne ? undefined : await startNatsServer();
  const env: Environment = {
    SNOWSHED_SECRET: randomBytes(32).toString('base64url'),
    ...anyPort,
    ...(nats === undefined ? {} : { NATS_URL: nats.url }),
    ...options.env,
  };
  const gateways: ServiceProcess[] = [];
  const routers: ServiceProcess[] = [];
  let gatewaysStarted = 0;
  let routersStarted = 0;
  async function addGateway(): Promise<ServiceProcess> {
    const name = inOne ? 'all-in-one' : `gateway-${++gatewaysStarted}`;
    const started = await startProcess(name, inOne ? 'all-in-one/main.ts' : 'gateway/main.ts', env);
    gateways.push(started);
    return started;
  }
  async function addRouter(): Promise<ServiceProcess> {
    const started = await startProcess(`router-${++routersStarted}`, 'router/main.ts', env);
    routers.push(started);
    return started;
  }
  const fleet: Fleet = {
    nats,
    gateways,
    routers,
    env,
    urls: () => gateways.filter((gateway) => gateway.running).map((gateway) => gateway.url),
    addGateway,
    addRouter,
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
      await nats?.close();
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
