/**
 * Handshake order: in which order uWebSockets.js answers connections that came all at once under TLS.
 *
 * `node load-tests/door-costs/handshake-order.ts [--connections 400]`: as it is (the newest first, five per turn of the
 * loop), and with connections paused when they are accepted and resumed five per turn in the order they came.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { pause } from '../bench/scene.ts';
import { makeCertificate } from '../swarm/certificate.ts';
import { clientHello } from './client-hello.ts';

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '400' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(
    'node load-tests/door-costs/handshake-order.ts [--connections N]   (fewer than 512, the backlog)',
  );
  process.exit(0);
}
const count = Number(values.connections);
const PORT = 17_600;
const BLOCKED_MS = 2_000;
const certificate = makeCertificate();
const hello = await clientHello();
for (const way of ['as it is', 'paused']) await told(way);
certificate.remove();

async function told(way: string): Promise<void> {
  const files = [certificate.keyFile, certificate.certFile];
  const server = fork(new URL('./handshake-server.ts', import.meta.url), [way, String(PORT), ...files]);
  await once(server, 'message');
  server.send(BLOCKED_MS);
  await once(server, 'message');
  const answered: number[] = [];
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ port: PORT, host: '127.0.0.1', localAddress: `127.0.0.${2 + (i % 50)}` });
    socket.on('connect', () => socket.write(hello)).on('error', () => undefined);
    socket.once('data', () => answered.push(i));
    sockets.push(socket);
  }
  // Some go while they wait.
  await pause(BLOCKED_MS / 2);
  for (let i = 0; i < count; i += 7) sockets[i]!.resetAndDestroy();
  await pause(2 * BLOCKED_MS);
  for (const socket of sockets) socket.resetAndDestroy();
  server.kill();
  await once(server, 'exit');
  const disordered = answered.filter((i, at) => at > 0 && i < answered[at - 1]!).length;
  console.log(`${way}: ${answered.length} answered, ${disordered} of them before one that came earlier`);
  console.log(`  ${answered.slice(0, 20).join(' ')} …`);
}
