/**
 * Connection: this process's one way to NATS; it reconnects for ever and buffers nothing.
 *
 * A ping goes out each second, and two without an answer mean that the server is gone even if its socket
 * is not. While it is away nothing is handed to the client library, which would keep it without bound and lose
 * it; and no more than `UNANSWERED_BYTES_MAX` are sent between two answered pings, since they pile up in
 * front of a server that has stopped reading.
 *
 * What is published in one turn of the event loop is handed to the library together at its end: the library writes
 * to its socket after every callback, and a write costs more than everything else about a frame. The messages of
 * each frame are written and read here (`outgoing.ts`, `intake.ts`), by what the library lets us reach of its inside.
 */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import {
  connect,
  credsAuthenticator,
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
  type Status,
} from '@nats-io/transport-node';
import type { Cancel, Clock } from '#runtime/clock.ts';
import { ConfigError } from '#runtime/config.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import { type BusConfig, natsServers } from '../config.ts';
import { BusUnavailable } from '../seams.ts';
import { createIntake, type LeanMessage, type Parser } from './intake.ts';
import { encodedOutgoing, Outgoing } from './outgoing.ts';

export interface Connection {
  readonly connected: boolean;
  readonly payloadBytesMax: number;
  /** `false` and nothing sent while away. `head`: headers as text; `data` belongs to nobody afterwards. */
  publish(subject: string, data: Uint8Array, reply?: string, head?: string): boolean;
  /** Until canceled, across reconnects. */
  subscribe(subject: string, received: (message: Msg) => void): Cancel;
  /** The same for many messages: without headers, but for messages that have nothing else. */
  subscribeLean(subject: string, received: (message: Msg | LeanMessage) => void): Cancel;
  /** Told at each change; those that came first are told first. */
  watch(changed: (connected: boolean) => void): Cancel;
  close(): Promise<void>;
}

interface State {
  readonly nats: NatsConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly watchers: Set<(connected: boolean) => void>;
  connected: boolean;
  closing: boolean;
  unansweredBytes: number;
  /** Published in this turn. */
  outgoing: Outgoing[];
  /** Those who hear lean messages, by the number of their subscription. */
  readonly lean: Map<number, (message: LeanMessage) => void>;
}

/** What is reached of the library's inside. */
interface Inside {
  readonly protocol: {
    readonly transport?: { readonly socket?: Socket };
    parser: Parser;
    sendCommand(bytes: Uint8Array): void;
  };
}

const PING_MS = 1_000;
const PINGS_UNANSWERED_MAX = 2;
const CONNECT_MS_MAX = 2_000;
const RECONNECT_MS = 100;
const RECONNECT_JITTER_MS = 400;
const UNANSWERED_BYTES_MAX = 67_108_864;
/** How long the library may take to let go of a socket it has given up. */
const LET_GO_MS = 250;
const CLOSE_MS_MAX = 900;

/**
 * Connects for the first time.
 *
 * @throws BusUnavailable that names `NATS_URL`, if none of its servers answers.
 * @throws ConfigError that names the file which cannot be used.
 */
export async function connectToNats(
  config: BusConfig,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): Promise<Connection> {
  checkFiles(config);
  const nats = await connect(connectOptions(config, random)).catch((cause: unknown) => {
    throw new BusUnavailable(unreached(cause, config), { cause });
  });
  rememberServers(nats, natsServers(config));
  const watchers = new Set<(connected: boolean) => void>();
  const state: State = {
    ...{ nats, clock, log, watchers, connected: true, closing: false },
    unansweredBytes: 0,
    outgoing: [],
    lean: new Map(),
  };
  takeIn(state);
  void followStatus(state);
  return {
    get connected() {
      return state.connected;
    },
    get payloadBytesMax() {
      return nats.info?.max_payload ?? 1_048_576;
    },
    publish: (subject, data, reply, head) => publish(state, subject, data, reply, head),
    subscribe: (subject, received) => subscribe(state, subject, received, undefined),
    subscribeLean: (subject, received) => subscribe(state, subject, received, received),
    watch(changed) {
      state.watchers.add(changed);
      return () => state.watchers.delete(changed);
    },
    close: () => close(state),
  };
}

function connectOptions(config: BusConfig, random: Random): NodeConnectionOptions {
  const { NATS_CREDS_FILE: credsFile, NATS_TLS_CA_FILE: caFile } = config;
  return {
    servers: [...natsServers(config)],
    name: 'snowshed',
    pingInterval: PING_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    timeout: CONNECT_MS_MAX,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => RECONNECT_MS + Math.floor(random.draw() * RECONNECT_JITTER_MS),
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    ...(asksForTls(config) && { tls: caFile === undefined ? {} : { caFile } }),
    ...(credsFile === undefined
      ? {}
      : { authenticator: (nonce?: string) => credsAuthenticator(readFileSync(credsFile))(nonce) }),
  };
}

/** The library takes no notice of a scheme, and would talk in the clear to a server that offers no TLS. */
function asksForTls(config: BusConfig): boolean {
  return config.NATS_TLS_CA_FILE !== undefined || natsServers(config).some((server) => /^tls:/i.test(server));
}

