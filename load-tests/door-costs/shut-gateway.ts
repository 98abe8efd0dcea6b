/**
 * Shut gateway: what a balancer sees of a gateway that stops listening for a moment: its port is closed, its connections live.
 *
 * Whoever comes gets the answer to an upgrade with the gateway's name, and what he says later comes back.
 */

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';

export interface ShutGateway {
  open(): Promise<void>;
  /** Those who are in stay in. */
  shut(): void;
  /** The longest that it listened and nobody came, in milliseconds; the time it did not listen is not in it. */
  leftOutMs(): number;
  close(): void;
}

export async function startShutGateway(name: string, port: number, opsPort: number): Promise<ShutGateway> {
  const sockets = new Set<Socket>();
  const ops = createHttpServer((_, response) => void response.end('ready')).listen(opsPort, '127.0.0.1');
  await once(ops, 'listening');
  let server: Server | undefined;
  let sinceMs = 0;
  let listenedMs = 0;
  let longestMs = 0;
  function counted(): void {
    const nowMs = performance.now();
    if (server !== undefined) listenedMs += nowMs - sinceMs;
    sinceMs = nowMs;
    longestMs = Math.max(longestMs, listenedMs);
  }
  function came(socket: Socket): void {
    sockets.add(socket);
    let answered = false;
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => {
      if (answered) return void socket.write(bytes);
      answered = true;
      counted();
      listenedMs = 0;
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n${name}`);
    });
  }
  return {
    async open() {
      counted();
      server = createServer(came).listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    shut() {
      counted();
      server?.close();
      server = undefined;
    },
    leftOutMs() {
      counted();
      return longestMs;
    },
    close() {
      ops.close();
      ops.closeAllConnections();
      server?.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
