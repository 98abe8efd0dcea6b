/**
 * Socket.IO's speech: its protocol 5 in Engine.IO 4, over a WebSocket from the start.
 *
 * A client says its name when it connects; a frame is an event with an acknowledgement asked for.
 */

import type { Speech } from './speech.ts';

const ACKNOWLEDGED = '43';
const EVENT = '42["frame","';

export const socketIoSpeech: Speech = {
  path: () => '/socket.io/?EIO=4&transport=websocket',
  greeting: (name) => `40${JSON.stringify({ name })}`,
  isWelcome: (text) => text.startsWith('40'),
  message: (target, body, number) => `421${number}${JSON.stringify(['send', target, body])}`,
  heard(bytes, start, end, told) {
    const kind = bytes.toString('latin1', start, start + EVENT.length);
    if (kind === EVENT) return told.frame(bytes, bytes.indexOf('","', start + EVENT.length) + 3);
    if (kind.startsWith(ACKNOWLEDGED)) return told.acknowledged();
    told.refused(bytes.toString('utf8', start, end));
  },
};
