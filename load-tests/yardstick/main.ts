/**
 * Yardstick: the least a relay of frames can be, by which every cost of ours is measured.
 *
 * One process on bare uWebSockets.js: a client says its name in the path of the upgrade, a message begins with the
 * name of its target, padded to `NAME_CHARS`, and the bytes go on as they came. No session, no identity, no
 * protocol, nothing kept. It is committed once and not improved, so that figures of different days compare.
 */

import { uws, type WebSocket } from '#runtime/uws.ts';
import { NAME_CHARS } from './protocol.ts';

interface Client {
  readonly name: string;
}

const clients = new Map<string, WebSocket<Client>>();

const app = uws.App().ws<Client>('/*', {
  compression: uws.DISABLED,
  maxPayloadLength: 131_072,
  idleTimeout: 0,
  upgrade(response, request, context) {
    response.upgrade<Client>(
      { name: request.getUrl().slice(1) },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  open(socket) {
    clients.set(socket.getUserData().name, socket);
  },
  message(_socket, message, isBinary) {
    const target = Buffer.from(message, 0, NAME_CHARS).toString('latin1').trimEnd();
    clients.get(target)?.send(message, isBinary);
  },
  close(socket) {
    clients.delete(socket.getUserData().name);
  },
});

app.listen('127.0.0.1', 0, (listener) => {
  if (listener === false) throw new Error('the yardstick cannot listen');
  const port = uws.us_socket_local_port(listener);
  console.log(JSON.stringify({ event: 'listening', port, opsPort: 0 }));
});
