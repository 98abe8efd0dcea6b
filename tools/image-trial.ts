/**
 * Image trial: runs inside the image that `tools/image.sh` has built; a router and two gateways, and two clients between them.
 *
 * It starts only what the image itself brings, on loopback, and asks that nobody runs as root. The bus is given (`NATS_URL`).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

const secret = randomBytes(48).toString('base64');
const ports = { clients: [17_600, 17_610], operations: [17_601, 17_602, 17_611] };
const env = { ...process.env, SNOWSHED_SECRET: secret, AUTH_HMAC_SECRET: secret, LOG_LEVEL: 'warn' };
const READY_MS_MAX = 60_000;

if (process.getuid?.() !== 10_001) throw new Error(`runs as user ${process.getuid?.()}`);
const [first = 0, second = 0, third = 0] = ports.operations;
const running = [
  start('router/main.ts', { ROUTER_OPS_PORT: String(third) }),
  ...[first, second].map((port, index) =>
    start('gateway/main.ts', { GATEWAY_OPS_PORT: String(port), GATEWAY_PORT: String(ports.clients[index]) }),
  ),
];
try {
  for (const port of ports.operations) {
    await answers(`http://127.0.0.1:${port}/healthz`);
    await answers(`http://127.0.0.1:${port}/readyz`);
  }
  const url = ports.clients.map((port) => `ws://127.0.0.1:${port}`).join(',');
  const exchange = start('ops/exchange.ts', { EXCHANGE_URL: url });
  process.exitCode = await new Promise<number>((resolve) => {
    exchange.on('exit', (code) => resolve(code ?? 1));
  });
} finally {
  for (const child of running) child.kill('SIGKILL');
}

function start(main: string, more: Readonly<Record<string, string>>): ChildProcess {
  return spawn('node', [main], { env: { ...env, ...more }, stdio: 'inherit' });
}

async function answers(url: string): Promise<void> {
  const endMs = Date.now() + READY_MS_MAX;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    if (Date.now() > endMs) throw new Error(`${url} does not answer: ${await response?.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
