/** Relays: the yardstick, `ws` and Socket.IO: one Node process each, that hands on what comes. */

import { type ServiceProcess, startProcess } from '#test/harness/process.ts';
import { collecting, ownBytesAfterCollection, startYardstick, yardstickSystem } from '../bench/scene.ts';
import type { Peer, Running } from './peer.ts';

const bare = {
  identity: 'none: whoever names himself',
  acknowledgement: 'none',
  durability: 'none: who is away misses it',
  order: 'of one socket to another, while both stand',
} as const;

export const yardstick: Peer = {
  name: 'bare uWebSockets.js (the yardstick)',
  greeting: { kind: 'yardstick' },
  kind: 'yardstick',
  does: bare,
  start: async () => running('yardstick', await startYardstick(collecting)),
};

export const ws: Peer = {
  name: 'bare `ws` 8.23',
  greeting: { kind: 'yardstick' },
  kind: 'yardstick',
  does: bare,
  start: async () => running('ws', await startProcess('ws', 'load-tests/peers/ws-server.ts', collecting)),
};

export const socketIo: Peer = {
  name: 'Socket.IO 4.8, one process',
  greeting: { kind: 'peer', speech: 'socket.io' },
  kind: 'socket.io',
  does: {
    identity: 'none here; the server puts the name in that the client gave',
    acknowledgement: 'when it was handed to the sockets of the room, even to none',
    durability: 'none: who is away misses it',
    order: 'of one socket to another, while both stand; a repeat arrives twice',
  },
  start: async () =>
    running('socket.io', await startProcess('socket.io', 'load-tests/peers/socket-io-server.ts', collecting)),
};

function running(name: string, process: ServiceProcess): Running {
  return {
    system: { ...yardstickSystem(process), name },
    ownBytes: () => ownBytesAfterCollection(process),
    stop: () => process.kill(),
  };
}
