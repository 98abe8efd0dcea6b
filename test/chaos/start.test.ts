/** That a process which starts while the bus is away waits for it, and what no waiting mends ends it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../harness/free-ports.ts';
import { startNatsServer } from '../harness/nats-server.ts';
import { startProcess } from '../harness/process.ts';
import { createHmacIssuer } from '../harness/tokens.ts';

const small = { LOG_BYTES_MAX: '16777216', LOG_CHANNEL_FRAMES_MAX: '1000', LOG_STREAMS: '2' };
const identity = { ...createHmacIssuer().env, SNOWSHED_SECRET: 'x'.repeat(48), GATEWAY_PORT: '0' };

async function said(opsPort: number, path: string): Promise<string> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${opsPort}${path}`).catch(() => undefined);
    if (answer !== undefined) return `${answer.status} ${await answer.text()}`;
    await pause(50);
  }
}

async function saysNotReady(opsPort: number, why: RegExp): Promise<void> {
  for (;;) {
    const text = await said(opsPort, '/readyz');
    assert.match(text, /^503 not ready: /);
    if (why.test(text)) return;
    await pause(50);
  }
}

test('[P7] started while the bus is away, a router, a gateway and both in one process are alive, say why they are not ready, and wait', async (t) => {
  await using nats = await startNatsServer();
  await nats.stop();
  const [routerOps, gatewayOps, bothOps] = (await freePorts(3)) as [number, number, number];
  const env = { NATS_URL: nats.url, ...small };
  const starting = Promise.all([
    startProcess('router-1', 'router/main.ts', { ...env, ROUTER_OPS_PORT: `${routerOps}` }),
    startProcess('gateway-1', 'gateway/main.ts', { ...env, ...identity, GATEWAY_OPS_PORT: `${gatewayOps}` }),
    startProcess('both', 'all-in-one/main.ts', { ...env, ...identity, GATEWAY_OPS_PORT: `${bothOps}` }),
  ]);
  for (const port of [routerOps, gatewayOps, bothOps]) {
    await saysNotReady(port, /bus cannot be reached.*NATS_URL/);
    assert.equal(await said(port, '/healthz'), '200 alive\n');
  }
  await nats.start();
  const processes = await starting;
  t.after(() => Promise.all(processes.map((one) => one.kill())));
  for (const one of processes) {
    await one.ready();
    assert(one.lines.some((line) => line.includes('"bus.unreachable"')));
  }
});

test('[P7] a bus that refuses the credentials is named', async (t) => {
  await using nats = await startNatsServer({ args: ['--user', 'somebody', '--pass', 'else'] });
  const [opsPort] = (await freePorts(1)) as [number];
  const env = { ...small, NATS_URL: nats.url, ROUTER_OPS_PORT: `${opsPort}` };
  const stranger = spawn(process.execPath, ['router/main.ts'], { env });
  t.after(() => stranger.kill('SIGKILL'));
  await saysNotReady(opsPort, /refuses our credentials/);
  assert.equal(stranger.exitCode, null);
});

test('a stream that stands there with other settings ends the process with 78, and says so', async (t) => {
  await using nats = await startNatsServer();
  const env = { ...small, NATS_URL: nats.url, ROUTER_OPS_PORT: '0' };
  const first = await startProcess('router-1', 'router/main.ts', env);
  t.after(() => first.kill());
  const second = startProcess('router-2', 'router/main.ts', { ...env, LOG_DEDUP_WINDOW_MS: '5000' });
  await assert.rejects(second, (error: Error) => {
    assert.match(error.message, /ended with 78/);
    assert.match(error.message, /configuration: stream .* stands there with other settings/);
    return true;
  });
});
