/**
 * Main: a router as a process of its own, on NATS.
 */

import '#runtime/node-version.ts';
import { Registry } from 'prom-client';
import { busConfigProblem } from '#bus/config.ts';
import { createBusMetrics } from '#bus/metrics.ts';
import { BusMisconfigured, connectNatsBus } from '#bus/nats/bus.ts';
import { reachBus } from '#bus/nats/reach.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { configOrExit, exitMisconfigured } from '#runtime/config.ts';
import { serveOperations } from '#runtime/health.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { createSupervisor } from '#runtime/shutdown.ts';
import { RouterConfig, spreadContradiction } from './config.ts';
import { createRouterMetrics } from './metrics.ts';
import { createRouter } from './router.ts';

const config = configOrExit(RouterConfig, [busConfigProblem, spreadContradiction]);
const clock = createSystemClock();
const random = createSystemRandom();
const log = createLogger('router', config.LOG_LEVEL);
const supervisor = createSupervisor(log, clock);
const register = new Registry();

const metrics = createBusMetrics([register]);
const reach = reachBus(() => connectNatsBus(config, { clock, random, log, metrics }), { clock, random, log });
let ready = reach.notReached;
const operations = await serveOperations({
  host: config.ROUTER_OPS_HOST,
  port: config.ROUTER_OPS_PORT,
  register,
  ready: () => ready(),
});
supervisor.onShutdown(() => operations.close());
log.info({ event: 'operations.listening', opsPort: operations.port }, 'health and metrics are served');
const bus = await reach.bus.catch((error: unknown) => {
  if (error instanceof BusMisconfigured) exitMisconfigured(error.message);
  throw error;
});
supervisor.onShutdown(() => bus.close());
const router = createRouter({ bus, clock, random, config, log, metrics: createRouterMetrics(register) });
ready = router.notReady;
router.start();
supervisor.onShutdown(() => router.stop());
log.info({ event: 'listening', opsPort: operations.port, router: router.id }, 'router listening');
