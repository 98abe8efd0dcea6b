/**
 * Link: the network between one process and the servers it connects to, as a proxy on loopback that fails on order.
 *
 * It can be cut (connections end, new ones are refused), hold what goes one way or both (as a network that
 * loses packets: the sender's buffers fill, nothing is lost, and all of it comes when the network is back),
 * and be slow: each piece comes later by a delay, and no more than so many bytes a second come.
 *
 * Written here and not taken from a proxy such as Toxiproxy, because this much fits on a page, needs nothing
 * installed, and runs in the process of the test, which thereby knows the moment at which a fault began.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** From the side of the process: what it sends, what it gets. */
export type Direction = 'out' | 'in';

export interface Link {
  /** Ports that stand for those of the servers, in their order. */
  readonly ports: readonly number[];
  /** Ends all connections; new ones are refused until `heal`. */
  cut(): void;
  /** What goes this way waits until `heal`; new connections are taken, and wait as well. */
  hold(direction: Direction): void;
  /** Each piece comes later by `delayMs`, at most `bytesPerSecond` of them. */
  slow(delayMs: number, bytesPerSecond?: number): void;
  heal(): void;
  close(): Promise<void>;
}

/** What all connections of a link obey. */
interface Weather {
  cut: boolean;
  readonly held: Set<Direction>;
  delayMs: number;
  bytesPerSecond: number;
}

export async function openLink(serverPorts: readonly number[]): Promise<Link> {
  const weather: Weather = { cut: false, held: new Set(), delayMs: 0, bytesPerSecond: Infinity };
  const sockets = new Set<Socket>();
  const pipes = new Set<Pipe>();
  const servers = await Promise.all(serverPorts.map((port) => listen((client) => joined(client, port))));

  function joined(client: Socket, port: number): void {
    if (weather.cut) return void client.destroy();
    const server = connect(port, '127.0.0.1');
    const both = [createPipe(client, server, 'out', weather), createPipe(server, client, 'in', weather)];
    for (const pipe of both) pipes.add(pipe);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        for (const pipe of both) pipes.delete(pipe);
        for (const other of [client, server]) other.destroy();
      });
    }
  }

  function obey(): void {
    for (const pipe of pipes) pipe.obey();
  }

  return {
    ports: servers.map((server) => (server.address() as AddressInfo).port),
    cut() {
      weather.cut = true;
      for (const socket of sockets) socket.destroy();
    },
    hold(direction) {
      weather.held.add(direction);
      obey();
    },
    slow(delayMs, bytesPerSecond = Infinity) {
      Object.assign(weather, { delayMs, bytesPerSecond });
    },
    heal() {
      Object.assign(weather, { cut: false, delayMs: 0, bytesPerSecond: Infinity });
      weather.held.clear();
      obey();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function listen(joined: (client: Socket) => void): Promise<Server> {
  const server = createServer(joined);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

interface Pipe {
  /** The weather has changed. */
  obey(): void;
}

/** Bytes of one connection that may be on their way through a slow link; then its sender waits. */
const onTheWayMax = 1_048_576;

function createPipe(from: Socket, to: Socket, direction: Direction, weather: Weather): Pipe {
  const onTheWay: { readonly piece: Buffer; readonly freeAtMs: number }[] = [];
  let bytes = 0;

  function obey(): void {
    if (weather.held.has(direction) || bytes > onTheWayMax) from.pause();
    else from.resume();
  }

  function come(): void {
    for (let next = onTheWay[0]; next !== undefined; next = onTheWay[0]) {
      const waitMs = next.freeAtMs - performance.now();
      if (waitMs > 0) return void setTimeout(come, waitMs);
      onTheWay.shift();
      bytes -= next.piece.length;
      if (to.writable) to.write(next.piece);
    }
    obey();
  }

  from.on('data', (piece: Buffer) => {
    const paceMs = (piece.length / weather.bytesPerSecond) * 1_000;
    const startMs = Math.max(onTheWay.at(-1)?.freeAtMs ?? 0, performance.now() + weather.delayMs);
    bytes += piece.length;
    // Whoever finds others before it waits behind them: a stream is in order.
    if (onTheWay.push({ piece, freeAtMs: startMs + paceMs }) === 1) come();
    obey();
  });
  from.on('end', () => to.end());
  return { obey };
}
