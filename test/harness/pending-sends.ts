/**
 * Pending sends: what a lasting session has sent and waits to see acknowledged; repeated in order under the same ids.
 */

import { type FaultCode, faults } from '#wire/faults.ts';
import type { Party, Recorder, SentFrame } from './history.ts';
import type { MessageOf } from './inbox.ts';

export type SendTo = { readonly user: string } | { readonly room: string };

export interface PendingSends {
  readonly waiting: number;
  /** How long the eldest that waits has waited. */
  readonly eldestMs: number;
  readonly unknown: number;
  readonly refusals: ReadonlyMap<string, number>;
  send(to: SendTo, body: unknown): void;
  /** Sends again, in the order of the first time, what has no answer and may still be repeated. */
  repeat(which: (send: Pending) => boolean): void;
  /** Sends something again that was acknowledged; false if there is nothing that may be. */
  repeatOne(): boolean;
  acknowledged(message: MessageOf<'ack'>): void;
  refused(message: MessageOf<'nack'>): void;
}

export interface PendingSendsDeps {
  readonly recorder: Recorder;
  party(): Party;
  post(message: object): void;
  /** For how long an id may be repeated. */
  repeatMs(): number;
  failed(error: Error): void;
}

interface Pending {
  readonly message: { readonly type: string; readonly id: string };
  readonly channel: string;
  readonly frame: SentFrame;
  readonly firstMs: number;
  refused: boolean;
}

/** Longer than a run and its end: a frame that has outlived its time is not lost, and none of them may. */
export const outlivesRunMs = 180_000;
/** A repeat on purpose leaves so much of the time for answers that are late. */
const repeatMarginMs = 15_000;
const recentMax = 16;

export function createPendingSends({
  recorder,
  party,
  post,
  repeatMs,
  failed,
}: PendingSendsDeps): PendingSends {
  const pending = new Map<string, Pending>();
  /** Channels whose refused sends are going to be repeated. */
  const repeating = new Set<string>();
  const refusals = new Map<string, number>();
  const recent: Pending[] = [];
  let ids = 0;
  let unknown = 0;

  function givenUp(id: string, { frame }: Pending): void {
    pending.delete(id);
    if (frame.position === undefined) unknown++;
  }

  function tell({ frame }: Pending, what: string): void {
    frame.story.push(`${Math.round(performance.now())} ${what}`);
  }

  function repeat(which: (send: Pending) => boolean): void {
    for (const [id, send] of pending) {
      if (!which(send)) continue;
      const ageMs = Math.round(performance.now() - send.firstMs);
      if (ageMs >= repeatMs()) givenUp(id, send);
      else {
        send.refused = false;
        tell(send, `again, ${ageMs} ms old`);
        post({ ...send.message, ageMs });
      }
    }
  }

  return {
    get waiting() {
      return pending.size;
    },
    get eldestMs() {
      const [eldest] = pending.values();
      return eldest === undefined ? 0 : performance.now() - eldest.firstMs;
    },
    get unknown() {
      return unknown;
    },
    refusals,
    send(to, body) {
      const id = `${++ids}`;
      const channel = 'room' in to ? `r/${to.room}` : `u/${to.user}`;
      const frame = recorder.sent(party(), channel, id, body);
      const message = { type: 'send', id, to, kind: 'test', body, ttlMs: outlivesRunMs };
      pending.set(id, { message, channel, frame, firstMs: performance.now(), refused: false });
      post(message);
    },
    repeat,
    repeatOne() {
      const send = recent.shift();
      if (send === undefined || performance.now() - send.firstMs > repeatMs() - repeatMarginMs) return false;
      pending.set(send.message.id, send);
      tell(send, 'once more');
      post({ ...send.message, ageMs: Math.round(performance.now() - send.firstMs) });
      return true;
    },
    acknowledged({ id, position }) {
      const send = pending.get(id);
      if (send === undefined) return;
      pending.delete(id);
      const { frame } = send;
      tell(send, `ack at ${position}`);
      if (frame.position !== undefined && frame.position !== position) {
        failed(
          new Error(
            `${id} of ${frame.session}: acknowledged at ${frame.position}, its repeat at ${position}`,
          ),
        );
      }
      recorder.acknowledged(frame, position);
      recent.push(send);
      if (recent.length > recentMax) recent.shift();
    },
    refused({ id = '', fault, retryAfterMs = 100 }) {
      const send = pending.get(id);
      if (send === undefined) return;
      tell(send, fault);
      refusals.set(fault, (refusals.get(fault) ?? 0) + 1);
      const retry = fault in faults ? faults[fault as FaultCode].retry : 'later';
      if (retry === 'never') {
        givenUp(id, send);
        if (fault !== 'SEND_EXPIRED') failed(new Error(`send ${id} was refused: ${fault}`));
        return;
      }
      send.refused = true;
      if (repeating.has(send.channel)) return;
      repeating.add(send.channel);
      setTimeout(() => {
        repeating.delete(send.channel);
        repeat((one) => one.refused && one.channel === send.channel);
      }, retryAfterMs).unref();
    },
  };
}
