/**
 * Poll flow: one flow made of many long polls, which come one after another.
 *
 * Its messages queue up until a poll stands there to be answered. An answer with messages takes the next
 * *turn*, and is kept until a poll names it; a poll that names the turn before has missed it, or crossed it on
 * the way, and gets the same answer again, which a client that has had it drops by its turn. So nothing is lost
 * or taken twice while the client stays with this gateway. An empty answer repeats the last turn.
 *
 * What a client sends before its `welcome` is kept until then, so that one poll may bring `hello` and more.
 *
 * A flow that goes on for one of another gateway does not answer with its `welcome` alone, nor before what the
 * poll asked: the client's next poll may go to yet another gateway, and would find no more there than here.
 */

import type { Cancel, Clock } from '#runtime/clock.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Flow, Opening, TransportEvents } from '../seams.ts';
import { type Exchange, faultAnswer, type Headers, jsonAnswer } from './exchange.ts';

export interface PollFlowOptions {
  readonly pollHoldMs: number;
  readonly pollLingerMs: number;
  readonly pollBytesMax: number;
}

export interface PollFlowDeps {
  readonly clock: Clock;
  readonly events: TransportEvents;
  /** The flow is over: no poll can go on with it. */
  readonly forget: (flow: PollFlow) => void;
  /** Whether answers end their connection, to move clients on. */
  readonly movesOn: () => boolean;
}

/** A poll that stands there to be answered. */
interface Standing {
  readonly exchange: Exchange;
  readonly headers: Headers;
}

/** A message, and since when it is here. */
interface Kept {
  readonly message: Uint8Array;
  readonly sinceMs: number;
}

/** How a dialect's `welcome` begins, wherever this transport is spoken. */
const welcomeBegins = '{"type":"welcome"';
/** How the answers to what a client asked begin. */
const answerBegins = ['{"type":"ack"', '{"type":"nack"', '{"type":"pong"'];
/** How long the first answer of a flow that goes on for another waits for what its poll asked. */
const GATHER_MS = 1_000;
/** So many messages wait for `welcome` at most, as many as one poll may bring: of short ones the bytes are the least. */
const KEPT_MAX = 1_000;

export class PollFlow implements Flow {
  readonly number: number;
  opening: Opening;
  readonly id: string;
  /** Of the last answer that had messages. */
  turn: number;
  private readonly options: PollFlowOptions;
  private readonly deps: PollFlowDeps;
  private queue: string[];
  private queuedBytes: number;
  /** The body of the last answer with messages, until a poll names its turn. */
  private unconfirmed: string | undefined;
  private standing: Standing | undefined;
  /** Of the timer that runs: to hold the poll that stands, or to linger until the next. */
  private cancelTimer: Cancel | undefined;
  private answerDue: boolean;
  /** What waits for `welcome`; `undefined`: it was said, and nothing waits any more. */
  private kept: Kept[] | undefined;
  private keptBytes: number;
  private welcomed: boolean;
  /** How many answers the first answer waits for; `undefined`: it waits no more, or never did. */
  private awaited: number | undefined;
  /** What the hub closed it for; known until nobody asks any more, so that whoever does is told. */
  private closedFor: FaultCode | undefined;
  private comesAfterMs: number | undefined;
  private ahead: number | undefined;
  private over: boolean;

  constructor(number: number, id: string, opening: Opening, options: PollFlowOptions, deps: PollFlowDeps) {
    this.number = number;
    this.opening = opening;
    this.id = id;
    this.turn = 0;
    this.options = options;
    this.deps = deps;
    this.queue = [];
    this.queuedBytes = 0;
    this.unconfirmed = undefined;
    this.standing = undefined;
    this.cancelTimer = undefined;
    this.answerDue = false;
    this.kept = [];
    this.keptBytes = 0;
    this.welcomed = false;
    this.awaited = undefined;
    this.closedFor = undefined;
    this.comesAfterMs = undefined;
    this.ahead = undefined;
    this.over = false;
  }

  // What the hub does.

  send(data: string | Uint8Array): void {
    if (this.closedFor !== undefined || this.over) return;
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
    this.queue.push(text);
    this.queuedBytes += Buffer.byteLength(text);
    if (!this.welcomed && text.startsWith(welcomeBegins)) {
      this.welcomed = true;
      this.deps.clock.soon(() => this.release());
    }
    if (this.gathered(text)) this.answerSoon();
  }

  unsentBytes(): number {
    return this.queuedBytes;
  }

  /** The poll that stands, or the next one, is answered with what is queued. */
  close(fault: FaultCode, afterMs?: number, ahead?: number): void {
    if (this.closedFor !== undefined || this.over) return;
    this.closedFor = fault;
    this.comesAfterMs = afterMs;
    this.ahead = ahead;
    this.answerSoon();
    this.deps.clock.soon(() => this.deps.events.closed(this, fault));
  }

  // What the client does.

  /** It takes the place of a flow of another gateway, whose client asks `requests` things with its first poll. */
  goesOn(requests: number): void {
    this.awaited = requests;
  }

