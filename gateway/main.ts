/**
 * Main: a gateway as a process of its own, on NATS.
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
import { buildGateway, gatewayChecks } from './build.ts';
import { GatewayConfig } from './config.ts';
import { identityChecks } from './identity/config.ts';

const config = configOrExit(GatewayConfig, [...identityChecks, ...gatewayChecks, busConfigProblem]);
const clock = createSystemClock();
const random = createSystemRandom();
const log = createLogger('gateway', config.LOG_LEVEL);
const supervisor = createSupervisor(log, clock);
const register = new Registry();

const metrics = createBusMetrics([register]);
const reach = reachBus(() => connectNatsBus(config, { clock, random, log, metrics }), { clock, random, log });
let ready = reach.notReached;
const operations = await serveOperations({
  host: config.GATEWAY_OPS_HOST,
  port: config.GATEWAY_OPS_PORT,
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
const gateway = buildGateway({ bus, clock, random, config, log, register });
ready = gateway.notReady;
supervisor.onShutdown(() => gateway.stop());
const port = await gateway.start();
supervisor.onShutdown(() => gateway.drain());
log.info({ event: 'listening', port, opsPort: operations.port }, 'gateway listening');
