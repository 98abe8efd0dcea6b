/**
 * Balancer: a load balancer as small as can be: one port on loopback, each connection to the next backend
 * that takes it. Closed to newcomers it accepts nobody, so that a test decides when clients come back.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface Balancer {
  readonly port: number;
  /** Which backend took the newest connection, as its place in the list. */
  readonly newest: number | undefined;
  /** While false, who connects is cut off at once. */
  takesNewcomers: boolean;
  close(): Promise<void>;
}

/** @param backends URLs; asked for at each connection, tried from the first on. */
export async function startBalancer(backends: () => readonly string[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    keep(client);
    if (balancer.takesNewcomers) void join(client, 0);
    else client.destroy();
  });
  const state: { newest: number | undefined } = { newest: undefined };

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  }

  function join(client: Socket, place: number): void {
    const url = backends()[place];
    if (url === undefined) return void client.destroy();
    const backend = connect(Number(new URL(url).port), '127.0.0.1');
    keep(backend);
    backend.once('error', () => join(client, place + 1));
    backend.once('connect', () => {
      backend.removeAllListeners('error').on('error', () => client.destroy());
      state.newest = place;
      client.pipe(backend).pipe(client);
      client.once('close', () => backend.destroy());
      backend.once('close', () => client.destroy());
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const balancer: Balancer = {
    port: (server.address() as AddressInfo).port,
    get newest() {
      return state.newest;
    },
    takesNewcomers: true,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return balancer;
}
