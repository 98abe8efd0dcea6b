/**
 * Fake service: as much of a gateway as tests of the client need, under a virtual clock and in one place.
 *
 * It listens or refuses, says hello to WebSockets and long polls, keeps a log per channel that knows repeats
 * by their ids, and answers what a test does not take into its own hands (`answers = false`).
 */

import type { ClientMessage, Cursor, PollRequest } from '#wire/messages.ts';
import type { WebSocketConstructor, WebSocketLike } from './api.ts';
import type { Platform, PlatformNews } from './platform.ts';

type Hello = Extract<ClientMessage, { type: 'hello' }>;
type Message = { readonly type: string; readonly [key: string]: unknown };

export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  after(ms: number, act: () => void): () => void;
}

interface Sent {
  readonly body: string;
  readonly signal?: AbortSignal | null;
}

interface FakePoll {
  readonly flow: FakeFlow;
  readonly queue: Message[];
  turn: number;
  /** The last answer that had messages. */
  last: string;
  answer: (() => void) | undefined;
  /** The connection it came by. */
  readonly place: number;
  tells(message: Message): boolean;
}

/** One flow as the service sees it. */
export class FakeFlow {
  readonly transport: 'websocket' | 'poll';
  readonly openedMs: number;
  /** Everything the client said, in order. */
  readonly heard: ClientMessage[] = [];
  hello: Hello | undefined = undefined;
  open = true;
  private readonly write: (message: Message) => void;
  private readonly end: (reason: string) => void;

  constructor(
    transport: FakeFlow['transport'],
    openedMs: number,
    write: (message: Message) => void,
    end: (reason: string) => void,
  ) {
    this.transport = transport;
    this.openedMs = openedMs;
    this.write = write;
    this.end = end;
  }

  say(message: Message): void {
    if (this.open) this.write(message);
  }

  /** Says bye and closes, as a gateway does. */
  bye(fault: string, spreadMs: number): void {
    this.say({ type: 'bye', fault, spreadMs });
    this.drop(fault);
  }

  drop(reason = ''): void {
    if (!this.open) return;
    this.open = false;
    this.end(reason);
  }

  heardOf<Type extends ClientMessage['type']>(type: Type): Extract<ClientMessage, { type: Type }>[] {
    return this.heard.filter((message) => message.type === type) as Extract<ClientMessage, { type: Type }>[];
  }
}

export class FakeService {
  listening = true;
  webSocketsPass = true;
  /** They open, and nothing gets through them. */
  webSocketsCarry = true;
  /** Says welcome at once. */
  welcomes = true;
  /** Each poll comes to another gateway, which does not know the flow. */
  movesPolls = false;
  /** Each connection leads to a gateway of its own; the first one that is free is taken. */
  pollsByConnection = false;
  /** Answers polls in the service's place. */
  intercept: (() => Response) | undefined = undefined;
  requestCharsMax = 0;
  /** Those of the client that run. */
  readonly timers = new Set<object>();
  /** What a welcome has in place of what it should. */
  spoil: object = {};
  /** How long a request is on its way. */
  pollMs: (body: string) => number = () => 2;
  /** By so much its timers are early, where they are longer than that. */
  timersEarlyMs = 0;
  /** Answers requests at once. */
  answers = true;
  expiresInMs = 3_600_000;
  readonly flows: FakeFlow[] = [];
  /** Every attempt to open something, with the address asked for. */
  readonly attempts: { readonly atMs: number; readonly url: string }[] = [];
  readonly log = new Map<string, { position: number; id: string; message: Message }[]>();
  private told: ((news: PlatformNews) => void)[] = [];
  private readonly polls = new Map<string, FakePoll>();
  private readonly clock: Clock;
  private readonly draws: () => number;
  private readonly busy: boolean[] = [];
  private ids = 0;

  constructor(clock: Clock, draws: () => number) {
    this.clock = clock;
    this.draws = draws;
  }

  get flow(): FakeFlow {
    const last = this.flows.at(-1);
    if (last === undefined) throw new Error('nobody has opened a flow');
    return last;
  }

  platform(): Platform {
    return {
      nowMs: () => this.clock.monotonicMs(),
      wallMs: () => this.clock.nowMs(),
      after: (ms, act) => {
        const timer = {};
        this.timers.add(timer);
        const cancel = this.clock.after(ms > this.timersEarlyMs ? ms - this.timersEarlyMs : ms, () => {
          this.timers.delete(timer);
          act();
        });
        return () => {
          this.timers.delete(timer);
          cancel();
        };
      },
      draw: this.draws,
      id: () => `client-${++this.ids}`.padEnd(22, '-'),
      page: false,
      keep: undefined,
      WebSocket: this.webSocket(),
      fetch: this.fetch,
      watch: (told) => {
        this.told.push(told);
        return () => {
          this.told = this.told.filter((other) => other !== told);
        };
      },
    };
  }

