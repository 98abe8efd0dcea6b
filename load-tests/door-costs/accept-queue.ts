/**
 * Accept queue: what it costs to ask Linux how many connections wait to be accepted, while many sockets are open.
 *
 * `node load-tests/door-costs/accept-queue.ts [--connections 4000]`; each is two sockets, since both ends are here.
 */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '4000' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log('node load-tests/door-costs/accept-queue.ts [--connections N]');
  process.exit(0);
}
const buffer = Buffer.alloc(1 << 16);
const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const sockets: Socket[] = [];
while (sockets.length < Number(values.connections)) {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  sockets.push(socket);
}
console.log(`${2 * sockets.length} sockets`);
told('first 4 kB of /proc/net/tcp', 200, () => first('/proc/net/tcp'));
told('first 4 kB of /proc/net/tcp6', 20, () => first('/proc/net/tcp6'));
told('all of /proc/net/tcp', 5, whole);
told('ss', 5, () => execFileSync('ss', ['-Hltn', `sport = :${port}`]));
process.exit(0);

function told(what: string, times: number, look: () => unknown): void {
  const beganMs = performance.now();
  for (let i = 0; i < times; i++) look();
  console.log(`${what}: ${((performance.now() - beganMs) / times).toFixed(2)} ms`);
}

function first(path: string): void {
  const file = openSync(path, 'r');
  readSync(file, buffer, 0, 4_096, 0);
  closeSync(file);
}

function whole(): void {
  const file = openSync('/proc/net/tcp', 'r');
  while (readSync(file, buffer, 0, buffer.length, null) > 0);
  closeSync(file);
}
