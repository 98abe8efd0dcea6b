/**
 * Poll flow: the messages of a flow in arrays, over one HTTP request after the other.
 *
 * A request waits at the service until there is something to tell. What is to be sent meanwhile goes in a
 * second request, upon which the service ends the first; so at most two are under way, and answers are taken
 * in the order of their requests. An answer that comes twice is known by its turn.
 *
 * Each request carries the resume token and the cursors, so that any gateway may answer it. One that does not
 * know the flow opens it anew and brings what lies past the cursors, so that nothing an elder request may
 * still bring is needed. Two requests that do so at two gateways at once may take the place of one another:
 * then the flow begins again with `hello`. A request that fails ends the flow.
 *
 * Where connections lead to different gateways, the first of two requests has moved the flow to its own, unanswered,
 * while the second would ask for it at the one it came from and be told that it was replaced. So for a while after a
 * flow has moved, a second request names none, and takes it along.
 */

import type { PollAnswer } from '#wire/messages.ts';
import {
  type Bearings,
  type Flow,
  type FlowEnd,
  type FlowEvents,
  type Text,
  TOGETHER_CHARS_MAX,
} from './flow.ts';
import type { Platform } from './platform.ts';
import { timeOf } from './times.ts';

/** As `wire/messages.ts` has it, which the client does not carry. */
export const POLL_PATH = '/v1/poll';

const UNDER_WAY_MAX = 2;
/**
 * For so long after requests crossed, `REPLACED` is taken for their doing and not for that of another client.
 */
const CROSSED_MS = 5_000;
/**
 * A service ends the elder of two requests when the younger comes. Where it does not for so long, the elder has led to
 * another gateway, and waits there for news.
 */
const ELDER_MS = 2_000;
/** For so long after a flow has moved, connections are taken to lead to different gateways. */
const MOVES_MS = 30_000;
/** In the long run a flow begins again this often, and five times at once. */
const BEGUN_MS = 1_000;
const CLOSE_MS_MAX = 1_000;
/** Browsers send no more than 64 KiB for a page that is gone, bearings included, and refuse what is longer. */
const KEPT_CHARS_MAX = 16_384;

interface Refused {
  readonly fault?: string;
  readonly retryAfterMs?: number;
  readonly etaMs?: number;
  readonly ahead?: number;
}

interface Answered {
  readonly response: Response;
  readonly body: Partial<PollAnswer> & Refused;
}

/** The flow as the last answer had it. */
interface Known {
  readonly flow?: string;
  readonly turn?: number | undefined;
}

interface Request {
  readonly stop: AbortController;
  readonly named: Known;
  /** It has come, and waits for those of elder requests. */
  answer?: Answered;
}

interface Said {
  readonly type?: unknown;
  readonly fault?: unknown;
}

