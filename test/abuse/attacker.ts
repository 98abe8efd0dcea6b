/**
 * Attacker: a process of its own with thousands of connections that misbehave as they are told.
 *
 * A process apart, so that its work is not measured as the latency of others, and so that it has file
 * descriptors of its own. It is told by the parent what to do (`orders.ts`) and says how its connections fare.
 */

import { connect, type Socket } from 'node:net';
import { upgradeRequest } from '../contracts/raw-socket.ts';
import { createFrameReader, maskedFrame, opcodes } from '../harness/websocket.ts';
import type { Answer, Fare, Order } from './orders.ts';

interface Connection {
  readonly socket: Socket;
  state: 'connecting' | 'open' | 'closed';
  /** The first line of the answer to its request, or the reason of the close frame. */
  said: string;
  welcomed: boolean;
}

type OpenOrder = Extract<Order, { kind: 'open' }>;

const connections: Connection[] = [];
/** By the text of `body`, when frames with it came, by the wall clock. */
const heardAtMs = new Map<string, number[]>();
/** So many connects are under way at once: fewer than a listener's queue holds. */
const connectsMax = 200;

process.on('message', (order: Order) => {
  void carriedOut(order).then((answer) => process.send?.(answer satisfies Answer));
});
process.on('disconnect', () => process.exit());

async function carriedOut(order: Order): Promise<Answer> {
  switch (order.kind) {
    case 'open':
      await open(order);
      return fare();
    case 'say':
      for (const connection of connections.slice(order.from, order.to))
        for (const text of order.texts) say(connection, text);
      return fare();
    case 'ping':
      for (const connection of connections)
        for (let n = 0; n < order.times; n++) write(connection, maskedFrame(opcodes.ping, Buffer.from('x')));
      return fare();
    case 'stopReading':
      for (const { socket } of connections) socket.pause();
      return fare();
    case 'heard':
      return { kind: 'heard', atMs: heardAtMs.get(order.body) ?? [] };
    case 'fare':
      return fare();
    case 'close':
      for (const { socket } of connections) socket.destroy();
      connections.length = 0;
      return fare();
  }
}

async function open(order: OpenOrder): Promise<void> {
  const { url, count, addresses, hellos } = order;
  const { hostname: host, port } = new URL(url);
  let under = 0;
  const made: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    while (under >= connectsMax) await new Promise((resolve) => setImmediate(resolve));
    under++;
    const localAddress = addresses[i % addresses.length]!;
    const connection = begun(connect({ host, port: Number(port), localAddress }), hellos?.[i]);
    connections.push(connection);
    made.push(
      new Promise((resolve) => {
        const settled = () => {
          under--;
          resolve();
        };
        connection.socket.once('connect', settled).once('error', settled);
      }),
    );
    connection.socket.once('connect', () => speak(connection, order));
  }
  await Promise.all(made);
}

function begun(socket: Socket, hello: string | undefined): Connection {
  const connection: Connection = { socket, state: 'connecting', said: '', welcomed: false };
  let isUpgraded = false;
  const reader = createFrameReader((opcode, payload) => heard(connection, opcode, payload));
  socket.on('data', (bytes: Buffer) => {
    if (isUpgraded) return reader(bytes);
    connection.said ||= bytes.toString('latin1').split('\r\n', 1)[0] ?? '';
    const end = bytes.indexOf('\r\n\r\n');
    isUpgraded = connection.said.includes(' 101 ') && end >= 0;
    if (!isUpgraded) return;
    if (hello !== undefined) say(connection, hello);
    reader(bytes.subarray(end + 4));
  });
  socket.on('connect', () => {
    connection.state = 'open';
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    connection.state = 'closed';
  });
  return connection;
}

function heard(connection: Connection, opcode: number, payload: Buffer): void {
  if (opcode === opcodes.close) connection.said = payload.toString('utf8', 2);
  else if (opcode === opcodes.text) {
    const text = payload.toString('utf8');
    if (text.startsWith('{"type":"welcome"')) connection.welcomed = true;
    else if (text.startsWith('{"type":"frame"')) {
      const { body } = JSON.parse(text) as { body: unknown };
      const times = heardAtMs.get(String(body));
      if (times === undefined) heardAtMs.set(String(body), [Date.now()]);
      else times.push(Date.now());
    }
  }
}

function speak(connection: Connection, { first, tricklesMs, charactersAtOnce = 0 }: OpenOrder): void {
  if (tricklesMs === undefined) {
    return write(connection, Buffer.from(first === 'upgrade' ? upgradeRequest() : first));
  }
  // One byte after the other, for as long as somebody listens.
  let at = charactersAtOnce;
  write(connection, Buffer.from(first.slice(0, at)));
  const timer = setInterval(() => {
    if (connection.state === 'closed' || at >= first.length) clearInterval(timer);
    else write(connection, Buffer.from(first[at++] as string));
  }, tricklesMs);
}

function say(connection: Connection, text: string): void {
  write(connection, maskedFrame(opcodes.text, Buffer.from(text)));
}

function write({ socket }: Connection, bytes: Uint8Array): void {
  if (socket.writable) socket.write(bytes);
}

function fare(): Fare {
  const said: Record<string, number> = {};
  let open = 0;
  let welcomed = 0;
  for (const connection of connections) {
    if (connection.state === 'open') open++;
    if (connection.welcomed) welcomed++;
    said[connection.said] = (said[connection.said] ?? 0) + 1;
  }
  return { kind: 'fare', open, welcomed, said };
}
