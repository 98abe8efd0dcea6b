/**
 * Socket.IO server: the relay that its documentation leads to: a room for every user, and an acknowledgement when the
 * frame was handed on.
 *
 * One process, nothing kept (its `connectionStateRecovery` is off, as it is by default), and nobody asked who he is.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';

/** Longer than a benchmark: idle is idle for all. */
const PING_MS = 3_600_000;

const http = createServer();
const server = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  pingInterval: PING_MS,
  pingTimeout: PING_MS,
});

server.on('connection', (socket) => {
  const { name } = socket.handshake.auth as { name: string };
  socket.join(name);
  socket.on('send', (target: string, body: string, acknowledge: () => void) => {
    server.to(target).emit('frame', name, body);
    acknowledge();
  });
});

http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as AddressInfo;
  console.log(JSON.stringify({ event: 'listening', port, opsPort: 0 }));
});
