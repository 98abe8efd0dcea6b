/**
 * Session: one client of the native protocol inside a virtual user; many of them share its event loop.
 *
 * When it comes back after a loss, the SDK's own pure core decides (`client/reconnect.ts`). It resumes with its cursors, drops what
 * lies before them, and repeats what was not answered under the same id, as the protocol demands.
 */

import { clearTimeout, setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';
import { type Reconnect, reconnect, spreadUntilTold, started } from '../../client/reconnect.ts';
import type { Identity } from './identity.ts';
import * as metrics from './metrics.ts';
import type { ReceivedFrame, ServerMessage } from './protocol.ts';
import { anyUrl } from './settings.ts';

export interface SessionEvents {
  frame?(frame: ReceivedFrame): void;
  /** Each time it is attached, with how often it has been before. */
  welcomed?(before: number): void;
  acked?(id: string): void;
}

export interface LoadSession {
  readonly user: string;
  readonly up: boolean;
  /** Sends that wait for an answer. */
  readonly unanswered: number;
  /** Returns the frame's id. */
  send(to: { user?: string; room?: string }, kind: string, body: unknown): string;
  join(room: string): void;
  /** Says `bye` and opens no more. */
  close(): void;
}

interface Unanswered {
  readonly message: { readonly id: string } & Record<string, unknown>;
  readonly sentMs: number;
}

const TTL_MS = 120_000;
/** A little less than the gateways' own limit for repeats. */
const REPEAT_MS = 25_000;
const CLOSE_MS = 5_000;

/** k6 has it, and its types do not. */
declare const console: { warn(text: string): void };

const said = new Set<string>();

/** Once by each virtual user: a figure tells that attempts failed, not why. */
function sayOnce(what: string): void {
  if (said.has(what)) return;
  said.add(what);
  console.warn(what);
}

/** @param url where it connects; asked for at every attempt. */
export function openSession(who: Identity, events: SessionEvents, url: () => string = anyUrl): LoadSession {
  const cursors = new Map<string, { epoch: string; position: number }>();
  const unanswered = new Map<string, Unanswered>();
  let state: Reconnect = started(spreadUntilTold, Date.now(), Math.random);
  let socket: WebSocket | undefined;
  let resume: string | undefined;
  let pingMs = 25_000;
  let timer: number | undefined;
  let heartbeat: number | undefined;
  let welcomes = 0;
  let ids = 0;
  let closing = false;
  let closer: number | undefined;
  let lostAtMs = 0;

  function attempt(): void {
    const startedMs = Date.now();
    const own = new WebSocket(`${url()}/v1/connect`, null, {
      headers: { 'Sec-WebSocket-Protocol': 'snowshed.v1' },
    });
    let ended = false;
    function over(): void {
      if (ended) return;
      ended = true;
      if (socket === own) socket = undefined;
      if (closer !== undefined) clearTimeout(closer);
      flowEnded();
    }
    socket = own;
    own.onopen = () => say(hello());
    own.onmessage = (event) => {
      if (socket === own && event !== undefined)
        heard(JSON.parse(event.data as string) as ServerMessage, startedMs);
    };
    own.onerror = (event) => {
      if (state.phase === 'trying') sayOnce(`cannot connect: ${(event as { error?: string }).error}`);
      over();
    };
    own.onclose = () => over();
  }

  function hello(): object {
    const known = [...cursors].map(([channel, cursor]) => ({ channel, ...cursor }));
    return {
      type: 'hello',
      device: 'k6',
      ...(resume === undefined ? { token: who.token } : { resume, cursors: known }),
    };
  }

  function heard(message: ServerMessage, startedMs: number): void {
    switch (message.type) {
      case 'wait':
        return metrics.waits.add(1);
      case 'welcome':
        resume = message.resume;
        pingMs = message.pingMs;
        for (const { channel, epoch, position } of message.cursors) moved(channel, epoch, position);
        return welcomed(message, Date.now() - startedMs);
      case 'resume':
        resume = message.resume;
        return;
      case 'spread':
        step({ kind: 'told', spread: message });
        return;
      case 'frame':
        return received(message);
      case 'ack':
        return answered(message.id, message.cursor, undefined);
      case 'nack':
        return refused(message);
      case 'gap':
        metrics.gaps.add(1);
        return moved(message.channel, message.epoch, message.to);
      case 'bye':
        metrics.faults.add(1, { fault: message.fault });
        if (state.phase === 'up') lose(message.spreadMs);
        else sayOnce(`not let in: ${message.fault}`);
        return;
      default:
        return;
    }
  }

  function welcomed(message: Extract<ServerMessage, { type: 'welcome' }>, tookMs: number): void {
    step({ kind: 'told', spread: message.spread });
    step({ kind: 'welcomed' });
    metrics.welcomeMs.add(tookMs);
    if (welcomes === 0) metrics.opened.add(1);
    else metrics.awayMs.add(Date.now() - lostAtMs);
    for (const { message: again, sentMs } of unanswered.values())
      say({ ...again, ageMs: Date.now() - sentMs });
    beat();
    const before = welcomes++;
    events.welcomed?.(before);
  }

  function received(frame: ReceivedFrame): void {
    const cursor = cursors.get(frame.channel);
    if (frame.position !== undefined && frame.epoch !== undefined) {
      if (cursor?.epoch === frame.epoch && frame.position <= cursor.position) return;
      cursors.set(frame.channel, { epoch: frame.epoch, position: frame.position });
    }
    events.frame?.(frame);
  }

  function answered(
    id: string,
    cursor: { channel: string; epoch: string; position: number } | undefined,
    fault: string | undefined,
  ) {
    const send = unanswered.get(id);
    if (cursor !== undefined) moved(cursor.channel, cursor.epoch, cursor.position);
    if (send === undefined) return;
    unanswered.delete(id);
    if (fault !== undefined) {
      metrics.framesRefused.add(1);
      metrics.faults.add(1, { fault });
      return;
    }
    if (send.message['type'] !== 'send') return;
    metrics.framesAcked.add(1);
    metrics.ackMs.add(Date.now() - send.sentMs);
    events.acked?.(id);
  }

  function refused({ id, fault, retryAfterMs }: Extract<ServerMessage, { type: 'nack' }>): void {
    const send = id === undefined ? undefined : unanswered.get(id);
    if (send === undefined) return;
    const ageMs = Date.now() - send.sentMs;
    if (retryAfterMs === undefined || ageMs + retryAfterMs > REPEAT_MS)
      return answered(send.message.id, undefined, fault);
    setTimeout(() => {
      if (unanswered.has(send.message.id) && state.phase === 'up')
        say({ ...send.message, ageMs: Date.now() - send.sentMs });
    }, retryAfterMs);
  }

  function moved(channel: string, epoch: string, position: number): void {
    const cursor = cursors.get(channel);
    if (cursor?.epoch === epoch && cursor.position >= position) return;
    cursors.set(channel, { epoch, position });
  }

  function flowEnded(): void {
    if (heartbeat !== undefined) clearTimeout(heartbeat);
    heartbeat = undefined;
    if (closing) return;
    if (state.phase === 'trying') {
      metrics.attemptsFailed.add(1);
      step({ kind: 'failed' });
    } else if (state.phase === 'up') lose(undefined);
    if (state.phase !== 'waiting') return;
    timer = setTimeout(due, Math.max(1, state.attemptAtMs - Date.now()));
  }

  function lose(withinMs: number | undefined): void {
    lostAtMs = Date.now();
    metrics.lost.add(1);
    step({ kind: 'lost', inCall: false, ...(withinMs === undefined ? {} : { withinMs }) });
  }

  function due(): void {
    timer = undefined;
    step({ kind: 'due' });
    if (state.phase === 'trying') attempt();
    else if (state.phase === 'waiting') timer = setTimeout(due, 5);
  }

  function step(event: Parameters<typeof reconnect>[1]): void {
    state = reconnect(state, event, Date.now(), Math.random);
  }

  function beat(): void {
    heartbeat = setTimeout(() => {
      say({ type: 'ping' });
      beat();
    }, pingMs);
  }

  function say(message: object): void {
    if (socket?.readyState === 1) socket.send(JSON.stringify(message));
  }

  function ask(message: { readonly id: string } & Record<string, unknown>): void {
    unanswered.set(message.id, { message, sentMs: Date.now() });
    if (state.phase === 'up') say(message);
  }

  attempt();
  return {
    user: who.user,
    get up() {
      return state.phase === 'up';
    },
    get unanswered() {
      return unanswered.size;
    },
    send(to, kind, body) {
      const id = `k${++ids}`;
      ask({ type: 'send', id, to, kind, body, ttlMs: TTL_MS });
      return id;
    },
    join(room) {
      ask({ type: 'join', id: `j${++ids}`, room });
    },
    close() {
      closing = true;
      if (timer !== undefined) clearTimeout(timer);
      if (heartbeat !== undefined) clearTimeout(heartbeat);
      say({ type: 'bye' });
      const own = socket;
      // The gateway closes after `bye`; who does not is closed from here.
      if (own !== undefined) closer = setTimeout(() => own.close(), CLOSE_MS);
    },
  };
}

export function closeAll(all: readonly { close(): void }[]): void {
  for (const one of all) one.close();
}
