/**
 * Raw client: one flow of the native protocol, spoken by hand and independent of the SDK.
 *
 * Two wires under one interface: a WebSocket, and long polls that go to another gateway each time. It
 * repeats nothing and hides nothing: what arrived is in `arrivals`, and a test says what comes next.
 */

import type { Static } from 'typebox';
import type { Cursor, Hello, SendTarget, ServerMessage } from '#wire/messages.ts';
import type { Inbox, MessageOf, MessageType, Reply } from './inbox.ts';
import { type Arrival, type Closing, createInbox, FlowClosed, type FrameMessage } from './inbox.ts';
import { openPollWire } from './poll-wire.ts';
import { type OpeningOptions, openWebSocket, type RawWebSocket } from './websocket.ts';

export type HelloOptions = Omit<Static<typeof Hello>, 'type'>;

export interface SendOptions {
  readonly id?: string;
  readonly kind?: string;
  readonly call?: string;
  readonly ttlMs?: number;
  readonly volatile?: boolean;
  readonly tellIfUnreachable?: boolean;
  readonly ageMs?: number;
}

export interface RequestMessage {
  readonly type: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

/** Whoever comes while a fleet starts on a machine with other work waits for a router. */
const WELCOME_MS = 30_000;

export interface RawClient {
  readonly name: string;
  readonly transport: 'websocket' | 'poll';
  /** Everything that came, in order of arrival. */
  readonly arrivals: readonly Arrival[];
  /** Frames at or behind the cursor of their channel: a client drops them. */
  readonly stale: readonly FrameMessage[];
  readonly cursors: ReadonlyMap<string, Cursor>;
  readonly welcome: MessageOf<'welcome'>;
  readonly closing: Closing | undefined;
  readonly closed: Promise<Closing>;
  /** The socket itself, for what the protocol forbids; `undefined` for long polls. */
  readonly socket: RawWebSocket | undefined;
  /** From now on `heard` is told of every message as it arrives. */
  listen(heard: (message: ServerMessage) => void): void;
  post(message: object): void;
  postText(text: string): void;
  hello(options: HelloOptions): Promise<MessageOf<'welcome'>>;
  /** Posts a request under a new id, unless it has one, and waits for its `ack` or `nack`. */
  request(message: RequestMessage, timeoutMs?: number): Promise<Reply>;
  send(to: Static<typeof SendTarget>, body: unknown, options?: SendOptions): Promise<Reply>;
  /** The first message of this type that fits and that no earlier call took; waits for it. */
  next<T extends MessageType>(
    type: T,
    matches?: (message: MessageOf<T>) => boolean,
    timeoutMs?: number,
  ): Promise<MessageOf<T>>;
  /** The next frame with this body. */
  nextBody(body: unknown, timeoutMs?: number): Promise<FrameMessage>;
  /** All frames so far whose channel this is. */
  frames(channel?: string): readonly FrameMessage[];
  /** What a flow after this one says in its `hello` to go on where this one is. */
  resumption(): { readonly resume: string; readonly cursors: Cursor[] };
  /** Ends the connection without a word. */
  cut(): void;
}

export interface Wire {
  post(text: string): void;
  cut(): void;
  readonly socket: RawWebSocket | undefined;
}

const timeoutMsDefault = 5_000;
let requests = 0;

/** An id that no other request of this test process has. */
export function freshId(): string {
  return `q${++requests}`;
}

/** Opens a WebSocket to `url` (`ws://host:port`). Rejects with `UpgradeRefused` where it is refused. */
export async function openWebSocketClient(
  name: string,
  url: string,
  options: OpeningOptions = {},
): Promise<RawClient> {
  const [inbox, closed] = inboxOf(name);
  const socket = await openWebSocket(
    `${url}/v1/connect`,
    { subprotocols: ['snowshed.v1'], ...options },
    { text: (text) => inbox.received(JSON.parse(text)), closed: inbox.closed },
  );
  const wire: Wire = { post: socket.sendText, cut: socket.destroy, socket };
  return clientOf(name, 'websocket', inbox, closed, wire);
}

/** Polls `urls` (`ws://…` or `http://…`) in turn: each poll goes to the next one. */
export function openPollClient(
  name: string,
  urls: readonly string[],
  options: OpeningOptions = {},
): RawClient {
  const [inbox, closed] = inboxOf(name);
  const wire = openPollWire(
    urls.map((url) => `${url.replace(/^ws/, 'http')}/v1/poll`),
    options.headers ?? {},
    inbox,
  );
  return clientOf(name, 'poll', inbox, closed, wire);
}

function inboxOf(name: string): [Inbox, Promise<Closing>] {
  const { promise, resolve } = Promise.withResolvers<Closing>();
  return [createInbox(name, resolve), promise];
}

function clientOf(
  name: string,
  transport: RawClient['transport'],
  inbox: Inbox,
  closed: Promise<Closing>,
  wire: Wire,
): RawClient {
  function post(message: object): void {
    wire.post(JSON.stringify(message));
  }
  const client: RawClient = {
    name,
    transport,
    arrivals: inbox.arrivals,
    stale: inbox.stale,
    cursors: inbox.cursors,
    get welcome() {
      if (inbox.welcome === undefined) throw new Error(`${name}: no welcome came yet`);
      return inbox.welcome;
    },
    get closing() {
      return inbox.closing;
    },
    closed,
    socket: wire.socket,
    listen(heard) {
      inbox.heard = heard;
    },
    post,
    postText: wire.post,
    hello(options) {
      for (const cursor of options.cursors ?? []) inbox.cursors.set(cursor.channel, cursor);
      post({ type: 'hello', ...options });
      return client.next('welcome', undefined, WELCOME_MS);
    },
    request(message, timeoutMs = timeoutMsDefault) {
      const id = message.id ?? freshId();
      const answer = replyTo(name, inbox, { ...message, id }, timeoutMs, closed);
      post({ ...message, id });
      return answer;
    },
    send(to, body, options = {}) {
      const message = { type: 'send', to, kind: 'test', body, ...options };
      return client.request(message);
    },
    next(type, matches = () => true, timeoutMs = timeoutMsDefault) {
      return inbox.next(type, matches, timeoutMs);
    },
    nextBody(body, timeoutMs = timeoutMsDefault) {
      const text = JSON.stringify(body);
      return inbox.next('frame', (frame) => JSON.stringify(frame.body) === text, timeoutMs);
    },
    frames: (channel) => framesOf(inbox, channel),
    resumption() {
      if (inbox.resume === undefined) throw new Error(`${name}: has no resume token`);
      return { resume: inbox.resume, cursors: [...inbox.cursors.values()] };
    },
    cut: wire.cut,
  };
  return client;
}

function framesOf(inbox: Inbox, channel: string | undefined): readonly FrameMessage[] {
  const stale = new Set(inbox.stale);
  return inbox.arrivals
    .map(({ message }) => message)
    .filter((message) => message.type === 'frame')
    .filter((frame) => !stale.has(frame) && (channel === undefined || frame.channel === channel));
}

function replyTo(
  name: string,
  inbox: Inbox,
  message: RequestMessage & { readonly id: string },
  timeoutMs: number,
  closed: Promise<Closing>,
): Promise<Reply> {
  const { type, id } = message;
  const what = `${type} ${id}`;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      inbox.replies.delete(id);
      reject(new Error(`${name}: no answer to ${what} within ${timeoutMs} ms`));
    }, timeoutMs);
    inbox.replies.set(id, (reply) => {
      clearTimeout(timer);
      // Whoever has left a room names no cursor of it any more, or the next flow would join it again.
      if (type === 'leave' && reply.type === 'ack') inbox.cursors.delete(`r/${message['room']}`);
      resolve(reply);
    });
    void closed.then((closing) => {
      if (!inbox.replies.delete(id)) return;
      clearTimeout(timer);
      reject(new FlowClosed(name, `the answer to ${what}`, closing));
    });
  });
}
