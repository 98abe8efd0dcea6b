import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { parseMetrics, sumOf } from '#test/harness/metrics.ts';
import { startNatsCluster } from '#test/harness/nats-server.ts';
import { createBusMetrics } from '../metrics.ts';

test('how full each stream is and how many copies stand is asked of its leader, and a copy that died is missed', async () => {
  await using cluster = await startNatsCluster(3);
  const register = new Registry();
  const config = natsConfig(
    cluster.url,
    {},
    { LOG_REPLICAS: 3, LOG_STREAMS: 2, LOG_BYTES_MAX: 64 * 1_048_576 },
  );
  const bus = await connectNode(config, createBusMetrics([register]));
  try {
    const stream = 'snowshed-log-0';
    const metric = async (name: string) => sumOf(parseMetrics(await register.metrics()), name, { stream });
    assert.equal(await metric('bus_stream_replicas_configured'), 3);
    assert.equal(await metric('bus_stream_bytes_max'), 32 * 1_048_576);
    assert.equal(await metric('bus_stream_messages'), 0);

    async function untilReplicas(count: number): Promise<void> {
      for (let attempt = 0; (await metric('bus_stream_replicas')) !== count; attempt++) {
        assert(attempt < 150, `never ${count} copies`);
        await pause(200);
        await bus.log.end(0).catch(() => undefined);
      }
    }
    await untilReplicas(3);
    await cluster.servers[2]?.kill();
    await untilReplicas(2);
  } finally {
    await bus.close();
  }
});
