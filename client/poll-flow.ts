/**
 * Poll flow: the messages of a flow in arrays, over one HTTP request after the other.
 *
 * A request waits at the service until there is something to tell. What is to be sent meanwhile goes in a second
 * request, upon which the service ends the first; so at most two are under way, and answers are taken in the
 * order of their requests. Each carries the resume token and the cursors, so that any gateway may answer it. A
 * request that fails ends the flow: the next one resumes, and repeats what has no answer.
 */

import type { PollAnswer } from '#wire/messages.ts';
import type { Bearings, Flow, FlowEnd, FlowEvents } from './flow.ts';
import type { Platform } from './platform.ts';

/** As `wire/messages.ts` has it, which the client does not carry. */
export const POLL_PATH = '/v1/poll';

const UNDER_WAY_MAX = 2;
const REQUEST_CHARS_MAX = 65_536;
const CLOSE_MS_MAX = 1_000;

interface Answered {
  readonly response: Response;
  readonly body: Partial<PollAnswer> & { readonly fault?: string; readonly retryAfterMs?: number };
}

export function openPollFlow(url: string, platform: Platform, bearings: Bearings, events: FlowEvents): Flow {
  const address = url.replace(/^ws/, 'http') + POLL_PATH;
  const stop = new AbortController();
  let known: { readonly flow?: string; readonly turn?: number | undefined } = {};
  const unsent: string[] = [];
  let underWay = 0;
  let scheduled = false;
  /** Settles when every answer before has been taken. */
  let taken: Promise<unknown> = Promise.resolve();
  let alive = true;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    void Promise.resolve().then(() => {
      scheduled = false;
      if (alive) poll();
    });
  }

  function poll(): void {
    // The flow is not known before its first answer, and one request at a time waits for news.
    if (underWay >= (known.flow === undefined ? 1 : UNDER_WAY_MAX)) return;
    if (underWay > 0 && unsent.length === 0) return;
    underWay++;
    const answer = post(takeMessages(), stop.signal);
    taken = Promise.all([answer, taken]).then(([answer]) => take(answer), lost);
  }

  /** As many as one request may hold, and one at least. */
  function takeMessages(): string[] {
    let chars = 0;
    const tooMany = unsent.findIndex((text, i) => {
      chars += text.length;
      return i > 0 && chars > REQUEST_CHARS_MAX;
    });
    return unsent.splice(0, tooMany < 0 ? unsent.length : tooMany);
  }

  async function post(messages: readonly string[], signal: AbortSignal | undefined): Promise<Answered> {
    const { resume, cursors } = bearings();
    const head = JSON.stringify({ ...known, resume, cursors }).slice(0, -1);
    const body = `${head},"messages":[${messages.join(',')}]}`;
    const headers = { 'content-type': 'application/json' };
    const response = await platform.fetch(address, {
      method: 'POST',
      headers,
      body,
      signal: signal ?? null,
      keepalive: signal === undefined,
    });
    const answer = await response.json().catch(() => ({}));
    return { response, body: answer as Answered['body'] };
  }

  function take({ response, body }: Answered): void {
    underWay--;
    if (!alive) return;
    if (!response.ok || body.flow === undefined) return end(refusal(response, body));
    known = { flow: body.flow, turn: body.turn };
    for (const message of body.messages ?? []) if (alive) events.received(message);
    events.heard();
    schedule();
  }

  function lost(): void {
    end({});
  }

  function end(reason: FlowEnd): void {
    if (!alive) return;
    alive = false;
    stop.abort();
    events.closed(reason);
  }

  void Promise.resolve().then(() => alive && events.opened());

  return {
    transport: 'poll',
    send(text) {
      if (!alive) return;
      unsent.push(text);
      schedule();
    },
    async close() {
      if (!alive) return;
      alive = false;
      stop.abort();
      const messages = takeMessages();
      if (messages.length === 0 || known.flow === undefined) return;
      const answered = post(messages, undefined).catch(() => {});
      await Promise.race([answered, new Promise<void>((resolve) => platform.after(CLOSE_MS_MAX, resolve))]);
    },
  };
}

function refusal(response: Response, { fault, retryAfterMs }: Answered['body']): FlowEnd {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const afterMs = retryAfterMs ?? (Number.isFinite(seconds) ? seconds * 1_000 : undefined);
  return { fault, afterMs };
}
