/**
 * Knocker: a process of clients that connect, go as far as they are told, and stay or leave.
 *
 * In a process of its own, so that its work is not taken for the gateway's. `startKnocker` is the measuring process's hold on
 * it.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CONNECT_PATH, SUBPROTOCOL } from '#wire/messages.ts';
import { maskedText } from '../bench/line.ts';

/** How far a client goes. */
export type Goal =
  /** Until the other end closes. */
  | 'closed'
  /** Until an answer to the upgrade: 101 or another. */
  | 'upgraded'
  /** Until the first message after `hello` that is not `wait`. */
  | 'answered';

export interface KnockOrder {
  readonly port: number;
  readonly tls: boolean;
  readonly goal: Goal;
  readonly count: number;
  readonly atOnce: number;
  /** One for each client, if it says any. */
  readonly hellos: readonly string[];
  /** Whether clients stay until the next order to leave. */
  readonly stay: boolean;
}

export interface Knocked {
  /** The first words of what came last, and of how many clients it was so. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The resume token of each client. */
  readonly resumes: readonly string[];
}

export interface Knocker {
  knock(order: KnockOrder): Promise<Knocked>;
  /** Cuts those who stayed, and says how many the gateway had cut before. */
  leave(): Promise<number>;
  close(): void;
}

type Message = { readonly order: KnockOrder } | { readonly order: 'leave' };

export function startKnocker(): Knocker {
  const child: ChildProcess = fork(import.meta.filename, { serialization: 'advanced' });
  const asked = (message: Message) =>
    new Promise<Knocked>((resolve, reject) => {
      child.once('message', (answer: Knocked | string) =>
        typeof answer === 'string' ? reject(new Error(answer)) : resolve(answer),
      );
      child.send(message);
    });
  return {
    knock: (order) => asked({ order }),
    leave: async () => (await asked({ order: 'leave' })).outcomes['gone'] ?? 0,
    close: () => child.disconnect(),
  };
}

const MS_MAX = 20_000;
const UPGRADE = `GET ${CONNECT_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c25vd3NoZWQgYmVuY2hlcw==\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`;
const staying: Socket[] = [];

async function knock({ count, atOnce, ...order }: KnockOrder): Promise<Knocked> {
  const outcomes: Record<string, number> = {};
  const resumes: string[] = [];
  let next = 0;
  async function knockInTurn(): Promise<void> {
    while (next < count) {
      const index = next++;
      const said = await one(order, index);
      const resume = /"resume":"([^"]+)"/.exec(said)?.[1];
      if (resume !== undefined) resumes[index] = resume;
      const words = /^[^\r,}]{0,40}/.exec(said)?.[0] ?? '';
      outcomes[words] = (outcomes[words] ?? 0) + 1;
    }
  }
  await Promise.all(Array.from({ length: atOnce }, knockInTurn));
  return { outcomes, resumes };
}

/** What one client heard last. */
function one(order: Omit<KnockOrder, 'count' | 'atOnce'>, index: number): Promise<string> {
  return new Promise((resolve) => {
    // So many addresses that the ports of none run out.
    const localAddress = `127.0.0.${2 + (index % 200)}`;
    const where = { host: '127.0.0.1', port: order.port, localAddress, noDelay: true };
    const raw = connectTcp(where);
    const socket: Socket = order.tls ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
    let heard = '';
    let upgraded = false;
    const late = setTimeout(() => end('too late'), MS_MAX);
    function end(said: string): void {
      clearTimeout(late);
      socket
        .removeAllListeners('data')
        .removeAllListeners('close')
        .on('error', () => undefined);
      if (order.stay && upgraded) staying.push(raw);
      else raw.resetAndDestroy();
      resolve(said);
    }
    if (order.goal !== 'closed') socket.write(UPGRADE);
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      if (!upgraded) {
        const headEnds = heard.indexOf('\r\n\r\n');
        if (headEnds < 0) return;
        upgraded = heard.startsWith('HTTP/1.1 101');
        if (order.goal !== 'answered' || !upgraded) return end(heard.slice(0, headEnds));
        heard = heard.slice(headEnds + 4);
        socket.write(maskedText(order.hellos[index] ?? ''));
      }
      const at = heard.search(/\{"type":"(?!wait")/);
      // A close frame may follow the last message.
      if (at >= 0 && (heard.endsWith('}') || heard.startsWith('{"type":"bye"', at))) end(heard.slice(at));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
    raw.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
    socket.on('close', () => end('closed'));
  });
}

async function leave(): Promise<Knocked> {
  const sockets = staying.splice(0);
  const gone = sockets.filter(({ destroyed }) => destroyed).length;
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((closed) => {
          // What is closed says so only once.
          if (socket.destroyed) return closed();
          socket.once('close', () => closed()).resetAndDestroy();
        }),
    ),
  );
  return { outcomes: { gone }, resumes: [] };
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.on('message', ({ order }: Message) => {
    (order === 'leave' ? leave() : knock(order)).then(
      (answer) => process.send?.(answer),
      (error) => process.send?.(String(error)),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