/** The library would say of all servers that they cannot be connected. */
function checkFiles({ NATS_CREDS_FILE: credsFile, NATS_TLS_CA_FILE: caFile }: BusConfig): void {
  const problems = [
    credsFile && fileProblem('NATS_CREDS_FILE', () => credsAuthenticator(readFileSync(credsFile))('')),
    caFile && fileProblem('NATS_TLS_CA_FILE', () => new X509Certificate(readFileSync(caFile))),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new ConfigError(problems);
}

function fileProblem(variable: string, use: () => unknown): string | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `${variable} cannot be used: ${code ?? message}`;
  }
}

/** The library forgets for ever a server that was down at the first connect. */
function rememberServers(nats: NatsConnection, configured: readonly string[]): void {
  const known = nats.getServers();
  const isKnown = (server: string) => known.some(({ listen }) => server.endsWith(listen));
  if (configured.every(isKnown)) return;
  const found = known.filter(({ gossiped }) => gossiped).map(({ listen }) => listen);
  nats.setServers([...configured, ...found]);
}

function unreached(cause: unknown, { NATS_CREDS_FILE: credsFile }: BusConfig): string {
  const what = `no server of NATS_URL could be connected (${reasonOf(cause)})`;
  if (!/authorization|authentication/i.test(reasonOf(cause))) return what;
  const which = credsFile === undefined ? 'NATS_CREDS_FILE is not set' : 'those of NATS_CREDS_FILE';
  return `${what}: it refuses our credentials; ${which}`;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function subscribe(
  { nats, log, lean }: State,
  subject: string,
  received: (message: Msg) => void,
  receivedLean: ((message: LeanMessage) => void) | undefined,
): Cancel {
  const subscription = nats.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) received(message);
      else log.error({ event: 'bus.forbidden', reason: error.message }, 'the bus refuses a subscription');
    },
  });
  const number = subscription.getID();
  if (receivedLean !== undefined) lean.set(number, receivedLean);
  return () => {
    lean.delete(number);
    subscription.unsubscribe();
  };
}

/** Stands before the library's parser, which it makes anew with each connection. */
function takeIn({ nats, lean }: State): void {
  const { protocol } = insideOf(nats);
  const intake = createIntake(protocol.parser, lean);
  Object.defineProperty(protocol, 'parser', { get: () => intake, set: intake.goOnWith });
}

function publish(
  state: State,
  subject: string,
  data: Uint8Array,
  reply: string | undefined,
  head: string | undefined,
): boolean {
  if (!state.connected || state.unansweredBytes > UNANSWERED_BYTES_MAX) return false;
  state.unansweredBytes += data.length;
  if (state.outgoing.push(new Outgoing(subject, data, reply, head)) === 1)
    state.clock.atEnd(() => sendOutgoing(state));
  return true;
}

/** Hands over what was published in this turn. What the connection was lost under is lost, as on the wire. */
function sendOutgoing(state: State): void {
  const { outgoing, nats } = state;
  state.outgoing = [];
  if (!state.connected) return;
  insideOf(nats).protocol.sendCommand(encodedOutgoing(outgoing));
}

/** Ends when the connection is closed. */
async function followStatus(state: State): Promise<void> {
  for await (const status of state.nats.status()) heed(state, status);
}

function heed(state: State, status: Status): void {
  switch (status.type) {
    case 'ping':
      if (status.pendingPings <= 1) state.unansweredBytes = 0;
      break;
    case 'staleConnection':
      setConnected(state, false);
      letGoOfSocket(state);
      break;
    case 'disconnect':
    case 'forceReconnect':
    case 'close':
      setConnected(state, false);
      break;
    case 'reconnect':
      state.unansweredBytes = 0;
      setConnected(state, true);
      break;
    case 'error':
      state.log.warn({ event: 'bus.error', reason: status.error.message }, 'the bus reports an error');
      break;
  }
}

function setConnected(state: State, connected: boolean): void {
  if (state.connected === connected) return;
  state.connected = connected;
  if (!state.closing) {
    if (connected) state.log.info({ event: 'bus.connected' }, 'connected to the bus again');
    else state.log.warn({ event: 'bus.away' }, 'the bus is away');
  }
  for (const changed of [...state.watchers]) changed(connected);
}

/**
 * The library waits until a stale socket has taken what was written to it, and with a frozen server behind
 * full buffers that may be never. So the socket is destroyed under it; there is no public way.
 */
function letGoOfSocket({ nats, clock }: State): void {
  const stale = socketOf(nats);
  clock.after(LET_GO_MS, () => {
    if (socketOf(nats) === stale) stale?.destroy();
  });
}

function socketOf(nats: NatsConnection): Socket | undefined {
  return insideOf(nats).protocol.transport?.socket;
}

function insideOf(nats: NatsConnection): Inside {
  return nats as unknown as Inside;
}

async function close(state: State): Promise<void> {
  state.closing = true;
  const socket = socketOf(state.nats);
  const late = new Promise<void>((resolve) => {
    state.clock.after(CLOSE_MS_MAX, resolve);
  });
  await Promise.race([state.nats.close(), late]);
  socket?.destroy();
  setConnected(state, false);
}
