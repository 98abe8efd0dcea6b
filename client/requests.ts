/**
 * Requests: what the app asks for, as promises; the outbox decides what is written when.
 */

import { faultDefinition, isFaultCode } from '#wire/faults.ts';
import { NESTING_MAX } from '#wire/limits.ts';
import type { ClientMessage, ServerMessage } from '#wire/messages.ts';
import { SnowshedError } from './api.ts';
import type { Link } from './link.ts';
import * as box from './outbox.ts';
import type { Platform } from './platform.ts';

export type Ack = Extract<ServerMessage, { type: 'ack' }>;
export type Nack = Extract<ServerMessage, { type: 'nack' }>;

type WithoutId<Message> = Message extends { id: string } ? Omit<Message, 'id'> : never;
/** What may be absent may be `undefined` too, since JSON leaves that out. */
type Loose<Value> = Value extends object
  ? { [Key in keyof Value]: Loose<Value[Key]> | (object extends Pick<Value, Key> ? undefined : never) }
  : Value;
export type Request = Loose<WithoutId<ClientMessage>>;

export interface AskOptions extends Pick<box.Asked, 'ttlMs' | 'once' | 'own'> {
  /** Default: a lane of its own. */
  readonly lane?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told within the same breath, before whatever else came with the answer. */
  readonly acked?: () => void;
}

export interface Requests {
  ask(request: Request, options?: AskOptions): Promise<Ack>;
  /** A flow was welcomed: everything unanswered is repeated on it. */
  up(link: Pick<Link, 'number' | 'transport' | 'send'>, limits: box.Outbox['limits']): void;
  down(): void;
  answered(flow: number, answer: Ack | Nack): void;
  /** Something was written and has no answer yet. */
  unanswered(): boolean;
  /** Rejects everything, now and from now on. */
  end(error: SnowshedError): void;
}

interface Asker {
  resolve(ack: Ack): void;
  reject(error: SnowshedError): void;
}

export function createRequests(platform: Platform): Requests {
  const outbox = box.emptyOutbox();
  const askers = new Map<string, Asker>();
  const prefix = platform.id().slice(0, 11);
  let count = 0;
  let write: Link['send'] = () => {};
  let cancel = () => {};
  let ended: SnowshedError | undefined;

  function flush(): void {
    cancel();
    const nowMs = platform.nowMs();
    const due = box.due(outbox, nowMs);
    if (due.write.length > 0) write(...due.write);
    fail(due.failed);
    if (due.wakeMs < Infinity) cancel = platform.after(Math.ceil(due.wakeMs - nowMs), flush);
  }
  function fail(failed: readonly box.Failed[]): void {
    for (const { id, fault } of failed) settle(id)?.reject(errorOf(fault));
  }
  function settle(id: string): Asker | undefined {
    const asker = askers.get(id);
    askers.delete(id);
    return asker;
  }
  function enter(request: Request, options: AskOptions, asker: Asker): string | undefined {
    const id = `${prefix}.${(++count).toString(36)}`;
    const text = JSON.stringify({ ...request, id }).slice(0, -1);
    const bytes = utf8.encode(text).length;
    const { lane = id, ttlMs, once = false, own } = options;
    if (bytes > 2 * NESTING_MAX && nestingOf(request) > NESTING_MAX) {
      asker.reject(errorOf('TOO_DEEP'));
      return undefined;
    }
    const fault = box.ask(outbox, { id, lane, text, bytes, ttlMs, once, own }, platform.nowMs());
    if (fault !== undefined) {
      asker.reject(errorOf(fault));
      return undefined;
    }
    askers.set(id, asker);
    return id;
  }

  return {
    ask(request, options = {}) {
      const { signal } = options;
      let off = () => {};
      const promise = new Promise<Ack>((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        if (signal?.aborted) return reject(errorOf('ABORTED'));
        const id = enter(request, options, {
          resolve(ack) {
            options.acked?.();
            resolve(ack);
          },
          reject,
        });
        if (id === undefined) return;
        const abort = () => {
          box.takeBack(outbox, id);
          settle(id)?.reject(errorOf('ABORTED'));
        };
        signal?.addEventListener('abort', abort);
        off = () => signal?.removeEventListener('abort', abort);
        flush();
      });
      promise.then(off, off);
      return promise;
    },
    up(link, limits) {
      write = link.send;
      fail(box.flowUp(outbox, link.number, limits, link.transport === 'websocket'));
      flush();
    },
    down() {
      fail(box.flowLost(outbox));
      flush();
    },
    answered(flow, answer) {
      const { id } = answer;
      if (id === undefined) return;
      if (answer.type === 'ack') {
        if (box.acked(outbox, id)) settle(id)?.resolve(answer);
      } else if (box.nacked(outbox, flow, { ...answer, id }, platform.nowMs())) {
        settle(id)?.reject(errorOf(answer.fault, answer.detail));
      }
      flush();
    },
    unanswered: () => [...outbox.entries.values()].some(({ flow }) => flow !== 0),
    end(error) {
      ended = error;
      cancel();
      for (const id of [...askers.keys()]) settle(id)?.reject(error);
    },
  };
}

const utf8 = new TextEncoder();

/** Levels of arrays and objects in a value. */
function nestingOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(nestingOf));
}

/** What comes of it, or `ABORTED` if the signal comes first. */
export async function unlessAborted<Value>(
  coming: Value | Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(errorOf('ABORTED'));
  });
  signal?.addEventListener('abort', abort);
  return Promise.race([coming, aborted]).finally(() => signal?.removeEventListener('abort', abort));
}

export function errorOf(fault: box.AnyFault, detail?: string, cause?: unknown): SnowshedError {
  const known = isFaultCode(fault) ? faultDefinition(fault) : undefined;
  const text = [known?.text, detail].filter(Boolean).join(' ') || undefined;
  const retry = known?.retry ?? (fault in clientRetries ? 'later' : 'never');
  return new SnowshedError(fault, retry, text, cause === undefined ? undefined : { cause });
}

const clientRetries = { UNKNOWN: 1, NOT_SENT: 1, OUTBOX_FULL: 1, TOKEN_UNAVAILABLE: 1 };
