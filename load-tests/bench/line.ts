/**
 * Line: the client's end of one WebSocket, lean enough that a load of thousands costs little beside what it measures.
 *
 * Frames are written with an all-zero mask (RFC 6455 §5.3 asks for a mask, the server unmasks all the same), so that
 * a message prepared once is sent with a few bytes changed. What comes in is handed on as a view of the bytes read.
 */

import { connect, type Socket } from 'node:net';

/** Told of each whole text message: it lies in `bytes` from `start` to `end`, during the call only. */
export type Heard = (line: Line, bytes: Buffer, start: number, end: number) => void;

export interface Line {
  /** What the owner keeps of it. */
  readonly owner: number;
  readonly socket: Socket;
  heard: Heard;
  /** Told when the connection is gone. */
  lost: (line: Line) => void;
  rest: Buffer | undefined;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly subprotocol: string | undefined;
}

const CONTINUATION_OR_TEXT_MAX = 1;
const PING = 9;
const nothing: Buffer = Buffer.alloc(0);

/** Opens a connection; `opened` is called with it after the upgrade, or with what went wrong. */
export function openLine(
  address: Address,
  owner: number,
  heard: Heard,
  opened: (line: Line | Error) => void,
): void {
  const socket = connect({ host: address.host, port: address.port, noDelay: true });
  const line: Line = { owner, socket, heard, lost: () => undefined, rest: nothing };
  let upgraded = false;
  socket.write(upgradeRequest(address));
  socket.on('data', (bytes: Buffer) => {
    if (upgraded) return taken(line, bytes);
    line.rest = Buffer.concat([line.rest ?? nothing, bytes]);
    const end = line.rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = line.rest.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101')) {
      socket.destroy();
      return opened(new Error(`the upgrade was refused: ${head.slice(0, 200)}`));
    }
    upgraded = true;
    const first = line.rest.subarray(end + 4);
    line.rest = undefined;
    opened(line);
    if (first.length > 0) taken(line, first);
  });
  socket.on('error', (error) => {
    if (!upgraded) opened(error);
  });
  socket.on('close', () => line.lost(line));
}

function upgradeRequest({ host, port, path, subprotocol }: Address): string {
  const protocol = subprotocol === undefined ? '' : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  return `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c25vd3NoZWQgYmVuY2hlcw==\r\n${protocol}\r\n`;
}

/** A text message as it goes over the wire; its payload begins at `payloadStart`. */
export function maskedText(text: string): Buffer {
  return masked(0x81, Buffer.from(text));
}

export function payloadStart(payloadBytes: number): number {
  return payloadBytes > 125 ? 8 : 6;
}

function masked(first: number, payload: Uint8Array): Buffer {
  const start = payloadStart(payload.length);
  const frame = Buffer.alloc(start + payload.length);
  frame[0] = first;
  if (payload.length > 125) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(payload.length, 2);
  } else frame[1] = 0x80 | payload.length;
  frame.set(payload, start);
  return frame;
}

/** The messages in what was read; what is not whole yet waits. */
function taken(line: Line, read: Buffer): void {
  const bytes = line.rest === undefined ? read : Buffer.concat([line.rest, read]);
  let at = 0;
  while (at + 2 <= bytes.length) {
    const short = bytes[at + 1]! & 127;
    const start = at + (short === 127 ? 10 : short === 126 ? 4 : 2);
    if (start > bytes.length) break;
    const length =
      short === 127 ? bytes.readUInt32BE(at + 6) : short === 126 ? bytes.readUInt16BE(at + 2) : short;
    const end = start + length;
    if (end > bytes.length) break;
    const opcode = bytes[at]! & 15;
    if (opcode <= CONTINUATION_OR_TEXT_MAX) line.heard(line, bytes, start, end);
    else if (opcode === PING) line.socket.write(masked(0x8a, bytes.subarray(start, end)));
    at = end;
  }
  line.rest = at === bytes.length ? undefined : bytes.subarray(at);
}
