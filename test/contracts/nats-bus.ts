/** NATS bus under test: one more node of the bus that a real server carries. */

import type { BusConfig } from '#bus/config.ts';
import { createBusMetrics } from '#bus/metrics.ts';
import { connectNatsBus } from '#bus/nats/bus.ts';
import type { Bus } from '#bus/seams.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { type BusLimits, limitsDefault } from './bus-under-test.ts';

const clock = createSystemClock();
const random = createSystemRandom();
const log = createLogger('test', 'fatal');

/** The configuration a test's nodes share. */
export function natsConfig(
  url: string,
  limits: Partial<BusLimits> = {},
  more: Partial<BusConfig> = {},
): BusConfig {
  const { partitions, bytesMax, channelFramesMax, dedupWindowMs } = { ...limitsDefault, ...limits };
  return {
    NATS_URL: url,
    LOG_PARTITIONS: partitions,
    LOG_STREAMS: Math.min(2, partitions),
    LOG_STORAGE: 'file',
    LOG_REPLICAS: 1,
    LOG_BYTES_MAX: bytesMax,
    LOG_CHANNEL_FRAMES_MAX: channelFramesMax,
    LOG_TTL_MAX_MS: 86_400_000,
    LOG_DEDUP_WINDOW_MS: dedupWindowMs,
    JOURNAL_TTL_MS: 604_800_000,
    ...more,
  };
}

export function connectNode(config: BusConfig, metrics = createBusMetrics([])): Promise<Bus> {
  return connectNatsBus(config, { clock, random, log, metrics });
}
