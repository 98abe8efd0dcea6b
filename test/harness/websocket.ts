/**
 * WebSocket: a client's end of RFC 6455 for tests, lean enough for thousands and free to break the rules.
 *
 * It shares no code with what is tested: Node's HTTP client for the upgrade, its own frames after that.
 * A test may send any opcode and any bytes, set any header, and cut the line without a closing handshake.
 */

import { randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import type { Socket } from 'node:net';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface WebSocketEvents {
  text(text: string): void;
  /** 1006 where the line ended without a closing frame. */
  closed(code: number, reason: string): void;
}

export interface RawWebSocket {
  /** The subprotocol that the server chose. */
  readonly subprotocol: string | undefined;
  sendText(text: string): void;
  sendFrame(opcode: number, payload: Uint8Array, final?: boolean): void;
  /** Says goodbye with a closing frame. */
  close(code?: number): void;
  /** Cuts the line without a word. */
  destroy(): void;
  /** Stops reading, as a client does whose network hangs. */
  pause(): void;
  unpause(): void;
}

export interface OpeningOptions {
  readonly subprotocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** The upgrade was refused: the status and body of the answer. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly body: string;
  constructor(status: number, body: string) {
    super(`the upgrade was refused with ${status}: ${body.slice(0, 200)}`);
    this.name = 'UpgradeRefused';
    this.status = status;
    this.body = body;
  }
}

/** Opens a connection; rejects with {@link UpgradeRefused} or the error of the network. */
export function openWebSocket(
  url: string,
  options: OpeningOptions,
  events: WebSocketEvents,
): Promise<RawWebSocket> {
  const headers: Record<string, string> = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...options.headers,
  };
  if (options.subprotocols !== undefined) headers['Sec-WebSocket-Protocol'] = options.subprotocols.join(', ');
  return new Promise((resolve, reject) => {
    const [to, how] = [url.replace(/^ws/, 'http'), { headers, agent: false }];
    // A certificate that a test has made for itself.
    const opening = to.startsWith('https:')
      ? requestSecurely(to, { ...how, rejectUnauthorized: false })
      : request(to, how);
    opening.on('upgrade', (answer: IncomingMessage, socket: Socket, head: Buffer) => {
      resolve(serveSocket(socket, head, answer.headers['sec-websocket-protocol'], events));
    });
    opening.on('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => reject(new UpgradeRefused(answer.statusCode ?? 0, body)));
    });
    opening.on('error', reject);
    opening.end();
  });
}

function serveSocket(
  socket: Socket,
  head: Buffer,
  subprotocol: string | undefined,
  events: WebSocketEvents,
): RawWebSocket {
  let closing: { code: number; reason: string } | undefined;
  const reader = createFrameReader((opcode, payload) => {
    if (opcode === opcodes.text || opcode === opcodes.binary) events.text(payload.toString('utf8'));
    else if (opcode === opcodes.ping) write(opcodes.pong, payload);
    else if (opcode === opcodes.close) {
      closing = closingOf(payload);
      write(opcodes.close, payload.subarray(0, 2));
      socket.end();
    }
  });
  function write(opcode: number, payload: Uint8Array, final = true): void {
    if (socket.writable) socket.write(maskedFrame(opcode, payload, final));
  }
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => reader(bytes));
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => events.closed(closing?.code ?? 1006, closing?.reason ?? ''));
  // What came with the answer to the upgrade is read when the caller has the connection in hand.
  setImmediate(() => reader(head));
  return {
    subprotocol,
    sendText: (text) => write(opcodes.text, Buffer.from(text)),
    sendFrame: write,
    close: (code = 1000) => write(opcodes.close, Buffer.from([code >> 8, code & 255])),
    destroy: () => socket.destroy(),
    pause: () => socket.pause(),
    unpause: () => socket.resume(),
  };
}

function closingOf(payload: Buffer): { code: number; reason: string } {
  if (payload.length < 2) return { code: 1005, reason: '' };
  return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) };
}

/** One frame with the mask that RFC 6455 §5.3 asks of clients. */
export function maskedFrame(opcode: number, payload: Uint8Array, final = true): Buffer {
  const long = payload.length > 65_535 ? 8 : payload.length > 125 ? 2 : 0;
  const frame = Buffer.allocUnsafe(2 + long + 4 + payload.length);
  frame[0] = (final ? 0x80 : 0) | opcode;
  frame[1] = 0x80 | (long === 8 ? 127 : long === 2 ? 126 : payload.length);
  if (long === 8) frame.writeBigUInt64BE(BigInt(payload.length), 2);
  else if (long === 2) frame.writeUInt16BE(payload.length, 2);
  const maskAt = 2 + long;
  const mask = randomBytes(4);
  mask.copy(frame, maskAt);
  for (let i = 0; i < payload.length; i++) {
    frame[maskAt + 4 + i] = (payload[i] as number) ^ (mask[i & 3] as number);
  }
  return frame;
}

/** Whole messages out of a stream of bytes; those in fragments are put together. */
export function createFrameReader(
  message: (opcode: number, payload: Buffer) => void,
): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let fragments: Buffer[] = [];
  let fragmentOpcode = 0;
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (let frame = frameAt(rest); frame !== undefined; frame = frameAt(rest)) {
      rest = rest.subarray(frame.end);
      if (frame.opcode >= 8) message(frame.opcode, frame.payload);
      else if (frame.final && frame.opcode !== 0) message(frame.opcode, frame.payload);
      else {
        if (frame.opcode !== 0) fragmentOpcode = frame.opcode;
        fragments.push(frame.payload);
        if (!frame.final) continue;
        message(fragmentOpcode, Buffer.concat(fragments));
        fragments = [];
      }
    }
  };
}

interface ReadFrame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  readonly end: number;
}

function frameAt(bytes: Buffer): ReadFrame | undefined {
  if (bytes.length < 2) return undefined;
  const first = bytes[0] as number;
  const short = (bytes[1] as number) & 127;
  const start = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < start) return undefined;
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  const end = start + length;
  if (bytes.length < end) return undefined;
  return { final: first >= 128, opcode: first & 15, payload: bytes.subarray(start, end), end };
}
