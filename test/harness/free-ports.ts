/**
 * Free ports: of loopback, below those that the kernel gives out by itself, so that a server that is killed finds its own
 * again however many connections begin meanwhile.
 */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** The kernel begins at 32,768 where nobody told it otherwise (`net.ipv4.ip_local_port_range`). */
const [LEAST, LIMIT] = [20_000, 32_000];
const TRIES_MAX = 100;

/** Ports that nobody listens on now. All are held at once, so that none is given twice. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(Array.from({ length: count }, () => held()));
  const ports = holders.map((holder) => {
    const address = holder.address();
    assert(address !== null && typeof address === 'object');
    return address.port;
  });
  await Promise.all(holders.map((holder) => new Promise((closed) => holder.close(closed))));
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

async function held(): Promise<Server> {
  for (let tries = 1; ; tries++) {
    try {
      return await listening(randomInt(LEAST, LIMIT));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === TRIES_MAX) throw error;
    }
  }
}

function listening(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
