/**
 * Line: the client's end of one WebSocket, plain or over TLS, lean enough that a process holds tens of thousands.
 *
 * All lines of a process read into one buffer, so nothing is allocated for one that is silent. Frames are written with
 * an all-zero mask (RFC 6455 §5.3 asks for a mask, the server unmasks all the same).
 */

import { connect, type Socket } from 'node:net';
import { CONNECT_PATH, SUBPROTOCOL } from '#wire/messages.ts';
import { maskedText } from '../bench/line.ts';
import { TlsClient } from './tls.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface LineOwner {
  /** The WebSocket stands. */
  opened(line: Line): void;
  /** A whole text message: it lies in `bytes` from `start` to `end`, during the call only. */
  heard(line: Line, bytes: Buffer, start: number, end: number): void;
  /** Once, unless the owner let go of it first. `refusal`: what was answered instead of an upgrade. */
  ended(line: Line, refusal: string | undefined): void;
}

const shared = Buffer.allocUnsafe(65_536);
const TEXT_MAX = 1;
const CLOSE = 8;
const PING = 9;

export class Line {
  #owner: LineOwner | undefined;
  readonly #socket: Socket;
  readonly #tls: TlsClient | undefined;
  #upgraded: boolean;
  #rest: Buffer | undefined;
  #refusal: string | undefined;

  /** @param from the address of this machine that it comes from. */
  constructor(owner: LineOwner, to: Place, from: string, tls: boolean) {
    this.#owner = owner;
    this.#upgraded = false;
    this.#rest = undefined;
    this.#refusal = undefined;
    const socket = connect({
      host: to.host,
      port: to.port,
      localAddress: from,
      noDelay: true,
      onread: { buffer: shared, callback: (length, buffer) => this.#read(buffer as Buffer, length) },
    });
    this.#socket = socket;
    const ask = () => this.#write(upgradeRequest(to));
    this.#tls = tls ? new TlsClient((bytes) => socket.write(bytes), ask) : undefined;
    socket.on('connect', () => (this.#tls === undefined ? ask() : this.#tls.start()));
    socket.on('error', () => {});
    socket.on('close', () => this.#ended());
  }

  send(text: string): void {
    this.#write(maskedText(text));
  }

  /** Leaves; the owner hears no more of it. */
  close(): void {
    this.#owner = undefined;
    this.#socket.destroy();
  }

  /** Is gone without a word and without a rest of state in the kernel. */
  cut(): void {
    this.#owner = undefined;
    this.#socket.resetAndDestroy();
  }

  #write(bytes: Uint8Array): void {
    this.#socket.write(this.#tls === undefined ? bytes : this.#tls.sealed(bytes));
  }

  #read(buffer: Buffer, length: number): boolean {
    if (this.#owner === undefined) return true;
    const bytes = buffer.subarray(0, length);
    if (this.#tls === undefined) this.#take(bytes);
    else {
      try {
        this.#tls.take(bytes, (plain) => this.#take(plain));
      } catch {
        this.#socket.destroy();
      }
    }
    return true;
  }

  #take(read: Buffer): void {
    const bytes = this.#rest === undefined ? read : Buffer.concat([this.#rest, read]);
    const end = this.#upgraded ? this.#frames(bytes) : this.#upgrade(bytes);
    // What is kept must not lie in the buffer that is read into.
    this.#rest = end === bytes.length ? undefined : Buffer.from(bytes.subarray(end));
  }

  #upgrade(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    if (!bytes.toString('latin1', 0, 12).startsWith('HTTP/1.1 101')) {
      this.#refusal = bytes.toString('latin1', 9, 12);
      this.#socket.destroy();
      return bytes.length;
    }
    this.#upgraded = true;
    this.#owner?.opened(this);
    return end + 4 + this.#frames(bytes.subarray(end + 4));
  }

  /** Hands on what is whole; gives where the rest begins. */
  #frames(bytes: Buffer): number {
    let at = 0;
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1]! & 127;
      const start = at + (short === 127 ? 10 : short === 126 ? 4 : 2);
      if (start > bytes.length) break;
      const length =
        short === 127 ? bytes.readUInt32BE(at + 6) : short === 126 ? bytes.readUInt16BE(at + 2) : short;
      const end = start + length;
      if (end > bytes.length) break;
      this.#frame(bytes, bytes[at]! & 15, start, end);
      at = end;
    }
    return at;
  }

  #frame(bytes: Buffer, opcode: number, start: number, end: number): void {
    if (opcode <= TEXT_MAX) this.#owner?.heard(this, bytes, start, end);
    else if (opcode === PING) this.#write(pong);
    else if (opcode === CLOSE) this.#socket.destroy();
  }

  #ended(): void {
    const owner = this.#owner;
    this.#owner = undefined;
    owner?.ended(this, this.#refusal);
  }
}

/** The service's pings carry nothing. */
const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const upgradeRequests = new Map<string, Buffer>();

function upgradeRequest({ host, port }: Place): Buffer {
  const key = `${host}:${port}`;
  const kept = upgradeRequests.get(key);
  if (kept !== undefined) return kept;
  const lines = [
    `GET ${CONNECT_PATH} HTTP/1.1`,
    `Host: ${key}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: c25vd3NoZWQgYmVuY2hlcw==',
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  ];
  const request = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  upgradeRequests.set(key, request);
  return request;
}
