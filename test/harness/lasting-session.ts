/**
 * Lasting session: one session that outlives gateways, as a careful client keeps it, and writes down all of it.
 *
 * When its flow ends it resumes at another gateway with its cursors and repeats what had no answer, in
 * order, under the same ids and with their age. It may hold a second flow for a while, go on over the first when that is
 * lost, vanish without a word and come back elsewhere, or leave. Nothing new goes over a flow before the repeats have. What it sent, got and is owed goes into a recorder, frames that came twice on
 * one flow as well: whether the service kept its promises is for the checker to say.
 */

import assert from 'node:assert/strict';
import type { Random } from '#runtime/random.ts';
import type { Cursor, ServerMessage } from '#wire/messages.ts';
import type { Party, Recorder } from './history.ts';
import type { Closing, MessageOf } from './inbox.ts';
import { createPendingSends, type SendTo } from './pending-sends.ts';
import { openWebSocketClient, type RawClient } from './raw-client.ts';

export interface LastingOptions {
  readonly user: string;
  readonly device?: string;
  readonly token: string;
  readonly rooms: readonly string[];
  /** The rooms whose presence it watches. */
  readonly watches?: readonly string[];
  readonly recorder: Recorder;
  readonly random: Random;
  /** Of the gateways that a client may try; the dead ones may be among them. */
  urls(): readonly string[];
}

export interface LastingSession {
  readonly user: string;
  /** Its id, once it is open. */
  readonly id: string;
  readonly rooms: readonly string[];
  readonly resumptions: number;
  /** Why its flows ended. */
  readonly closings: readonly string[];
  /** Sends that wait for their answer. */
  readonly waiting: number;
  /** How long the eldest of them has waited. */
  readonly eldestWaitingMs: number;
  /** Sends that were given up: their outcome is unknown. */
  readonly unknown: number;
  /** How often a send was refused, by fault. */
  readonly refusals: ReadonlyMap<string, number>;
  /** The gateway that its flow is at. */
  readonly url: string;
  /** Whether it has a flow that was welcomed and not heard to end. */
  readonly connected: boolean;
  /** It has left, or was closed. */
  readonly over: boolean;
  /** Of each channel that it watches, the sessions present. */
  readonly present: ReadonlyMap<string, ReadonlySet<string>>;
  open(url: string): Promise<void>;
  send(to: SendTo, body: unknown): void;
  /** Sends something again that was acknowledged, as a client does that has not read the `ack`. */
  repeatOne(): boolean;
  /** Opens a second flow, at another gateway; the sends go over it from then on. */
  addFlow(url: string): Promise<boolean>;
  /** Cuts the line, as a network does; it resumes. */
  cut(): void;
  /** Falls silent without a word, as a device that leaves the reach of its network, and resumes elsewhere. */
  vanish(): void;
  /** Says `bye`: the session is over, and owed nothing more. */
  leave(): void;
  close(): void;
  /** What went wrong beyond repair, such as a session that could not be resumed. */
  failure(): unknown;
}

/** A gateway that is gone is told by a refused connect; a client tries the next one soon. */
const againMsMax = 400;
/** A gateway that takes connections and says nothing is given up after this. */
const silenceMsMax = 3_000;
/** Sends that are still refused as moved after this go over a new flow. */
const movedMsMax = 2_000;

/** One connection, and how far it brought each channel. */
interface Line {
  readonly client: RawClient;
  readonly url: string;
  readonly positions: Map<string, number>;
}

