/**
 * Centrifugo's speech: its JSON protocol over a WebSocket, as its own client library speaks it.
 *
 * Every client has a channel under its own name, to which its token subscribes it. Several replies may come in one
 * message, a line each. A publication from a client carries who sent it, put there by the server.
 */

import { createHmacIssuer } from '#test/harness/tokens.ts';
import { tokenSecret } from '../bench/bounds.ts';
import type { Speech } from './speech.ts';

const issuer = createHmacIssuer(tokenSecret);
const LINE_END = '\n'.charCodeAt(0);
const PUBLICATION = Buffer.from('{"push":{"channel":"');
const DATA = Buffer.from('"data":"');

export const centrifugoSpeech: Speech = {
  path: () => '/connection/websocket',
  greeting(name) {
    const claims = { channels: [name], snowshed: undefined };
    return JSON.stringify({ id: 1, connect: { token: issuer.token(name, { claims }) } });
  },
  isWelcome: (text) => text.startsWith('{"id":1,"connect":{'),
  // An id may not begin with a zero.
  message: (target, body, number) =>
    `{"id":1${number},"publish":{"channel":${JSON.stringify(target)},"data":${JSON.stringify(body)}}}`,
  heard(bytes, start, end, told) {
    for (let at = start; at < end; ) {
      const found = bytes.indexOf(LINE_END, at);
      const lineEnd = found < 0 || found > end ? end : found;
      if (begins(bytes, at, PUBLICATION)) told.frame(bytes, bytes.indexOf(DATA, at) + DATA.length);
      else reply(bytes.toString('utf8', at, lineEnd), told);
      at = lineEnd + 1;
    }
  },
};

function reply(text: string, told: Parameters<Speech['heard']>[3]): void {
  if (text.includes('"publish":{')) told.acknowledged();
  else told.refused(text);
}

function begins(bytes: Buffer, at: number, with_: Buffer): boolean {
  return bytes.compare(with_, 0, with_.length, at, Math.min(at + with_.length, bytes.length)) === 0;
}
