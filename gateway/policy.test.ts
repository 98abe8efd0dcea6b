/** Tests of the policy: what the bounds of the configuration mean for those who send. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { busProperties } from '#bus/config.ts';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { GatewayConfig } from './config.ts';
import { gatewayPolicy, sessionLimits } from './policy.ts';

test('in the shortest window that the log may be given, a frame without an answer can be repeated', () => {
  const { minimum } = busProperties.LOG_DEDUP_WINDOW_MS as { readonly minimum?: number };
  const env = { LOG_DEDUP_WINDOW_MS: `${minimum}`, LOG_TTL_MAX_MS: `${minimum}` };
  const { LOG_DEDUP_WINDOW_MS, LOG_TTL_MAX_MS } = readConfig(Type.Object(busProperties), env);
  const deps = { clock: createVirtualClock(), random: createSeededRandom(1) };
  const bus = createMemoryBus({ dedupWindowMs: LOG_DEDUP_WINDOW_MS, ttlMsMax: LOG_TTL_MAX_MS }, deps);
  const config = readConfig(GatewayConfig, env);
  const { repeatMs } = sessionLimits(config, gatewayPolicy(config, bus.log, 'g1'));
  // The bus waits two and a half seconds for the answer to an append.
  assert(repeatMs > 2_500, `${repeatMs}`);
});
