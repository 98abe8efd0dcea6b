/**
 * Lasting session: one session that outlives gateways, as a careful client keeps it, and writes down all of it.
 *
 * When its flow ends it resumes at another gateway with its cursors and repeats what had no answer, in
 * order, under the same ids and with their age. What it sent, got and is owed goes into a recorder,
 * frames that came twice as well: whether the service kept its promises is for the checker to say.
 */

import assert from 'node:assert/strict';
import type { Random } from '#runtime/random.ts';
import { type FaultCode, faults } from '#wire/faults.ts';
import type { ServerMessage } from '#wire/messages.ts';
import type { Party, Recorder, SentFrame } from './history.ts';
import type { Closing, MessageOf } from './inbox.ts';
import { openWebSocketClient, type RawClient } from './raw-client.ts';

export interface LastingOptions {
  readonly user: string;
  readonly token: string;
  readonly rooms: readonly string[];
  readonly recorder: Recorder;
  readonly random: Random;
  /** Of the gateways that a client may try; the dead ones may be among them. */
  urls(): readonly string[];
}

export interface LastingSession {
  readonly user: string;
  readonly resumptions: number;
  /** Why its flows ended. */
  readonly closings: readonly string[];
  /** Sends that wait for their answer. */
  readonly waiting: number;
  /** Sends that were given up: their outcome is unknown. */
  readonly unknown: number;
  /** The gateway that its flow is at. */
  readonly url: string;
  open(url: string): Promise<void>;
  send(to: { user: string } | { room: string }, body: unknown): void;
  /** Cuts the line, as a network does; it resumes. */
  cut(): void;
  close(): void;
  /** What went wrong beyond repair, such as a session that could not be resumed. */
  failure(): unknown;
}

interface Pending {
  readonly message: { readonly type: string; readonly id: string };
  readonly channel: string;
  readonly frame: SentFrame;
  readonly firstMs: number;
  refused: boolean;
}

/** A gateway that is gone is told by a refused connect; a client tries the next one soon. */
const againMsMax = 400;

export function createLastingSession(options: LastingOptions): LastingSession {
  const { user, recorder, random } = options;
  const pending = new Map<string, Pending>();
  /** Channels whose refused sends are going to be repeated. */
  const repeating = new Set<string>();
  const closings: string[] = [];
  let party: Party | undefined;
  let flow: RawClient | undefined;
  let url = '';
  let ended = false;
  let ids = 0;
  let resumptions = 0;
  let unknown = 0;
  let failed: unknown;

  async function open(first: string): Promise<void> {
    url = first;
    flow = await openWebSocketClient(user, url);
    flow.listen(heard);
    const welcome = await flow.hello({ token: options.token, device: 'phone' });
    const { session, device } = welcome;
    party = { session, user, device };
    for (const cursor of welcome.cursors) recorder.owes(party, cursor.channel, cursor.epoch, cursor.position);
    for (const room of options.rooms) {
      const reply = await flow.request({ type: 'join', room });
      assert(reply.type === 'ack' && reply.cursor !== undefined, JSON.stringify(reply));
      recorder.owes(party, reply.cursor.channel, reply.cursor.epoch, reply.cursor.position);
    }
    void flow.closed.then(lost);
  }

  function lost({ code, fault }: Closing): void {
    if (ended) return;
    closings.push(fault ?? String(code));
    resume().catch((error: unknown) => {
      failed = error;
    });
  }

  async function resume(): Promise<void> {
    const before = flow as RawClient;
    const resumption = before.resumption();
    while (!ended) {
      await new Promise((resolve) => setTimeout(resolve, random.draw() * againMsMax));
      const urls = options.urls();
      url = urls[Math.floor(random.draw() * urls.length)] as string;
      const next = await openWebSocketClient(`${user} again`, url).catch(() => undefined);
      if (next === undefined) continue;
      next.listen(heard);
      const welcome = await next.hello(resumption).catch((error: unknown) => {
        if (next.closing?.bye !== undefined && faultsForGood.has(next.closing.bye.fault)) throw error;
      });
      // What came before the flow was lost again moved the cursors of that flow; nothing did, if no welcome came.
      if (welcome === undefined) {
        assert(next.frames().length === 0, 'frames came before welcome');
        next.cut();
        continue;
      }
      assert(welcome.resumed, `${user}: the session was not resumed`);
      resumptions++;
      flow = next;
      void next.closed.then(lost);
      repeat(() => true);
      return;
    }
  }

  function heard(message: ServerMessage): void {
    if (message.type === 'frame') recorder.received(party as Party, message);
    else if (message.type === 'gap') recorder.gap(party as Party, message);
    else if (message.type === 'ack') acknowledged(message);
    else if (message.type === 'nack') refused(message);
  }

  function acknowledged({ id, position }: MessageOf<'ack'>): void {
    const send = pending.get(id);
    if (send === undefined) return;
    pending.delete(id);
    recorder.acknowledged(send.frame, position);
  }

  function refused({ id = '', fault, retryAfterMs = 100 }: MessageOf<'nack'>): void {
    const send = pending.get(id);
    if (send === undefined) return;
    const retry = fault in faults ? faults[fault as FaultCode].retry : 'later';
    if (retry === 'never') {
      pending.delete(id);
      unknown++;
      if (fault !== 'SEND_EXPIRED') failed ??= new Error(`${user}: send ${id} was refused: ${fault}`);
      return;
    }
    send.refused = true;
    if (repeating.has(send.channel)) return;
    repeating.add(send.channel);
    const at = flow;
    setTimeout(() => {
      repeating.delete(send.channel);
      if (flow === at) repeat((one) => one.refused && one.channel === send.channel);
    }, retryAfterMs).unref();
  }

  /** Sends again, in the order of the first time, what has no answer and may still be repeated. */
  function repeat(which: (send: Pending) => boolean): void {
    const repeatMs = flow?.welcome.limits.repeatMs ?? 0;
    for (const [id, send] of pending) {
      if (!which(send)) continue;
      const ageMs = Math.round(performance.now() - send.firstMs);
      if (ageMs >= repeatMs) {
        pending.delete(id);
        unknown++;
        continue;
      }
      send.refused = false;
      flow?.post({ ...send.message, ageMs });
    }
  }

  return {
    user,
    closings,
    get resumptions() {
      return resumptions;
    },
    get waiting() {
      return pending.size;
    },
    get unknown() {
      return unknown;
    },
    get url() {
      return url;
    },
    open,
    send(to, body) {
      const id = `${++ids}`;
      const channel = 'room' in to ? `r/${to.room}` : `u/${to.user}`;
      const frame = recorder.sent(party as Party, channel, id, body);
      const message = { type: 'send', id, to, kind: 'test', body };
      pending.set(id, { message, channel, frame, firstMs: performance.now(), refused: false });
      if (flow?.closing === undefined) flow?.post(message);
    },
    cut: () => flow?.cut(),
    close() {
      ended = true;
      flow?.cut();
    },
    failure: () => failed,
  };
}

/** After these a resume is of no use. */
const faultsForGood = new Set(['RESUME_INVALID', 'RESUME_EXPIRED', 'REVOKED', 'TOKEN_EXPIRED']);