  news(news: PlatformNews): void {
    for (const told of this.told) told(news);
  }

  /** Stores a frame and sends it to every flow that is open. */
  deliver(channel: string, kind: string, epoch = 'epoch-1'): number {
    const stored = this.stored(channel);
    const position = (stored.at(-1)?.position ?? 0) + 10;
    const from = { user: 'bob', device: 'phone', session: 's-bob' };
    const message = {
      type: 'frame',
      channel,
      epoch,
      position,
      id: `f${position}`,
      from,
      kind,
      body: null,
      at: 0,
    };
    stored.push({ position, id: message.id, message });
    for (const flow of this.flows) if (flow.hello !== undefined) flow.say(message);
    return position;
  }

  stored(channel: string): { position: number; id: string; message: Message }[] {
    const stored = this.log.get(channel) ?? [];
    this.log.set(channel, stored);
    return stored;
  }

  welcome(flow: FakeFlow): void {
    const { hello } = flow;
    if (hello === undefined) throw new Error('no hello came');
    const own: Cursor = { channel: 'u/ann', epoch: 'epoch-1', position: 0 };
    const cursors = [own, ...(hello.cursors ?? [])].filter(
      (cursor, i, all) => all.findLastIndex(({ channel }) => channel === cursor.channel) === i,
    );
    flow.say({
      type: 'welcome',
      session: hello.resume ?? `s${this.flows.length}`,
      user: 'ann',
      device: hello.device,
      resumed: hello.resume !== undefined,
      resume: hello.resume ?? `s${this.flows.length}`,
      expiresAt: this.clock.nowMs() + this.expiresInMs,
      spread: { gatewayMs: 1_000, fleetMs: 10_000 },
      pingMs: 20_000,
      cursors,
      limits: {
        messageBytes: 65_536,
        ttlMs: 86_400_000,
        repeatMs: 25_000,
        framesPerSecond: 100,
        framesBurst: 100,
        pending: 32,
        rooms: 256,
      },
      ...this.spoil,
    });
    for (const { channel, position } of cursors) {
      for (const frame of this.stored(channel)) if (frame.position > position) flow.say(frame.message);
    }
  }

  private hear(flow: FakeFlow, message: ClientMessage): void {
    flow.heard.push(message);
    if (message.type === 'hello') {
      flow.hello = message;
      if (this.welcomes) this.welcome(flow);
    } else if (message.type === 'ping') flow.say({ type: 'pong' });
    else if (message.type === 'bye') flow.drop('BYE');
    else if (this.answers) this.answer(flow, message);
  }

  private answer(flow: FakeFlow, message: Exclude<ClientMessage, { type: 'hello' | 'ping' | 'bye' }>): void {
    const { id } = message;
    if (message.type === 'send') {
      const channel = message.to.user === undefined ? `r/${message.to.room}` : `u/${message.to.user}`;
      const stored = this.stored(channel);
      const known = stored.find((entry) => entry.id === id);
      const position = known?.position ?? (stored.at(-1)?.position ?? 0) + 10;
      if (known === undefined && !message.volatile) stored.push({ position, id, message });
      flow.say({ type: 'ack', id, ...(message.volatile ? {} : { position }) });
    } else if (message.type === 'join') {
      const cursor = message.cursor ?? {
        epoch: 'epoch-1',
        position: this.stored(`r/${message.room}`).at(-1)?.position ?? 0,
      };
      flow.say({ type: 'ack', id, cursor: { channel: `r/${message.room}`, ...cursor } });
    } else flow.say({ type: 'ack', id });
  }

  private open(flow: FakeFlow): FakeFlow {
    this.flows.push(flow);
    return flow;
  }

  private webSocket(): WebSocketConstructor {
    const service = this;
    return class implements WebSocketLike {
      onopen: WebSocketLike['onopen'] = null;
      onmessage: WebSocketLike['onmessage'] = null;
      onclose: WebSocketLike['onclose'] = null;
      onerror: WebSocketLike['onerror'] = null;
      private flow: FakeFlow | undefined;
      private closed = false;

      constructor(url: string) {
        service.attempts.push({ atMs: service.clock.monotonicMs(), url });
        service.clock.after(5, () => {
          if (this.closed) return;
          if (!service.listening || !service.webSocketsPass) return this.finish('');
          const write = (message: Message) => {
            const data = JSON.stringify(message);
            service.clock.after(1, () => this.closed || this.onmessage?.({ data }));
          };
          this.flow = service.open(
            new FakeFlow('websocket', service.clock.monotonicMs(), write, (reason) =>
              service.clock.after(1, () => this.finish(reason)),
            ),
          );
          this.onopen?.({});
        });
      }

      send(data: string): void {
        const { flow } = this;
        if (flow?.open && !this.closed && service.webSocketsCarry)
          service.clock.after(1, () => flow.open && service.hear(flow, JSON.parse(data)));
      }

      close(): void {
        service.clock.after(1, () => {
          if (this.flow !== undefined) this.flow.open = false;
          this.finish('');
        });
      }

      private finish(reason: string): void {
        if (this.closed) return;
        this.closed = true;
        this.onclose?.({ reason });
      }
    };
  }

