/**
 * Web transport: one port for WebSocket, long poll and a few pages, plain or TLS, by uWebSockets.js.
 *
 * A certificate cannot be changed within an app, so a new one makes a new app, which takes over the port:
 * the old listener is closed and the new one opened in the same turn of the loop. Connections that
 * stand live on in the old app. The port is tried out first with the sockets of Node: the listeners of
 * uWebSockets.js share a port with whoever else listens there, and nobody would notice.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Random } from '#runtime/random.ts';
import { type TemplatedApp, type us_listen_socket, uws } from '#runtime/uws.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Dialect, Opening, Transport, TransportEvents } from '../seams.ts';
import { type CertificateFiles, certificateProblem, watchCertificate } from './certificate.ts';
import { Exchange, type HttpAnswer } from './exchange.ts';
import { createPoll, type PollOptions } from './poll.ts';
import { createReception, type ReceptionOptions } from './reception.ts';
import { createSockets } from './sockets.ts';
import { type WebSocketOptions, webSocketBehavior } from './websocket.ts';

export interface WebTransportOptions extends ReceptionOptions, WebSocketOptions, PollOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly tls: CertificateFiles | undefined;
  /** TCP connections at once; further ones are closed as they come. */
  readonly socketsMax: number;
}

/** The dialects that are spoken here. */
export interface WebDialects {
  readonly webSocket: readonly Dialect[];
  /** In arrays, by long poll. */
  readonly poll: Dialect | undefined;
}

/** Something else to GET on the same port, or to POST: then its answer hangs on the query, as no body is read. */
export interface Page {
  readonly method?: 'get' | 'post';
  readonly path: string;
  readonly answer: (visitor: { readonly opening: Opening; readonly query: string }) => HttpAnswer;
}

export interface WebTransportDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** The gateway's next flow number. */
  readonly flowNumber: () => number;
  /** Counts what the transport refused before a flow stood; what `admit` refuses is the hub's to count. */
  readonly refused: (fault: FaultCode) => void;
  /** Told of every change of the certificate: taken (`undefined`), or what is wrong with it. */
  readonly certificateChanged: (problem: string | undefined) => void;
  /** Told how many TCP connections stand, each time it changes. */
  readonly socketsChanged?: (count: number) => void;
  readonly pages?: readonly Page[];
}

/** `listen` after `stopListening` listens again on the same port. */
export function createWebTransport(
  options: WebTransportOptions,
  dialects: WebDialects,
  events: TransportEvents,
  deps: WebTransportDeps,
): Transport {
  const { host, tls } = options;
  const reception = createReception(options);
  const sockets = createSockets(options.socketsMax, deps.socketsChanged ?? (() => undefined), () =>
    deps.refused('BUSY'),
  );
  const shared = {
    ...deps,
    reception,
    movesOn: () => listener === undefined,
    socketClosed: sockets.webSocketClosed,
  };
  const poll = dialects.poll && createPoll(options, dialects.poll, events, shared);
  const apps: TemplatedApp[] = [newApp()];
  const cancelWatch: Cancel | undefined =
    tls && watchCertificate(tls, deps.clock, renew, deps.certificateChanged);
  let listener: us_listen_socket | undefined;
  let { port } = options;

  function newApp(): TemplatedApp {
    const app = tls === undefined ? uws.App() : secureApp(tls);
    boundIdleTime(app);
    sockets.watch(app);
    for (const dialect of dialects.webSocket)
      app.ws(dialect.endpoint.path, webSocketBehavior(options, dialect, events, shared));
    poll?.serve(app);
    for (const page of deps.pages ?? []) servePage(app, page);
    return app.any('/*', (response, request) => {
      const { viaProxyProtocol } = reception(response, request, 'poll');
      new Exchange(response, deps.clock, viaProxyProtocol).answer(notFound);
    });
  }

  function servePage(app: TemplatedApp, page: Page): void {
    app[page.method ?? 'get'](page.path, (response, request) => {
      const { opening, viaProxyProtocol } = reception(response, request, 'poll');
      const answer = page.answer({ opening, query: request.getQuery() });
      new Exchange(response, deps.clock, viaProxyProtocol).answer(answer);
    });
  }

  function renew(): void {
    const app = newApp();
    apps.push(app);
    if (listener === undefined) return;
    stopListening();
    open();
  }

  function open(): void {
    // The listener is there when the call returns; the newest app has the newest certificate.
    apps.at(-1)!.listen(host, port, (socket) => {
      if (socket !== false) listener = socket;
    });
    if (listener === undefined) throw new Error(`cannot listen on ${host}:${port}`);
  }

  function stopListening(): void {
    if (listener !== undefined) uws.us_listen_socket_close(listener);
    listener = undefined;
  }

  return {
    async listen() {
      if (listener !== undefined) return port;
      port = await freePort(host, port);
      open();
      return port;
    },
    stopListening,
    close() {
      cancelWatch?.();
      stopListening();
      poll?.close();
      for (const app of apps) app.close();
    },
  };
}

const notFound: HttpAnswer = { status: 404, headers: [['Content-Type', 'text/plain']], body: 'Not found.\n' };

/** @throws Error that says which file is wrong, and never what stands in it. */
function secureApp(files: CertificateFiles): TemplatedApp {
  const problem = certificateProblem(files);
  if (problem !== undefined) throw new Error(`TLS: ${problem}`);
  const { certFile: cert_file_name, keyFile: key_file_name } = files;
  // An idle connection gives its buffers back: most are idle most of the time.
  return uws.SSLApp({ cert_file_name, key_file_name, ssl_prefer_low_memory_usage: true });
}

/** Seconds in which the head of a request has to come in, and that a connection may rest between two. */
const IDLE_S = 10;

/** Its type declarations do not know this method yet. */
function boundIdleTime(app: TemplatedApp): void {
  (app as TemplatedApp & { setIdleTimeout(seconds: number): void }).setIdleTimeout(IDLE_S);
}

/** The port itself, or a free one for 0. Rejects with `EADDRINUSE` where somebody else listens. */
async function freePort(host: string, port: number): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  const taken = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return taken;
}
