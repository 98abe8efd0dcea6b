/**
 * Client: one session of a swarm, from its first attempt over every loss until it leaves.
 *
 * It does what the SDK does on the wire (hello, resume token, cursors, spread, wait, retry, ping), and asks the SDK's
 * own core when to come back. It keeps a few hundred bytes beside its line.
 */

import type { ServerMessage } from '#wire/messages.ts';
import { Line, type LineOwner, type Place } from './line.ts';
import type { CrowdOptions } from './orders.ts';
import type { Record } from './record.ts';
import { type Pace, paceOf } from './timing.ts';
import type { Timed, Wheel } from './wheel.ts';

/** What the clients of a process share. */
export interface Surroundings {
  readonly options: CrowdOptions;
  readonly record: Record;
  readonly wheel: Wheel;
  nowMs(): number;
  draw(): number;
  /** Where to go; `undefined`: nobody is there, which is as a refused connect. */
  placeFor(client: Client): Place | undefined;
  addressFor(client: number): string;
  tokenFor(client: number): string;
  inCall(client: Client): boolean;
  /** Up again, with the time an unanswered id may be repeated. */
  stands(client: Client, repeatMs: number): void;
  /** Of a client in a call: an answer, a frame, a gap. */
  received(client: Client, message: ServerMessage): void;
}

type Welcome = Extract<ServerMessage, { type: 'welcome' }>;
type CallWord = Pick<Welcome, 'inCall' | 'inCallMs'>;

const PING = '{"type":"ping"}';
const PING_MS = 30_000;
/** A silent stranger holds on for as long as it is let. */
const SILENT_MS = 3_600_000;

export class Client implements LineOwner, Timed {
  readonly index: number;
  step: number;
  up: boolean;
  readonly #around: Surroundings;
  #pace: Pace | undefined;
  #line: Line | undefined;
  #open: boolean;
  #probing: boolean;
  #left: boolean;
  #pingMs: number;
  #resume: string | undefined;
  /** As `hello` carries them. */
  #cursors: string;
  /** 0: the token says no. */
  #inCallUntilMs: number | undefined;
  /** Where it was told to go next, once. */
  #sentTo: Place | undefined;

  constructor(index: number, around: Surroundings) {
    this.index = index;
    this.step = -1;
    this.up = false;
    this.#inCallUntilMs = undefined;
    this.#around = around;
    this.#pace = undefined;
    this.#line = undefined;
    this.#open = false;
    this.#probing = false;
    this.#left = false;
    this.#pingMs = PING_MS;
    this.#resume = around.options.greeting === 'forged' ? forgedToken(index) : around.options.replay;
    this.#cursors = '[]';
    this.#sentTo = undefined;
  }

