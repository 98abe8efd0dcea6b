/**
 * Poll wire: long polls as a client makes them that has several gateways and no sticky balancer.
 *
 * Every poll goes to the next gateway of the list, with the resume token and the cursors. One poll is
 * held open; what is posted meanwhile goes out at once in a poll of its own, which ends the one held.
 * What had no answer yet is posted again, in order and under the same id, to each next gateway.
 */

import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { PollAnswer, PollRequest, ServerMessage } from '#wire/messages.ts';
import type { Inbox } from './inbox.ts';
import type { Wire } from './raw-client.ts';

interface Poll {
  readonly number: number;
  readonly url: string;
  /** Another one was under way when it began, perhaps to be heard of later than this one. */
  readonly crosses: boolean;
  /** It carries messages, so an answer is near. */
  readonly carrying: boolean;
  /** It carries `bye`: there is no next one. */
  readonly last: boolean;
  request?: ClientRequest;
}

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** What a flow says of itself; out of date once a younger poll went elsewhere. */
const ofOneFlow: ReadonlySet<string> = new Set(['welcome', 'resume', 'bye']);
/** How often in a row the network may fail before the flow counts as closed. */
const failuresMax = 100;
const failureWaitMs = 100;
const pollMsMax = 90_000;

export function openPollWire(
  urls: readonly string[],
  headers: Readonly<Record<string, string>>,
  inbox: Inbox,
): Wire {
  const agent = new Agent({ keepAlive: true });
  const inFlight = new Map<number, Poll>();
  const unanswered = new Map<string, string>();
  let queue: string[] = [];
  let polls = 0;
  let failures = 0;
  let lastUrl: string | undefined;
  let flow: string | undefined;
  let turn: number | undefined;
  let started = false;

  function post(text: string): void {
    const id = requestId(text);
    if (id !== undefined) unanswered.set(id, text);
    queue.push(text);
    if (started) return;
    started = true;
    setImmediate(() => {
      started = false;
      if (queue.length > 0 && ![...inFlight.values()].some((poll) => poll.carrying)) begin();
    });
  }

  function begin(): void {
    if (inbox.closing !== undefined) return;
    const url = urls[polls % urls.length] as string;
    const messages = url === lastUrl ? queue : [...queue.filter(isNoRequest), ...unanswered.values()];
    const crosses = inFlight.size > 0;
    const last = messages.some((text) => JSON.parse(text).type === 'bye');
    const poll: Poll = { number: ++polls, url, crosses, carrying: messages.length > 0, last };
    queue = [];
    lastUrl = url;
    inFlight.set(poll.number, poll);
    const body: PollRequest = {
      ...(flow === undefined ? {} : { flow }),
      ...(turn === undefined ? {} : { turn }),
      ...(inbox.resume === undefined ? {} : { resume: inbox.resume, cursors: [...inbox.cursors.values()] }),
      messages: messages.map((text) => JSON.parse(text)),
    };
    exchange(poll, agent, headers, JSON.stringify(body)).then(
      (answer) => answered(poll, answer),
      (error: Error) => failed(poll, error),
    );
  }

  function answered(poll: Poll, { status, body }: HttpAnswer): void {
    inFlight.delete(poll.number);
    if (inbox.closing !== undefined) return;
    const newest = poll.number === polls;
    const answer = answerIn(body);
    if (answer === undefined) {
      const fault = faultIn(body);
      if (newest && replacedItself(poll, fault)) begin();
      else if (newest) close(status, fault);
      return;
    }
    failures = 0;
    const repeats = answer.flow === flow && answer.turn <= (turn ?? 0);
    if (newest || answer.flow === flow) {
      // Opened anew: what the flow before had not answered has to be asked again.
      if (answer.flow !== flow) lastUrl = undefined;
      turn = answer.flow === flow ? Math.max(turn ?? 0, answer.turn) : answer.turn;
      flow = answer.flow;
    }
    for (const message of (repeats ? [] : answer.messages) as ServerMessage[]) {
      if (!newest && ofOneFlow.has(message.type)) continue;
      if (message.type === 'bye' && replacedItself(poll, message.fault)) continue;
      if (message.type === 'ack' || message.type === 'nack') unanswered.delete(message.id ?? '');
      inbox.received(message);
      if (message.type === 'bye') close(status, message.fault);
    }
    if (poll.last) close(status, 'BYE');
    if (newest) begin();
  }

  /** The older of two polls under way took the younger one's place: the client goes on with another. */
  function replacedItself({ crosses }: Poll, fault: string): boolean {
    if (!crosses || fault !== 'REPLACED') return false;
    lastUrl = undefined;
    return true;
  }

  function failed(poll: Poll, error: Error): void {
    inFlight.delete(poll.number);
    if (poll.number !== polls || inbox.closing !== undefined) return;
    if (inbox.resume === undefined || ++failures > failuresMax) close(0, error.message);
    lastUrl = undefined;
    setTimeout(begin, failureWaitMs);
  }

  function close(code: number, reason: string): void {
    for (const poll of inFlight.values()) poll.request?.destroy();
    agent.destroy();
    inbox.closed(code, reason);
  }

  return { post, cut: () => close(1006, ''), socket: undefined };
}

function exchange(
  poll: Poll,
  agent: Agent,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', agent, headers: { 'Content-Type': 'application/json', ...headers } };
    const asking = request(poll.url, options, (answer: IncomingMessage) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
      answer.on('error', reject);
    });
    poll.request = asking;
    asking.setTimeout(pollMsMax, () => asking.destroy(new Error('the poll was never answered')));
    asking.on('error', reject);
    asking.end(body);
  });
}

function answerIn(body: string): PollAnswer | undefined {
  try {
    const value = JSON.parse(body) as PollAnswer;
    return Array.isArray(value.messages) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What an answer that is no poll's says; else the answer itself. */
function faultIn(body: string): string {
  try {
    return String((JSON.parse(body) as { fault?: unknown }).fault);
  } catch {
    return body;
  }
}

function requestId(text: string): string | undefined {
  const message = JSON.parse(text) as { id?: unknown; volatile?: unknown };
  return typeof message.id === 'string' && message.volatile !== true ? message.id : undefined;
}

function isNoRequest(text: string): boolean {
  return requestId(text) === undefined;
}