export function createLastingSession(options: LastingOptions): LastingSession {
  const { user, recorder, random, rooms, watches = [], device = 'phone' } = options;
  const closings: string[] = [];
  const cursors = new Map<string, Cursor>();
  const present = new Map<string, Set<string>>();
  /** The newest last. */
  let lines: Line[] = [];
  /** The line that everything is sent on, since when; none while the session looks for another. */
  let sending: { readonly line: Line; readonly sinceMs: number } | undefined;
  const abandoned: RawClient[] = [];
  let party: Party | undefined;
  let url = '';
  let ended = false;
  let resumptions = 0;
  let failed: unknown;
  let repeatMs = 0;
  const sends = createPendingSends({
    recorder,
    party: () => party as Party,
    post: (message) => sending?.line.client.post(message),
    repeatMs: () => repeatMs,
    failed: (error) => {
      failed ??= error;
    },
  });

  async function open(first: string): Promise<void> {
    url = first;
    const client = await openWebSocketClient(user, url);
    const line = lineOf(client, url);
    abandoned.push(client);
    const welcome = await client.hello({ token: options.token, device });
    repeatMs = welcome.limits.repeatMs;
    abandoned.pop();
    lines = [line];
    for (const room of rooms) {
      recorder.asks(party as Party, `r/${room}`);
      const reply = await client.request({ type: 'join', room }, 10_000);
      assert(reply.type === 'ack' && reply.cursor !== undefined, JSON.stringify(reply));
      owed(reply.cursor);
    }
    stand(line);
  }

  /** Frames may come in one piece with it, so this does not wait for the next turn. */
  function welcomed({ session, device, cursors }: MessageOf<'welcome'>): void {
    if (party !== undefined || ended) return;
    party = { session, user, device };
    for (const cursor of cursors) owed(cursor);
  }

  /** A fresh session gets what is still alive besides; it is owed what comes from now on. */
  function owed(cursor: Cursor): void {
    if (!cursors.has(cursor.channel)) cursors.set(cursor.channel, cursor);
    const after = Math.max(cursor.position, recorder.acknowledgedUpTo(cursor.channel));
    recorder.owes(party as Party, cursor.channel, cursor.epoch, after);
  }

  function lineOf(client: RawClient, url: string): Line {
    const line = {
      client,
      url,
      positions: new Map([...cursors].map(([name, { position }]) => [name, position])),
    };
    client.listen((message) => heard(line, message));
    return line;
  }

  /** The line is there, and everything is sent on it from now on. */
  function stand(line: Line): void {
    void line.client.closed.then((closing) => lost(line, closing));
    goOn(line);
  }

  function goOn(line: Line): void {
    url = line.url;
    recorder.here(party?.session ?? '', true, url);
    sending = { line, sinceMs: performance.now() };
    for (const room of watches)
      line.client.post({ type: 'presence.watch', id: `w-${room}`, channel: `r/${room}` });
    sends.repeat(() => true);
  }

  function lost(line: Line, { code, fault }: Closing): void {
    const hadSends = line === sending?.line;
    lines = lines.filter((other) => other !== line);
    if (ended || abandoned.includes(line.client)) return;
    if (hadSends || fault !== 'REPLACED') closings.push(fault ?? String(code));
    if (hadSends) gone(line);
  }

  /** Goes on over the older flow, where there is one, or begins a new one in place of all. */
  function gone({ client }: Line): void {
    sending = undefined;
    const older = lines.at(-1);
    if (older !== undefined && random.draw() < 0.5) return goOn(older);
    recorder.here(party?.session ?? '', false, url);
    const { resume } = client.resumption();
    resumed(resume).catch((error: unknown) => {
      failed ??= error;
    });
  }

  async function resumed(resume: string): Promise<void> {
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, random.draw() * againMsMax));
      const urls = options.urls();
      const next = urls[Math.floor(random.draw() * urls.length)] as string;
      const line = await flowAt(next, resume, 'replace');
      if (line === undefined) continue;
      resumptions++;
      lines = [...lines, line];
      stand(line);
      return;
    }
  }

  /** A further flow of the session, or nothing where the gateway does not answer. */
  async function flowAt(at: string, resume: string, mode: 'replace' | 'add'): Promise<Line | undefined> {
    const opening = openWebSocketClient(`${user} again`, at).catch(() => undefined);
    const client = await Promise.race([opening, silence()]);
    if (client === undefined) {
      void opening.then((late) => late?.cut());
      return undefined;
    }
    const line = lineOf(client, at);
    const hello = { resume, cursors: [...cursors.values()], flow: mode };
    const welcome = await Promise.race([
      client.hello(hello).catch((error: unknown) => {
        if (client.closing?.bye !== undefined && faultsForGood.has(client.closing.bye.fault)) throw error;
      }),
      silence(),
    ]);
    if (welcome === undefined || ended) {
      const wasWelcomed = client.arrivals.some(({ message }) => message.type === 'welcome');
      assert(wasWelcomed || client.frames().length === 0, 'frames came before welcome');
      client.listen(() => undefined);
      client.cut();
      return undefined;
    }
    assert(welcome.resumed, `${user}: the session was not resumed`);
    return line;
  }

  function heard(line: Line, message: ServerMessage): void {
    if (message.type === 'frame') frameCame(line, message);
    else if (message.type === 'welcome') welcomed(message);
    else if (message.type === 'gap') recorder.gap(party as Party, message);
    else if (message.type === 'ack') sends.acknowledged(message);
    else if (message.type === 'presence') presenceCame(line, message);
    // What another line refuses has been sent again over this one.
    else if (message.type === 'nack' && line === sending?.line) {
      sends.refused(message);
      // A younger flow that never stood here has the sends, and is not lost yet.
      const sendingMs = performance.now() - sending.sinceMs;
      if (message.fault === 'MOVED' && sendingMs > movedMsMax) line.client.cut();
    }
  }

  /** Each line brings everything in order; of what several bring, the first counts. */
  function frameCame({ positions }: Line, frame: MessageOf<'frame'>): void {
    const { channel, epoch = '', position = 0 } = frame;
    const isRepeated = position <= (positions.get(channel) ?? -1);
    positions.set(channel, Math.max(position, positions.get(channel) ?? 0));
    const cursor = cursors.get(channel);
    if (!isRepeated && cursor?.epoch === epoch && position <= cursor.position) return;
    if (!isRepeated) cursors.set(channel, { channel, epoch, position });
    recorder.received(party as Party, frame);
  }

  function presenceCame(
    line: Line,
    { channel, full, present: came, gone: went }: MessageOf<'presence'>,
  ): void {
    if (line !== sending?.line) return;
    const sessions = full ? new Set<string>() : (present.get(channel) ?? new Set());
    present.set(channel, sessions);
    for (const { session } of came) sessions.add(session);
    for (const { session } of went) {
      sessions.delete(session);
      recorder.gone(party as Party, channel, session);
    }
  }

  function abandon(): Line | undefined {
    const line = sending?.line;
    if (line === undefined || ended) return undefined;
    abandoned.push(line.client);
    line.client.socket?.pause();
    line.client.listen(() => undefined);
    lines = lines.filter((other) => other !== line);
    return line;
  }

  const session: LastingSession = {
    user,
    rooms,
    closings,
    present,
    refusals: sends.refusals,
    get id() {
      return party?.session ?? '';
    },
    get resumptions() {
      return resumptions;
    },
    get waiting() {
      return ended ? 0 : sends.waiting;
    },
    get eldestWaitingMs() {
      return ended ? 0 : sends.eldestMs;
    },
    get unknown() {
      return sends.unknown;
    },
    get url() {
      return url;
    },
    get connected() {
      return sending !== undefined;
    },
    get over() {
      return ended;
    },
    open,
    send: sends.send,
    repeatOne: () => !ended && sends.repeatOne(),
    async addFlow(at) {
      const before = sending?.line;
      if (before === undefined || ended || lines.length > 1) return false;
      const line = await flowAt(at, before.client.resumption().resume, 'add').catch(() => undefined);
      if (line === undefined || before !== sending?.line) {
        line?.client.cut();
        return false;
      }
      lines = [...lines, line];
      stand(line);
      return true;
    },
    cut: () => sending?.line.client.cut(),
    vanish() {
      const line = abandon();
      if (line !== undefined) gone(line);
    },
    leave() {
      ended = true;
      sending = undefined;
      for (const { client } of lines) client.post({ type: 'bye' });
      for (const client of abandoned) client.cut();
      if (party === undefined) return;
      for (const { position, channel } of cursors.values()) recorder.left(session.id, channel, position);
      recorder.here(session.id, false, url);
    },
    close() {
      ended = true;
      for (const client of [...abandoned, ...lines.map(({ client }) => client)]) client.cut();
    },
    failure: () => failed,
  };
  return session;
}

function silence(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), silenceMsMax).unref());
}

/** After these a resume is of no use. */
const faultsForGood = new Set(['RESUME_INVALID', 'RESUME_EXPIRED', 'REVOKED', 'TOKEN_EXPIRED']);
