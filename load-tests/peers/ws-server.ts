/**
 * Relay on `ws`: the yardstick once more, on the WebSocket package that most Node programs use.
 *
 * The same protocol, and as little around it.
 */

import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { NAME_CHARS } from '../yardstick/protocol.ts';

const clients = new Map<string, WebSocket>();
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  clientTracking: false,
});

server.on('connection', (socket, request) => {
  const name = (request.url ?? '/').slice(1);
  clients.set(name, socket);
  socket.on('message', (message: Buffer, binary) => {
    const target = message.toString('latin1', 0, NAME_CHARS).trimEnd();
    clients.get(target)?.send(message, { binary });
  });
  socket.on('close', () => clients.delete(name));
  // The lines of a benchmark are cut without a word.
  socket.on('error', () => socket.terminate());
});

server.on('listening', () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: 'listening', port, opsPort: 0 }));
});