export function openPollFlow(url: string, platform: Platform, bearings: Bearings, events: FlowEvents): Flow {
  const address = url.replace(/^ws/, 'http') + POLL_PATH;
  let known: Known = {};
  /** Messages, and several that go together. */
  let unsent: Text[][] = [];
  /** Oldest first. */
  let underWay: Request[] = [];
  let scheduled = false;
  /** The connection of an answer is not free yet: another one may lead to another gateway. */
  let settling = false;
  /** When a request that named the flow was last answered in another one, by another gateway. */
  let movedMs = -Infinity;
  let alive = true;
  /** When two requests were last under way; a request of the flow before may still be when this one opens. */
  let crossedMs = platform.nowMs();
  let begunMs = -Infinity;
  let giveUpWaiting = () => {};

  function schedule(): void {
    if (scheduled || settling) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      if (alive) poll();
    });
  }

  function poll(): void {
    // The flow is not known before its first answer, and one request at a time waits for news.
    if (underWay.length >= (known.flow === undefined ? 1 : UNDER_WAY_MAX)) return;
    if (underWay.length > 0 && unsent.length === 0) return;
    const goesAlong = underWay.length > 0 && platform.nowMs() - movedMs < MOVES_MS;
    const request: Request = { stop: new AbortController(), named: goesAlong ? {} : known };
    underWay.push(request);
    if (underWay.length > 1) crossedMs = platform.nowMs();
    post(request.named, takeMessages(), request.stop.signal).then(
      (answer) => answered(request, answer),
      () => underWay.includes(request) && end({}),
    );
  }

  /** As many as one request may hold, and one call's at least. */
  function takeMessages(): string[] {
    let chars = 0;
    const tooMany = unsent.findIndex((texts, i) => {
      chars += joined(texts).length;
      return i > 0 && chars > TOGETHER_CHARS_MAX;
    });
    return unsent.splice(0, tooMany < 0 ? unsent.length : tooMany).map(joined);
  }

  /** As it stands in an array. */
  function joined(texts: readonly Text[]): string {
    return texts.map((text) => text(platform.nowMs())).join(',');
  }

  async function post(
    named: Known,
    messages: readonly string[],
    signal: AbortSignal | null,
  ): Promise<Answered> {
    const head = JSON.stringify({ ...named, ...bearings() }).slice(0, -1);
    const response = await platform.fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `${head},"messages":[${messages.join(',')}]}`,
      signal,
      keepalive: signal === null && messages.join().length < KEPT_CHARS_MAX,
    });
    return { response, body: bodyOf(await response.json().catch(() => undefined)) };
  }

  function answered(request: Request, answer: Answered): void {
    if (!underWay.includes(request)) return;
    settle();
    giveUpWaiting();
    request.answer = answer;
    const { response, body } = answer;
    const { flow } = request.named;
    if (flow !== undefined && body.flow !== undefined && body.flow !== flow) movedMs = platform.nowMs();
    if (!response.ok || body.flow === undefined) {
      return isOwnDoing(body.fault) ? replaced(request) : end(refusal(response, body));
    }
    if (body.messages?.some((said) => isBye(said) && isOwnDoing(said.fault))) return replaced(request);
    if (known.flow !== undefined && body.flow !== known.flow) {
      for (const elder of underWay.splice(0, underWay.indexOf(request))) elder.stop.abort();
    }
    while (underWay[0]?.answer !== undefined) take(underWay.shift()!.answer!.body);
    if (underWay.includes(request)) giveUpWaiting = platform.after(ELDER_MS, beginAgain);
  }

  function take({ flow = '', turn, messages = [] }: Answered['body']): void {
    const anew = known.flow !== undefined && known.flow !== flow;
    const isRepeat = known.flow === flow && known.turn === turn;
    known = { flow, turn };
    // What this very request asked is answered before the flow that was opened for it makes all else repeat.
    const ordered = anew
      ? [...messages.filter(isAnswer), ...messages.filter((said) => !isAnswer(said))]
      : messages;
    for (const message of isRepeat ? [] : ordered) {
      if (!alive || known.flow !== flow) return;
      // Upon which all that is unanswered is sent again, and what is unsent would go twice.
      if (anew && isWelcome(message)) unsent = [];
      // A flow that ends while another request is under way may go on with that one.
      if (!isBye(message) || underWay.length === 0) events.received(message);
    }
    if (alive) events.heard();
  }

  function settle(): void {
    settling = true;
    platform.after(0, () => {
      settling = false;
      schedule();
    });
  }

  function isOwnDoing(fault: unknown): boolean {
    return fault === 'REPLACED' && platform.nowMs() - crossedMs < CROSSED_MS;
  }

  /** A younger request that is under way has most likely taken its place, and brings the flow that holds now. */
  function replaced(request: Request): void {
    const younger = underWay.slice(underWay.indexOf(request) + 1);
    if (younger.length === 0) return beginAgain();
    for (const elder of underWay) if (!younger.includes(elder) && elder !== request) elder.stop.abort();
    underWay = younger;
    while (underWay[0]?.answer !== undefined) take(underWay.shift()!.answer!.body);
  }

  function beginAgain(): void {
    const nowMs = platform.nowMs();
    begunMs = Math.max(begunMs, nowMs) + BEGUN_MS;
    if (begunMs > nowMs + CROSSED_MS) return end({});
    forgetRequests();
    known = {};
    movedMs = nowMs;
    unsent = [];
    events.opened();
  }

  function forgetRequests(): void {
    giveUpWaiting();
    for (const request of underWay) request.stop.abort();
    underWay = [];
  }

  function end(reason: FlowEnd): void {
    if (!alive) return;
    alive = false;
    forgetRequests();
    events.closed(reason);
  }

  queueMicrotask(() => alive && events.opened());

  return {
    transport: 'poll',
    send(...texts) {
      if (!alive) return;
      // As one, so that they are not split over two requests, which may overtake one another.
      unsent.push(texts);
      schedule();
    },
    async close() {
      if (!alive) return;
      alive = false;
      forgetRequests();
      // The last says that it closes, and goes whatever has no room any more.
      const messages = [...takeMessages(), ...unsent.slice(-1).map(joined)];
      if (messages.length === 0 || known.flow === undefined) return;
      await new Promise<void>((resolve) => {
        const cancel = platform.after(CLOSE_MS_MAX, resolve);
        post(known, messages, null)
          .catch(() => {})
          .finally(() => {
            cancel();
            resolve();
          });
      });
    },
  };
}

/** What is no answer of a service of ours, such as what a proxy says in its place, has no flow in it. */
function bodyOf(answer: unknown): Answered['body'] {
  if (typeof answer !== 'object' || answer === null) return {};
  const { messages, ...rest }: Answered['body'] = answer;
  if (messages === undefined) return rest;
  return Array.isArray(messages) ? { ...rest, messages: messages.filter(isObject) } : {};
}

function isObject(said: unknown): boolean {
  return typeof said === 'object' && said !== null;
}

function isBye(said: unknown): said is Said {
  return (said as Said).type === 'bye';
}

function isWelcome(said: unknown): boolean {
  return (said as Said).type === 'welcome';
}

function isAnswer(said: unknown): boolean {
  return /^n?ack$/.test(String((said as Said).type));
}

function refusal(response: Response, { fault, retryAfterMs, etaMs, ahead }: Answered['body']): FlowEnd {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const afterMs = timeOf(retryAfterMs) ?? timeOf(seconds * 1_000);
  const queue = typeof etaMs === 'number' && typeof ahead === 'number' ? { etaMs, ahead } : undefined;
  return { fault, afterMs, queue };
}
