/**
 * Main: a gateway as a process of its own, on NATS.
 */

import '#runtime/node-version.ts';
import { Registry } from 'prom-client';
import { busConfigProblem } from '#bus/config.ts';
import { createBusMetrics } from '#bus/metrics.ts';
import { connectNatsBus } from '#bus/nats/bus.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { configOrExit } from '#runtime/config.ts';
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

const bus = await connectNatsBus(config, { clock, random, log, metrics: createBusMetrics([register]) });
supervisor.onShutdown(() => bus.close());
const gateway = buildGateway({ bus, clock, random, config, log, register });
supervisor.onShutdown(() => gateway.stop());
const operations = await serveOperations({
  host: config.GATEWAY_OPS_HOST,
  port: config.GATEWAY_OPS_PORT,
  register,
  ready: gateway.notReady,
});
supervisor.onShutdown(() => operations.close());
const port = await gateway.start();
supervisor.onShutdown(() => gateway.drain());
log.info({ event: 'listening', port, opsPort: operations.port }, 'gateway listening');
