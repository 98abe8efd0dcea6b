/**
 * Raw socket: a WebSocket or HTTP client that does what no library would do, byte by byte.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '#wire/messages.ts';

export interface RawSocket {
  readonly socket: Socket;
  /** Everything that came. */
  received(): Buffer;
  /** When at least this text, or this many bytes, came. */
  until(what: string | number): Promise<Buffer>;
  readonly closed: Promise<unknown>;
}

export async function rawSocket(port: number): Promise<RawSocket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  let received: Buffer = Buffer.alloc(0);
  let look = () => {};
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    look();
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  return {
    socket,
    received: () => received,
    async until(what) {
      const here = () => (typeof what === 'string' ? received.includes(what) : received.length >= what);
      while (!here()) await Promise.race([closed, new Promise<void>((resolve) => (look = resolve))]);
      return received;
    },
    closed,
  };
}

/** The head of a WebSocket request, with other headers put over it. */
export function upgradeRequest(headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': SUBPROTOCOL,
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /v1/connect HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export const TEXT = 1;

/** One frame as clients send it: masked (RFC 6455 §5.2). */
export function clientFrame(opcode: number, payload: Uint8Array | string): Buffer {
  const data = Buffer.from(payload as string);
  const head =
    data.length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | data.length])
      : Buffer.from([0x80 | opcode, 0x80 | 126, data.length >> 8, data.length & 255]);
  // A mask of zeros changes nothing.
  return Buffer.concat([head, Buffer.alloc(4), data]);
}

/** A PROXY protocol v2 header for TCP over IPv4. */
export function proxyHeader(address: string): Buffer {
  const bytes = address.split('.').map(Number);
  return Buffer.from([
    ...Buffer.from('\r\n\r\n\0\r\nQUIT\n'),
    ...[0x21, 0x11, 0, 12],
    ...[...bytes, 127, 0, 0, 1, 0x12, 0x34, 0x1d, 0xb0],
  ]);
}