  private readonly fetch = (async (input: string, init: Sent) => {
    const free = this.busy.indexOf(false);
    const place = free < 0 ? this.busy.length : free;
    this.busy[place] = true;
    try {
      return await this.answered(input, init, place);
    } finally {
      this.clock.after(0, () => {
        this.busy[place] = false;
      });
    }
  }) as unknown as typeof fetch;

  private async answered(input: string, init: Sent, place: number): Promise<Response> {
    this.attempts.push({ atMs: this.clock.monotonicMs(), url: input });
    await new Promise<void>((resolve) => this.clock.after(this.pollMs(init.body), resolve));
    if (!this.listening) throw new TypeError('connect refused');
    this.requestCharsMax = Math.max(this.requestCharsMax, init.body.length);
    if (this.intercept !== undefined) return this.intercept();
    const request = JSON.parse(init.body) as PollRequest & { messages?: ClientMessage[] };
    const poll = this.pollOf(request, place);
    if (poll === undefined) return Response.json({ fault: 'REPLACED' }, { status: 409 });
    poll.answer?.();
    for (const message of request.messages ?? []) this.hear(poll.flow, message as ClientMessage);
    if (poll.turn !== (request.turn ?? 0) && poll.last !== '') return new Response(poll.last);
    const taken = () => {
      if (!poll.flow.open && poll.queue.length === 0) throw new TypeError('connection reset');
      const messages = poll.queue.splice(0);
      if (messages.length > 0) poll.turn++;
      const text = JSON.stringify({ flow: String(this.flows.indexOf(poll.flow)), turn: poll.turn, messages });
      if (messages.length > 0) poll.last = text;
      return text;
    };
    if (poll.queue.some(poll.tells) || !poll.flow.open) return new Response(taken());
    const answer = await new Promise<string>((resolve, reject) => {
      const end = () => {
        cancel();
        poll.answer = undefined;
        try {
          resolve(taken());
        } catch (error) {
          reject(error);
        }
      };
      const cancel = this.clock.after(25_000, end);
      poll.answer = end;
      init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
    });
    return new Response(answer);
  }

  /** `undefined`: its flow was replaced. */
  private pollOf(request: PollRequest & { messages?: ClientMessage[] }, place: number): FakePoll | undefined {
    const named = this.polls.get(request.flow ?? '');
    const known = this.pollsByConnection && named?.place !== place ? undefined : named;
    if (this.pollsByConnection && known?.flow.open === false) return undefined;
    // An answer is kept until its turn is named: a request that crossed it gets it again.
    if (known?.flow.open && known.turn - (request.turn ?? 0) <= 1 && !this.movesPolls) return known;
    if (this.movesPolls) known?.flow.say({ type: 'bye', fault: 'REPLACED', spreadMs: 0 });
    known?.flow.drop();
    if (this.pollsByConnection) this.replaceAll();
    const queue: Message[] = [];
    const greets = request.messages?.[0]?.type === 'hello';
    const goesOn = !greets && (request.messages?.length !== 0 || !request.unanswered);
    /** A flow that goes on elsewhere does not answer with its welcome alone. */
    const tells = ({ type }: Message) => type !== 'welcome' || !goesOn;
    const write = (message: Message) => {
      queue.push(message);
      if (tells(message)) this.clock.after(1, () => poll.answer?.());
    };
    const flow = new FakeFlow('poll', this.clock.monotonicMs(), write, () => poll.answer?.());
    const poll: FakePoll = {
      flow: this.open(flow),
      queue,
      turn: 0,
      last: '',
      answer: undefined,
      place,
      tells,
    };
    this.polls.set(String(this.flows.length - 1), poll);
    const { resume, cursors } = request;
    if (!greets && resume !== undefined)
      this.hear(flow, { type: 'hello', resume, ...(cursors && { cursors }) });
    return poll;
  }

  private replaceAll(): void {
    for (const flow of this.flows) if (flow.open) flow.bye('REPLACED', 0);
  }
}