  come(): void {
    const { options, draw, nowMs } = this.#around;
    this.#pace = paceOf(options.timing, nowMs(), draw);
    this.#attempt();
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.step = -1;
    if (this.#line === undefined) return;
    this.#line.cut();
    this.#gone();
    this.#around.record.leave(this.up);
    this.up = false;
  }

  /** What the resume token says by now, where the service has told. */
  get sealedInCall(): boolean | undefined {
    return this.#inCallUntilMs === undefined ? undefined : this.#around.nowMs() < this.#inCallUntilMs;
  }

  get token(): string | undefined {
    return this.#resume;
  }

  /** Its network breaks, and it comes back within this time; `undefined`: when it thinks right. */
  cut(backMs: number | undefined): void {
    if (!this.up || this.#line === undefined) return;
    this.#line.cut();
    this.#gone();
    this.#lose(backMs, false);
  }

  /** Its network breaks, and it stays away. */
  drop(): void {
    if (!this.up || this.#line === undefined) return;
    this.#line.cut();
    this.#gone();
    this.up = false;
    this.step = -1;
    this.#around.record.lose(this.index, false, this.#around.nowMs());
  }

  /** Comes back at once after it was dropped. */
  comeBack(): void {
    this.#next(this.#pace!.apply({ kind: 'lost', inCall: false, withinMs: 0 }, this.#around.nowMs()));
  }

  send(message: object): void {
    this.#line?.send(JSON.stringify(message));
  }

  /** It has seen its channel up to here. */
  seen(channel: string, epoch: string, position: number): void {
    this.#cursors = JSON.stringify([{ channel, epoch, position }]);
  }

  due(nowMs: number): void {
    if (this.#left) return;
    if (this.#line === undefined) {
      this.#pace!.apply({ kind: 'due' }, nowMs);
      return this.#attempt();
    }
    const { staysOnceOpen } = this.#pace!.patience;
    if (!this.up && (!this.#open || !staysOnceOpen)) return this.#giveUp(false);
    if (this.#probing) return this.#giveUp(false);
    this.#probing = true;
    this.#line.send(PING);
    this.#expect(this.#pingMs);
  }

  opened(line: Line): void {
    const { record, options } = this.#around;
    record.opened++;
    record.waiting++;
    this.#open = true;
    if (options.greeting === 'none') return this.#expect(SILENT_MS);
    if (this.#pace!.patience.staysOnceOpen) this.#expect(this.#pingMs);
    const credential =
      this.#resume === undefined ? `"token":"${this.#token()}"` : `"resume":"${this.#resume}"`;
    line.send(`{"type":"hello",${credential},"device":"d","flow":"replace","cursors":${this.#cursors}}`);
  }

  heard(_: Line, bytes: Buffer, start: number, end: number): void {
    if (this.#probing || this.up) {
      this.#probing = false;
      this.#expect(this.#pingMs);
    }
    this.#take(JSON.parse(bytes.toString('utf8', start, end)) as ServerMessage);
  }

  ended(_: Line, refusal: string | undefined): void {
    if (refusal !== undefined) this.#around.record.fault(`HTTP ${refusal}`);
    this.#gone();
    if (this.up) this.#lose(undefined);
    else this.#fail(true, undefined);
  }

  #take(message: ServerMessage): void {
    const { record } = this.#around;
    switch (message.type) {
      case 'welcome':
        return this.#welcomed(message);
      case 'wait':
        record.waitsTold++;
        return;
      case 'spread':
        return this.#tell(message);
      case 'resume':
        this.#resume = message.resume;
        this.#inCallUntilMs = this.#untilMs(message) ?? this.#inCallUntilMs;
        return;
      case 'retry':
        return this.#retry(message.afterMs, message.url);
      case 'bye':
        return this.#bye(message.fault, message.spreadMs);
      case 'nack':
        if (message.id === undefined && !this.up) return this.#refused(message.fault);
        break;
    }
    this.#around.received(this, message);
  }

  #attempt(): void {
    const { record, options, nowMs, placeFor, addressFor } = this.#around;
    if (this.#left) return;
    const now = nowMs();
    record.attempt(this.index, now);
    this.#open = false;
    this.#probing = false;
    const place = this.#sentTo ?? placeFor(this);
    this.#sentTo = undefined;
    if (place === undefined) {
      record.lines--;
      return this.#fail(true, undefined);
    }
    this.#line = new Line(this, place, addressFor(this.index), options.tls);
    this.#expect(this.#pace!.patience.ms);
  }

  #welcomed(welcome: Welcome): void {
    const { record, nowMs, stands } = this.#around;
    if (this.up) return;
    const now = nowMs();
    record.waiting--;
    record.welcome(this.index, welcome.resumed, now);
    this.up = true;
    if (this.#around.options.replay === undefined) this.#resume = welcome.resume;
    this.#inCallUntilMs = this.#untilMs(welcome);
    this.#pingMs = welcome.pingMs;
    this.#cursors = JSON.stringify(welcome.cursors);
    this.#tell(welcome.spread);
    this.#pace!.apply({ kind: 'welcomed' }, now);
    this.#expect(this.#pingMs);
    stands(this, welcome.limits.repeatMs);
  }

  #untilMs({ inCall, inCallMs = Number.POSITIVE_INFINITY }: CallWord): number | undefined {
    return inCall === undefined ? undefined : inCall ? this.#around.nowMs() + inCallMs : 0;
  }

  #tell(spread: { readonly gatewayMs: number; readonly fleetMs: number }): void {
    const { record, nowMs } = this.#around;
    record.spread = { gatewayMs: spread.gatewayMs, fleetMs: spread.fleetMs };
    this.#pace!.apply({ kind: 'told', spread }, nowMs());
  }

  #retry(afterMs: number, url: string | undefined): void {
    const { record, options } = this.#around;
    if (options.timing === 'heedless') return;
    this.#letGo();
    if (this.up) return this.#lose(undefined);
    if (url === undefined) return this.#fail(true, afterMs);
    record.sendOn();
    this.#sentTo = placeOf(url);
    this.#next(this.#pace!.apply({ kind: 'sentOn', afterMs }, this.#around.nowMs()));
  }

  #bye(fault: string, withinMs: number): void {
    this.#around.record.fault(fault);
    this.#letGo();
    if (this.up) this.#lose(withinMs);
    else this.#fail(true, withinMs === 0 ? undefined : withinMs * this.#pace!.rank);
  }

  #refused(fault: string): void {
    this.#around.record.fault(fault);
    const stale =
      /^(TOKEN|RESUME)_/.test(fault) &&
      this.#around.options.greeting === 'proper' &&
      this.#around.options.replay === undefined;
    if (stale) this.#resume = undefined;
    this.#letGo();
    // A resume token that is not taken any more says nothing about the service.
    if (stale) this.#attempt();
    else this.#fail(true, undefined);
  }

  #giveUp(inTime: boolean): void {
    this.#letGo();
    if (this.up) this.#lose(undefined);
    else this.#fail(inTime, undefined);
  }

  #letGo(): void {
    this.#line?.close();
    this.#gone();
  }

  #gone(): void {
    const { record } = this.#around;
    record.lines--;
    if (this.#open && !this.up) record.waiting--;
    this.#line = undefined;
  }

  #lose(withinMs: number | undefined, sentAway = withinMs !== undefined): void {
    const { record, inCall, nowMs } = this.#around;
    const now = nowMs();
    this.up = false;
    record.lose(this.index, sentAway, now);
    this.#next(this.#pace!.apply({ kind: 'lost', inCall: inCall(this), withinMs }, now));
  }

  #fail(inTime: boolean, afterMs: number | undefined): void {
    const { record, nowMs } = this.#around;
    record.fail(this.#open, inTime);
    this.#next(this.#pace!.apply({ kind: 'failed', afterMs }, nowMs()));
  }

  #next(attemptAtMs: number | undefined): void {
    if (attemptAtMs !== undefined && !this.#left) this.#around.wheel.enter(this, attemptAtMs);
  }

  #expect(withinMs: number): void {
    const { wheel, nowMs } = this.#around;
    wheel.enter(this, nowMs() + withinMs);
  }

  #token(): string {
    return this.#around.tokenFor(this.index);
  }
}

function placeOf(url: string): Place {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** As long as a real one, and of no key. */
function forgedToken(index: number): string {
  const claims = { user: 'somebody', session: `${index}`, class: 'in-call', expiresAt: 9e12 };
  return `${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${'A'.repeat(43)}`;
}
