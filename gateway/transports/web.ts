/**
 * Web transport: one port for WebSocket, long poll and a few pages, plain or TLS, by uWebSockets.js; and a second one
 * with the same for those in a call, where an operator wants it.
 */

import type { Cancel, Clock } from '#runtime/clock.ts';
import { ConfigError } from '#runtime/config.ts';
import type { Random } from '#runtime/random.ts';
import { type TemplatedApp, uws } from '#runtime/uws.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Dialect, Listener, Opening, Transport, TransportEvents } from '../seams.ts';
import { trustOf } from './address.ts';
import { type CertificateFiles, certificateProblem, watchCertificate } from './certificate.ts';
import { createEntrance, type Entrance } from './entrance.ts';
import { Exchange, type HttpAnswer } from './exchange.ts';
import { createPoll, type PollOptions } from './poll.ts';
import { createReception, type Reception, type ReceptionOptions } from './reception.ts';
import { createSockets } from './sockets.ts';
import { type WebSocketOptions, webSocketBehavior } from './websocket.ts';

export interface WebTransportOptions extends ReceptionOptions, WebSocketOptions, PollOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Of the listener for those in a call; `undefined`: there is none. */
  readonly priorityPort?: number | undefined;
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

/** `listen` after `stopListening` listens again on the same ports. */
export function createWebTransport(
  options: WebTransportOptions,
  dialects: WebDialects,
  events: TransportEvents,
  deps: WebTransportDeps,
): Transport {
  const { host, tls } = options;
  const sockets = createSockets({
    max: options.socketsMax,
    trusts: trustOf(options.trustedProxies),
    events,
    changed: deps.socketsChanged ?? (() => undefined),
    refused: () => deps.refused('BUSY'),
  });
  let leaving = false;
  const shared = { ...deps, movesOn: () => leaving, socketClosed: sockets.webSocketClosed };
  const receptions = { main: createReception(options, 'main'), call: createReception(options, 'call') };
  const poll = dialects.poll && createPoll(options, dialects.poll, events, shared);
  const main = createEntrance(host, options.port, () => newApp('main'));
  const call =
    options.priorityPort === undefined
      ? undefined
      : createEntrance(host, options.priorityPort, () => newApp('call'));
  const entrances: readonly Entrance[] = call === undefined ? [main] : [main, call];
  const cancelWatch: Cancel | undefined =
    tls && watchCertificate(tls, deps.clock, renew, deps.certificateChanged);

  function newApp(listener: Listener): TemplatedApp {
    const reception = receptions[listener];
    const app = tls === undefined ? uws.App() : secureApp(tls);
    boundIdleTime(app);
    sockets.watch(app, listener);
    for (const dialect of dialects.webSocket)
      app.ws(dialect.endpoint.path, webSocketBehavior(options, dialect, events, { ...shared, reception }));
    poll?.serve(app, reception);
    for (const page of deps.pages ?? []) servePage(app, page, reception);
    return app.any('/*', (response, request) => {
      const { viaProxyProtocol } = reception(response, request, 'poll');
      new Exchange(response, deps.clock, viaProxyProtocol).answer(notFound);
    });
  }

  function servePage(app: TemplatedApp, page: Page, reception: Reception): void {
    app[page.method ?? 'get'](page.path, (response, request) => {
      const { opening, viaProxyProtocol } = reception(response, request, 'poll');
      const answer = page.answer({ opening, query: request.getQuery() });
      new Exchange(response, deps.clock, viaProxyProtocol).answer(answer);
    });
  }

  function renew(): void {
    for (const entrance of entrances) entrance.renew();
  }

  function stopListening(): void {
    leaving = true;
    for (const entrance of entrances) entrance.shut();
  }

  return {
    async listen() {
      leaving = false;
      const [port = 0, priorityPort] = await Promise.all(entrances.map((entrance) => entrance.listen()));
      return { main: port, call: priorityPort };
    },
    stopListening,
    setListening(listener, listens) {
      const entrance = listener === 'main' ? main : call;
      if (entrance === undefined) return listens;
      if (leaving) return false;
      if (listens) return entrance.open();
      entrance.shut();
      return false;
    },
    socketsLeft: sockets.left,
    close() {
      cancelWatch?.();
      stopListening();
      poll?.close();
      for (const entrance of entrances) entrance.close();
    },
  };
}

const notFound: HttpAnswer = { status: 404, headers: [['Content-Type', 'text/plain']], body: 'Not found.\n' };

/** @throws ConfigError that says which file is wrong, and never what stands in it. */
function secureApp(files: CertificateFiles): TemplatedApp {
  const problem = certificateProblem(files);
  if (problem !== undefined) {
    throw new ConfigError([`GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE cannot be used: ${problem}`]);
  }
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