  /** A poll that names `turn`. One that still stands is answered without messages by the next. */
  poll(turn: number, exchange: Exchange, headers: Headers): void {
    if (turn === this.turn) this.stand(exchange, headers);
    else if (turn === this.turn - 1 && this.unconfirmed !== undefined) {
      exchange.answer(jsonAnswer(this.unconfirmed, headers), this.deps.movesOn());
      this.linger();
    } else {
      // A younger poll, which named a later turn, overtook this one.
      exchange.answer(jsonAnswer(this.bodyOf([]), headers), this.deps.movesOn());
    }
  }

  /** Hands the hub a message at once. @param sinceMs since when it is here, by the monotonic clock. */
  receive(message: Uint8Array, sinceMs: number): void {
    if (this.closedFor === undefined && !this.over) this.deps.events.received(this, message, false, sinceMs);
  }

  /** Hands the hub these messages in order, after `welcome`; false where too much waits for it already. */
  receiveWhenOpen(messages: readonly Uint8Array[], sinceMs: number): boolean {
    if (this.kept === undefined) {
      for (const message of messages) this.receive(message, sinceMs);
      return true;
    }
    const bytes = messages.reduce((sum, message) => sum + message.byteLength, this.keptBytes);
    if (bytes > this.options.pollBytesMax || this.kept.length + messages.length > KEPT_MAX) return false;
    for (const message of messages) this.kept.push({ message, sinceMs });
    this.keptBytes = bytes;
    return true;
  }

  /** Nobody comes any more, or the client begins anew. */
  end(fault: FaultCode | undefined): void {
    if (this.over) return;
    this.answer([]);
    this.over = true;
    this.cancelTimer?.();
    this.queue = [];
    this.queuedBytes = 0;
    this.deps.forget(this);
    if (this.closedFor === undefined) this.deps.events.closed(this, fault);
  }

  private stand(exchange: Exchange, headers: Headers): void {
    this.unconfirmed = undefined;
    this.answer([]);
    this.standing = { exchange, headers };
    exchange.abandoned = () => this.left(exchange);
    this.restartTimer(this.options.pollHoldMs, () => this.answer(this.takeQueue()));
    if (this.queue.length > 0 || this.closedFor !== undefined) this.answerSoon();
  }

  private release(): void {
    const kept = this.kept ?? [];
    this.kept = undefined;
    for (const { message, sinceMs } of kept) this.receive(message, sinceMs);
    if (this.awaited !== undefined) this.deps.clock.after(GATHER_MS, () => this.gatheredLate());
  }

  /** Whether there is enough to answer with. */
  private gathered(text: string): boolean {
    if (this.awaited === undefined) return true;
    if (!this.welcomed || text.startsWith(welcomeBegins)) return false;
    if (answerBegins.some((begin) => text.startsWith(begin))) this.awaited -= 1;
    if (this.awaited <= 0) this.awaited = undefined;
    return this.awaited === undefined;
  }

  /** Answers with what there is, if it is more than `welcome`; else with whatever comes next. */
  private gatheredLate(): void {
    if (this.awaited === undefined || this.over) return;
    this.awaited = 0;
    if (this.queue.length <= 1) return;
    this.awaited = undefined;
    this.answerSoon();
  }

  /** Later in this turn of the loop, so that one answer takes everything that is sent in it. */
  private answerSoon(): void {
    if (this.standing === undefined || this.answerDue) return;
    this.answerDue = true;
    this.deps.clock.soon(() => {
      this.answerDue = false;
      if (this.standing === undefined || this.over) return;
      if (this.closedFor !== undefined && !(this.welcomed && this.queue.length > 0))
        this.refuse(this.closedFor);
      else this.answer(this.takeQueue());
    });
  }

  private takeQueue(): readonly string[] {
    const messages = this.queue;
    this.queue = [];
    this.queuedBytes = 0;
    return messages;
  }

  private answer(messages: readonly string[]): void {
    const { standing } = this;
    if (standing === undefined) return;
    this.leave(standing);
    if (messages.length > 0) this.turn += 1;
    const body = this.bodyOf(messages);
    if (messages.length > 0) this.unconfirmed = body;
    standing.exchange.answer(jsonAnswer(body, standing.headers), this.deps.movesOn());
    if (messages.length > 0 && this.closedFor === undefined) this.deps.events.drained(this);
  }

  /** Where no session stood, or its last words have been said, the fault is that of the request. */
  private refuse(fault: FaultCode): void {
    const { standing } = this;
    if (standing === undefined) return;
    this.leave(standing);
    const answer = faultAnswer(fault, standing.headers, this.comesAfterMs, this.ahead);
    standing.exchange.answer(answer, this.deps.movesOn());
  }

  private bodyOf(messages: readonly string[]): string {
    return `{"flow":"${this.id}","turn":${this.turn},"messages":[${messages.join(',')}]}`;
  }

  /** The client went away from a poll before it was answered; it may come back with another. */
  private left(exchange: Exchange): void {
    if (this.standing?.exchange === exchange) this.leave(this.standing);
  }

  private leave({ exchange }: Standing): void {
    exchange.abandoned = undefined;
    this.standing = undefined;
    this.linger();
  }

  private linger(): void {
    this.restartTimer(this.options.pollLingerMs, () => this.end('SILENT'));
  }

  private restartTimer(ms: number, act: () => void): void {
    this.cancelTimer?.();
    this.cancelTimer = this.deps.clock.after(ms, act);
  }
}
