/**
 * Main: gateway, router, log and demo page in one process: `npm start`, and nothing else has to run.
 *
 * It takes the variables of gateway and router. What is not given it makes for itself, for this run
 * only, and says so: the secret of resume tokens, and, where no issuer is named, the tokens.
 */

import '#runtime/node-version.ts';
import { Registry } from 'prom-client';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { createBusMetrics } from '#bus/metrics.ts';
import type { Bus } from '#bus/seams.ts';
import { createDemoPage } from '#demo/serve.ts';
import { buildGateway } from '#gateway/build.ts';
import { createRouterMetrics } from '#router/metrics.ts';
import { createRouter } from '#router/router.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { configOrExit, exitMisconfigured } from '#runtime/config.ts';
import { serveOperations } from '#runtime/health.ts';
import { createLogger, type Logger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { createSupervisor } from '#runtime/shutdown.ts';
import { AllInOneConfig, allInOneChecks, makesTokens, nodeConfig } from './config.ts';
import { createDemoLogin } from './demo-login.ts';
import { demoPages, pageOrigins } from './pages.ts';

const given = configOrExit(AllInOneConfig, allInOneChecks);
const clock = createSystemClock();
const random = createSystemRandom();
const log = createLogger('all-in-one', given.LOG_LEVEL);
const supervisor = createSupervisor(log, clock);
const register = new Registry();

const login = makesTokens(given);
const config = {
  ...given,
  SNOWSHED_SECRET: given.SNOWSHED_SECRET ?? madeForThisRun('SNOWSHED_SECRET'),
  ...(login && { AUTH_HMAC_SECRET: madeForThisRun('AUTH_HMAC_SECRET') }),
};

let notReady = (): string | undefined => 'starting';
const operations = await serveOperations({
  host: config.GATEWAY_OPS_HOST,
  port: config.GATEWAY_OPS_PORT,
  register,
  ready: () => notReady(),
});
supervisor.onShutdown(() => operations.close());
const [bus, demo] = await Promise.all([connectedBus(), createDemoPage({ login })]);
supervisor.onShutdown(() => bus.close());
const router = createRouter({
  bus,
  clock,
  random,
  config,
  log: routerLog(),
  metrics: createRouterMetrics(register),
});
supervisor.onShutdown(() => router.stop());
router.start();
let port = config.GATEWAY_PORT;
const demoLogin = login
  ? createDemoLogin({
      secret: config.AUTH_HMAC_SECRET as string,
      origins: () => pageOrigins(config, port),
      clock,
    })
  : undefined;
const pages = demoPages(demo, demoLogin);
const gateway = buildGateway({ bus, clock, random, config: nodeConfig(config), log, register, pages });
supervisor.onShutdown(() => gateway.stop());
notReady = () => router.notReady() ?? gateway.notReady();
port = await gateway.start();
// Without a bus outside there is nobody to hand the sessions over to.
if (config.NATS_URL !== undefined) supervisor.onShutdown(() => gateway.drain());
log.info({ event: 'listening', port, opsPort: operations.port }, 'gateway and router listening');
console.error(`\n  Snowshed is up. Open ${pageOrigins(config, port)[0]} in two tabs and call yourself.\n`);

async function connectedBus(): Promise<Bus> {
  const { NATS_URL } = config;
  if (NATS_URL !== undefined) return natsBus(NATS_URL);
  const options = {
    partitions: config.LOG_PARTITIONS,
    bytesMax: config.LOG_BYTES_MAX,
    channelFramesMax: config.LOG_CHANNEL_FRAMES_MAX,
    ttlMsMax: config.LOG_TTL_MAX_MS,
    dedupWindowMs: config.LOG_DEDUP_WINDOW_MS,
    journalTtlMs: config.JOURNAL_TTL_MS,
  };
  return createMemoryBus(options, { clock, random });
}

/** However long it is away; without it there is nobody to serve. */
async function natsBus(NATS_URL: string): Promise<Bus> {
  const [{ BusMisconfigured, connectNatsBus }, { reachBus }] = await Promise.all([
    import('#bus/nats/bus.ts'),
    import('#bus/nats/reach.ts'),
  ]);
  const given = { clock, random, log };
  const metrics = createBusMetrics([register]);
  const reach = reachBus(() => connectNatsBus({ ...config, NATS_URL }, { ...given, metrics }), given);
  notReady = reach.notReached;
  return reach.bus.catch((error: unknown) => {
    if (error instanceof BusMisconfigured) exitMisconfigured(error.message);
    throw error;
  });
}

/** That the only router there is owns each partition is no news. */
function routerLog(): Logger {
  const isAlone = config.NATS_URL === undefined && config.LOG_LEVEL === 'info';
  return isAlone ? log.child({}, { level: 'warn' }) : log;
}

function madeForThisRun(variable: string): string {
  log.warn({ event: 'secret.made', variable }, 'not given, so made for this run only');
  return random.id() + random.id();
}
