/**
 * Snowshed: one client of the service; joins the connection with requests, cursors, rooms and presence.
 */

import { roomChannel, userChannel } from '#wire/channels.ts';
import { TTL_MS_DEFAULT } from '#wire/limits.ts';
import type { Cursor, ServerMessage } from '#wire/messages.ts';
import type {
  Abortable,
  ConnectOptions,
  Contents,
  Events,
  Receipt,
  Room,
  SendOptions,
  Snowshed,
  SnowshedError,
  Status,
} from './api.ts';
import { createConnection } from './connection.ts';
import { type Cursors, follow, listed, pass, skip, unfollow } from './cursors.ts';
import { call, createEmitter } from './emitter.ts';
import type { Link, Welcome } from './link.ts';
import { createMemory, deviceId } from './memory.ts';
import { type Platform, type PlatformNews, systemPlatform } from './platform.ts';
import { createRequests, errorOf } from './requests.ts';
import { createWatches } from './watches.ts';

/** How soon the presence of watched channels is asked for again, where polls move from gateway to gateway. */
const RENEWAL_MS = 10_000;

/** Begins to connect at once and stays connected until `close`. */
export function connect(options: ConnectOptions): Snowshed {
  return connectOn(systemPlatform(options), options);
}

export function connectOn(platform: Platform, options: ConnectOptions): Snowshed {
  const url = baseOf(options.url);
  const device = options.device ?? deviceId(platform);
  const emitter = createEmitter<Events>();
  const trouble = (error: SnowshedError) => {
    if (status.state !== 'closed') emitter.emit('error', error);
  };
  const requests = createRequests(platform);
  const watches = createWatches(requests, call, trouble);
  const cursors: Cursors = new Map();
  /** The rooms that the app has joined or is joining, and has not left since. */
  const stays = new Map<string, Stay>();
  /** Channels of which the client itself asks something that has no answer yet. */
  const mending = new Map<string, object>();
  const memory = createMemory(options.storage, `snowshed:${url}`, platform, () => ({
    resume: connection.resume,
    cursors: listed(cursors),
  }));
  for (const cursor of memory.recalled.cursors) follow(cursors, cursor.channel, cursor);
  let settle: { resolve(): void; reject(error: SnowshedError): void } | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ready.catch(() => {});
  let status: Status = { state: 'connecting' };
  const untold: Status[] = [];
  let session: Welcome | undefined;
  let inCall = false;
  let cancelRenewal = () => {};
  let presenceState: { readonly state: unknown } | undefined;

  const connection = createConnection(
    {
      url,
      getToken: options.getToken,
      device,
      onlyLongPoll: options.onlyLongPoll ?? false,
      resume: memory.recalled.resume,
    },
    platform,
    {
      status: setStatus,
      waiting: (wait) => emitter.emit('wait', wait),
      up,
      down: requests.down,
      received,
      refresh: (token) => requests.ask({ type: 'refresh', token }, { once: true, own: true }),
      trouble,
      refused: end,
      inCall: () => inCall,
      cursors: () => listed(cursors),
      unanswered: requests.unanswered,
      renewed: memory.changed,
    },
  );
  const offPlatform = platform.watch(onNews);
  options.signal?.addEventListener('abort', abort);
  if (options.signal?.aborted) abort();

  function setStatus(next: Status): void {
    if (status.state === 'closed') return;
    status = next;
    untold.push(next);
    // A handler that changes it is called before the others are told: theirs comes after.
    if (untold.length > 1) return;
    for (; untold[0] !== undefined; untold.shift()) emitter.emit('status', untold[0]);
  }

  function up(link: Link, welcome: Welcome, moved: boolean): void {
    const own = userChannel(welcome.user);
    session = welcome;
    for (const channel of [...cursors.keys()]) {
      if (channel.startsWith('u/') && channel !== own) unfollow(cursors, channel);
    }
    follow(
      cursors,
      own,
      welcome.cursors.find(({ channel }) => channel === own),
    );
    requests.up(link, welcome.limits);
    joinAgain(welcome.cursors);
    for (const { channel } of welcome.cursors) {
      // Left while this flow was on its way.
      if (!cursors.has(channel)) mend(channel, () => leave(channel.slice(2)));
    }
    // Polls that come to another gateway each time would never get further than this.
    cancelRenewal();
    if (moved) cancelRenewal = platform.after(RENEWAL_MS, watches.renew);
    else watches.renew();
    if (!welcome.resumed && presenceState !== undefined)
      setPresence(presenceState.state, {}, true).catch(trouble);
    memory.changed();
    settle?.resolve();
  }

  /**
   * Rooms that this client is in and the service did not find in the cursors, or would not take from them.
   */
  function joinAgain(standing: readonly Cursor[]): void {
    for (const { channel, ...cursor } of listed(cursors)) {
      if (!channel.startsWith('r/') || standing.some((other) => other.channel === channel)) continue;
      mend(channel, () => joinFrom(channel, cursor));
    }
  }

  async function joinFrom(channel: string, cursor: Omit<Cursor, 'channel'>): Promise<void> {
    const stay = stays.get(channel);
    try {
      const acked = () => mending.delete(channel);
      await requests.ask(
        { type: 'join', room: channel.slice(2), cursor },
        { lane: channel, own: true, acked },
      );
    } catch (error) {
      // Left meanwhile: then it was refused for that.
      if (stays.get(channel) !== stay || !cursors.has(channel)) return;
      forget(channel);
      throw error;
    }
  }

  /** Once at a time: what has no answer is repeated on the next flow anyway. */
  function mend(channel: string, ask: () => Promise<unknown>): void {
    if (mending.has(channel)) return;
    const mark = {};
    mending.set(channel, mark);
    // Once it was answered another one may have begun.
    ask()
      .catch(trouble)
      .finally(() => mending.get(channel) === mark && mending.delete(channel));
  }

  function forget(channel: string): void {
    stays.delete(channel);
    unfollow(cursors, channel);
    memory.changed();
  }

  function received(link: number, message: ServerMessage, newest: boolean): void {
    switch (message.type) {
      case 'frame':
        // This flow may have joined the room later than the client did: what lies before comes with the join again.
        if (mending.has(message.channel)) return;
        // What is volatile has no position to know it by: it is taken from one flow alone.
        if ((!message.position && !newest) || !pass(cursors, message)) return;
        memory.changed();
        return emitter.emit('frame', message);
      case 'ack':
        return requests.answered(link, message);
      case 'nack':
        if (message.id === undefined) return trouble(errorOf(message.fault, message.detail));
        return requests.answered(link, message);
      case 'gap':
        return skip(cursors, message) ? emitter.emit('gap', message) : undefined;
      case 'presence': {
        const change = newest ? watches.received(message) : undefined;
        return change && emitter.emit('presence', change);
      }
      case 'unreachable':
        // After the promise of the send, which may have been answered in the same breath.
        platform.after(0, () => emitter.emit('unreachable', { id: message.id }));
        return;
    }
  }

  function onNews(news: PlatformNews): void {
    if (news === 'network') connection.networkChanged();
    if (news === 'visible' || news === 'shown') connection.probe();
  }

  function abort(): void {
    void connection.close();
    end(errorOf('ABORTED'));
  }

  /** For good. Without an error: because the app wished so. */
  function end(error?: SnowshedError): void {
    if (status.state === 'closed') return;
    options.signal?.removeEventListener('abort', abort);
    offPlatform();
    cancelRenewal();
    memory.close();
    requests.end(error ?? errorOf('CLOSED'));
    settle?.reject(error ?? errorOf('CLOSED'));
    if (error !== undefined && error.fault !== 'ABORTED') trouble(error);
    setStatus(error === undefined ? { state: 'closed' } : { state: 'closed', error });
  }

  function send(options: SendOptions): Promise<Receipt> {
    const { user, room, device, session, kind, body, call, ttlMs, volatile, tellIfUnreachable, signal } =
      options;
    const asked = requests.ask(
      {
        type: 'send',
        to: { user, room, device, session },
        kind,
        body,
        call,
        ttlMs,
        volatile,
        tellIfUnreachable,
      },
      {
        lane: volatile ? undefined : user === undefined ? roomChannel(room ?? '') : userChannel(user),
        ttlMs: ttlMs ?? TTL_MS_DEFAULT,
        once: volatile,
        signal,
      },
    );
    const sent = asked.then(({ id, position }) => ({ id, position }));
    // Who sends what is out of date in a moment does not wait to hear that it was lost.
    if (volatile) sent.catch(() => {});
    return sent;
  }

  async function join(name: string, { signal }: Abortable = {}): Promise<Room> {
    const channel = roomChannel(name);
    const place = listed(cursors).find((cursor) => cursor.channel === channel);
    const cursor = place && { epoch: place.epoch, position: place.position };
    const stay = stays.get(channel) ?? { joins: 0 };
    stays.set(channel, stay);
    stay.joins++;
    follow(cursors, channel);
    try {
      const ack = await requests.ask({ type: 'join', room: name, cursor }, { lane: channel, signal });
      if (stays.get(channel) === stay) follow(cursors, channel, ack.cursor);
      memory.changed();
    } catch (error) {
      stay.joins--;
      const isLast = stay.joins === 0 && stays.get(channel) === stay;
      if (place === undefined && isLast) leave(name).catch(() => {});
      throw error;
    }
    return roomOf(name, channel);
  }

  function roomOf(name: string, channel: string): Room {
    return {
      name,
      channel,
      send: (contents: Contents) => send({ ...contents, room: name }),
      on: (event, handler) => emitter.on(event, (frame) => frame.channel === channel && handler(frame)),
      leave: (options) => leave(name, options),
    };
  }

  async function leave(name: string, { signal }: Abortable = {}): Promise<void> {
    const channel = roomChannel(name);
    forget(channel);
    await requests
      .ask({ type: 'leave', room: name }, { lane: channel, signal })
      .catch((error: SnowshedError) => {
        if (error.fault !== 'NOT_JOINED') throw error;
      });
  }

  async function setPresence(state: unknown, { signal }: Abortable = {}, own = false): Promise<void> {
    presenceState = { state };
    await requests.ask({ type: 'presence.set', state }, { lane: 'presence', signal, own });
  }

  return {
    ready,
    device,
    get status() {
      return status;
    },
    get user() {
      return session?.user;
    },
    get session() {
      return session?.session;
    },
    get inCall() {
      return inCall;
    },
    set inCall(value) {
      inCall = value;
    },
    on: emitter.on,
    send,
    join,
    leave,
    presence: {
      set: (state, options) => setPresence(state, options),
      async get(channel, { signal } = {}) {
        const { members = [], truncated = false } = await requests.ask(
          { type: 'presence.get', channel },
          { signal },
        );
        return { members, truncated };
      },
      watch: watches.watch,
    },
    async iceServers({ signal } = {}) {
      const { iceServers = [] } = await requests.ask({ type: 'ice' }, { signal });
      return iceServers;
    },
    networkChanged: () => connection.networkChanged(),
    close() {
      const closed = connection.close();
      end();
      return closed;
    },
  };
}

/** From the first join of a room until it is left: how many joins were taken or wait for their answer. */
interface Stay {
  joins: number;
}

/** The address without a path of its own at the end, so that those of the protocol can be added. */
function baseOf(url: string | URL): string {
  const { href, search, hash } = new URL(url);
  if (search || hash) throw new TypeError('the url has no query and no fragment');
  return href.replace(/\/+$/, '');
}
