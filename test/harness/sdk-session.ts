/**
 * SDK session: a lasting session that the SDK keeps, over WebSockets or long poll, and that writes down what an app sees.
 *
 * An app sees no ids before the answer, so a frame is known by the number in its body: what is stored twice comes twice
 * under one number. From where on it is owed a channel is read off the wire.
 */

import assert from 'node:assert/strict';
import { connect, type Frame, type Snowshed, type SnowshedError, type Status } from '#client/index.ts';
import type { Cursor } from '#wire/messages.ts';
import type { Party } from './history.ts';
import type { LastingOptions, LastingSession } from './lasting-session.ts';
import { outlivesRunMs, type SendTo } from './pending-sends.ts';
import { createWanderingWire } from './wandering-wire.ts';

/** What a session of the SDK sends has a number that no other frame of the run has. */
interface Numbered {
  readonly n: number;
}

const requestMsMax = 20_000;

/** Makes sessions of the SDK, over WebSockets and over long poll in turn. */
export function sdkSessions(): (options: LastingOptions) => LastingSession {
  let count = 0;
  return (options) => createSdkSession(options, count++ % 2 === 1);
}

export function createSdkSession(options: LastingOptions, onlyLongPoll: boolean): LastingSession {
  const { user, token, recorder, random, rooms, watches = [], device = 'phone' } = options;
  const closings: string[] = [];
  const present = new Map<string, ReadonlySet<string>>();
  /** Up to where each channel has come. */
  const positions = new Map<string, number>();
  const standing = new Map<string, Cursor>();
  const refusals = new Map<string, number>();
  const waiting = new Map<number, number>();
  let party: Party | undefined;
  let connected = false;
  let ended = false;
  let resumptions = 0;
  let unknown = 0;
  let failed: unknown;

  const wire = createWanderingWire({
    random,
    urls: options.urls,
    at(url) {
      if (connected && party !== undefined) recorder.here(party.session, true, url);
    },
    said(message) {
      if (message.type === 'welcome') message.cursors.forEach(stands);
      if (message.type === 'ack' && message.cursor !== undefined) stands(message.cursor);
      if (message.type === 'nack') refusals.set(message.fault, (refusals.get(message.fault) ?? 0) + 1);
    },
  });
  let client: Snowshed | undefined;

  function fail(error: unknown): void {
    if (!ended) failed ??= new Error(`${user}: ${String(error)}`, { cause: error });
  }

  async function open(): Promise<void> {
    // The wire leads elsewhere.
    const url = 'http://127.0.0.1';
    const { WebSocket, fetch } = wire;
    client = connect({ url, getToken: () => token, device, onlyLongPoll, WebSocket, fetch });
    client.on('status', told);
    client.on('frame', came);
    client.on('gap', (gap) => recorder.gap(partyOf(), gap));
    client.on('error', fail);
    await within('ready', client.ready);
    for (const room of rooms) {
      recorder.asks(partyOf(), `r/${room}`);
      await within('join', client.join(room));
      owed(`r/${room}`);
    }
    for (const room of watches) await watch(client, `r/${room}`);
  }

  /** Nothing comes before the session has a name. */
  function partyOf(): Party {
    assert(party !== undefined);
    return party;
  }

  /** Of several answers the SDK takes one, and it may be the latest. */
  function stands(cursor: Cursor): void {
    const known = standing.get(cursor.channel);
    if (known === undefined || known.position < cursor.position) standing.set(cursor.channel, cursor);
  }

  /** From where the channel stood when the app was told so; what is acknowledged by then is owed to others. */
  function owed(channel: string): void {
    const { epoch = '', position = 0 } = standing.get(channel) ?? {};
    const after = Math.max(position, recorder.acknowledgedUpTo(channel));
    recorder.owes(partyOf(), channel, epoch, after);
  }

  function begun(session: string): Party {
    party = { session, user, device };
    owed(`u/${user}`);
    return party;
  }

  function told(status: Status): void {
    const session = client?.session;
    if (session === undefined) return;
    const { session: own } = party ?? begun(session);
    if (status.state === 'open') {
      if (session !== own) fail('the session was not resumed');
      if (connected || status.resumed) resumptions++;
      recorder.here(own, true, wire.url);
    } else if (connected) {
      closings.push(status.state);
      recorder.here(own, false, wire.url);
    }
    connected = status.state === 'open';
    if (status.state === 'closed') fail(status.error ?? 'closed');
  }

  function came(frame: Frame): void {
    const { channel, position = 0, epoch = '' } = frame;
    positions.set(channel, Math.max(position, positions.get(channel) ?? 0));
    const id = String((frame.body as Numbered).n);
    recorder.received(partyOf(), { ...frame, position, epoch, id });
  }

  async function watch(by: Snowshed, channel: string): Promise<void> {
    const watching = by.presence.watch(channel, ({ members, gone }) => {
      present.set(channel, new Set(members.map(({ session }) => session)));
      for (const { session } of gone) recorder.gone(partyOf(), channel, session);
    });
    await within('watch', watching);
  }

  function send(to: SendTo, body: Numbered): void {
    const channel = 'room' in to ? `r/${to.room}` : `u/${to.user}`;
    const frame = recorder.sent(partyOf(), channel, String(body.n), body);
    waiting.set(body.n, performance.now());
    frame.story.push(`${Math.round(performance.now())} sent`);
    assert(client !== undefined);
    client.send({ ...to, kind: 'test', body: { ...body }, ttlMs: outlivesRunMs }).then(
      ({ position }) => {
        waiting.delete(body.n);
        frame.story.push(`${Math.round(performance.now())} ack at ${position}`);
        recorder.acknowledged(frame, position);
      },
      (error: SnowshedError) => {
        waiting.delete(body.n);
        unknown++;
        frame.story.push(`${Math.round(performance.now())} ${error.fault}`);
        // Its time is over while the service could not take it, or nobody knows whether it did.
        if (error.retry === 'never' && error.fault !== 'SEND_EXPIRED') fail(error);
      },
    );
  }

  function hurt(harm: () => void): boolean {
    if (!connected || ended) return false;
    harm();
    return true;
  }

  return {
    user,
    rooms,
    closings,
    present,
    refusals,
    get id() {
      return party?.session ?? '';
    },
    get resumptions() {
      return resumptions;
    },
    get waiting() {
      return ended ? 0 : waiting.size;
    },
    get eldestWaitingMs() {
      const [sinceMs] = waiting.values();
      return sinceMs === undefined || ended ? 0 : performance.now() - sinceMs;
    },
    get unknown() {
      return unknown;
    },
    get url() {
      return wire.url;
    },
    get connected() {
      return connected && !ended;
    },
    get over() {
      return ended;
    },
    open,
    send: (to, body) => send(to, body as Numbered),
    /** Cut while something has no answer, the SDK sends it again, whether it had arrived or not. */
    repeatOne: () => waiting.size > 0 && hurt(wire.cut),
    async addFlow() {
      return hurt(() => client?.networkChanged());
    },
    cut: () => void hurt(wire.cut),
    vanish: () => void hurt(wire.silence),
    leave() {
      if (ended) return;
      ended = true;
      void client?.close();
      if (party === undefined) return;
      for (const channel of [`u/${user}`, ...rooms.map((room) => `r/${room}`)]) {
        recorder.left(party.session, channel, positions.get(channel) ?? 0);
      }
      recorder.here(party.session, false, wire.url);
    },
    close() {
      ended = true;
      void client?.close();
      wire.cut();
    },
    failure: () => failed,
  };
}

async function within<Value>(what: string, coming: Promise<Value>): Promise<Value> {
  const error = new Error(`no answer within ${requestMsMax} ms: ${what}`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error), requestMsMax);
  });
  return Promise.race([coming, late]).finally(() => clearTimeout(timer));
}
