import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '#bus/seams.ts';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { type NatsServer, startNatsServer } from '#test/harness/nats-server.ts';
import { type ServiceProcess, startProcess } from '#test/harness/process.ts';
import { decodeNodeMessage, type PartitionLease } from '#wire/nodes.ts';

const PARTITIONS = 64;

describe('routers as processes', () => {
  let nats: NatsServer;
  let bus: Bus;
  let started = 0;
  const routers: ServiceProcess[] = [];
  const leases = new Map<string, PartitionLease>();

  before(async () => {
    nats = await startNatsServer();
    bus = await connectNode(natsConfig(nats.url, { partitions: PARTITIONS, dedupWindowMs: 5_000 }));
    bus.leases.watch({
      entry({ key, value }) {
        if (key.startsWith('partition.') && value !== undefined)
          leases.set(key, decodeNodeMessage<PartitionLease>(value)!);
      },
      ready: () => undefined,
    });
  });
  after(async () => {
    await Promise.all(routers.map((router) => router.kill()));
    await bus?.close();
    await nats?.close();
  });

  async function router(): Promise<ServiceProcess> {
    const env = {
      NATS_URL: nats.url,
      ROUTER_OPS_PORT: '0',
      LOG_STREAMS: '2',
      LOG_PARTITIONS: `${PARTITIONS}`,
      LOG_BYTES_MAX: '16777216',
      LOG_CHANNEL_FRAMES_MAX: '1000',
      LOG_DEDUP_WINDOW_MS: '5000',
    };
    const one = await startProcess(`router-${++started}`, 'router/main.ts', env);
    routers.push(one);
    await one.ready();
    return one;
  }

  async function untilOwns(
    one: ServiceProcess,
    holds: (partitions: number) => boolean,
    msMax: number,
  ): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      const ms = performance.now() - startMs;
      if (holds(await one.metric('router_partitions_owned'))) return ms;
      assert(
        ms < msMax,
        `${one.name} after ${msMax} ms: ${[...leases.values()].map(({ router }) => router)}`,
      );
      await pause(50);
    }
  }

  test('two share the partitions; a killed one is replaced within five seconds, one that is stopped within one', async () => {
    const first = await router();
    await untilOwns(first, (partitions) => partitions === PARTITIONS, 5_000);
    const second = await router();
    await untilOwns(second, (partitions) => partitions > PARTITIONS / 4, 8_000);
    await untilOwns(first, (partitions) => partitions < (PARTITIONS * 3) / 4, 8_000);

    await first.kill();
    const takenMs = await untilOwns(second, (partitions) => partitions === PARTITIONS, 5_000);
    console.log(`partitions of a killed router taken over after ${Math.round(takenMs)} ms`);
    assert.deepEqual(new Set([...leases.values()].map(({ router }) => router)).size, 1);

    const third = await router();
    await untilOwns(third, (partitions) => partitions > PARTITIONS / 4, 8_000);
    // The killed one may look alive to a router that has just come.
    while ((await third.metric('router_routers_live')) !== 2) await pause(50);
    second.signal('SIGTERM');
    const handedMs = await untilOwns(third, (partitions) => partitions === PARTITIONS, 1_000);
    console.log(`partitions of a stopped router handed over after ${Math.round(handedMs)} ms`);
    assert.equal(await second.exited, 0);
  });

  test('[P7] with the bus gone it stays up and says that it is not ready, and takes its partitions again', async () => {
    const one = await router();
    await nats.kill();
    for (let i = 0; i < 100 && (await fetch(`${one.opsUrl}/readyz`)).ok; i++) await pause(100);
    assert.equal((await fetch(`${one.opsUrl}/readyz`)).status, 503);
    assert.equal((await fetch(`${one.opsUrl}/healthz`)).status, 200);
    await nats.start();
    await one.ready();
    assert.equal(one.running, true);
  });
});

test('bounds of the spread that leave nothing between them end a router with 78', async () => {
  const env = { ADMISSION_SPREAD_MS_MIN: '5000', ADMISSION_SPREAD_MS_MAX: '4999' };
  await assert.rejects(
    startProcess('router', 'router/main.ts', { ...env, ROUTER_OPS_PORT: '0' }),
    (error: Error) => {
      assert.match(error.message, /ended with 78/);
      assert.match(error.message, /ADMISSION_SPREAD_MS_MIN is larger than ADMISSION_SPREAD_MS_MAX/);
      return true;
    },
  );
});
