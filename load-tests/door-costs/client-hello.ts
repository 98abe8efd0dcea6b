/** ClientHello: the first bytes of a TLS client, to be sent again by clients that do no more than begin a handshake. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';

/** As this Node says it. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [bytes] = (await once(
    socket.on('error', () => undefined),
    'data',
  )) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}
