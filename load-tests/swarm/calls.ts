/**
 * Calls: pairs of clients of one process that exchange frames, and a ledger that tells whether one was lost or doubled.
 *
 * Each direction numbers its frames and sends the next when the last one was acknowledged, so that one number says how
 * far it is. A frame without an answer is repeated under its id after a return, within the time that the service
 * allows; past that it is left open whether it came. Both ends lie in one process: the ledger sees both.
 */

import { type Cursors, follow, pass } from '#client/cursors.ts';
import type { ServerMessage } from '#wire/messages.ts';
import type { Client } from './client.ts';
import { type Ledger, nameOf } from './orders.ts';

type Frame = Extract<ServerMessage, { type: 'frame' }>;

/** Longer than any drain. */
const TTL_MS = 900_000;
const RETRY_MS = 500;
const REPEAT_MS = 25_000;
/** Deliveries whose time is remembered. */
const TOOK_MAX = 1_000;

const OPEN = 0;
const ACKNOWLEDGED = 1;
const UNKNOWN = 2;

/** What one client of a pair sends the other. */
interface Lane {
  readonly from: Client;
  readonly to: Client;
  readonly call: string;
  readonly first: 'offer' | 'answer';
  /** Per number: whether it was acknowledged, and how often it came. */
  readonly state: number[];
  readonly came: number[];
  readonly sentAtMs: number[];
  highest: number;
  /** Under way, not answered. */
  underWay: boolean;
  nextAtMs: number;
}

export class Calls {
  readonly #lanes: Lane[];
  /** By the client that sends. */
  readonly #laneOf = new Map<Client, Lane>();
  readonly #cursors = new Map<Client, Cursors>();
  readonly #everyMs: number;
  readonly #nowMs: () => number;
  readonly #tookMs: number[] = [];
  readonly #firstUser: number;
  #resting = false;
  #doubled = 0;
  #disordered = 0;
  #gaps = 0;

  /** @param clients an even number of them: 2n and 2n + 1 are a pair. */
  constructor(clients: readonly Client[], firstUser: number, everyMs: number, nowMs: () => number) {
    this.#everyMs = everyMs;
    this.#nowMs = nowMs;
    this.#firstUser = firstUser;
    this.#lanes = clients.map((from, i) => this.#lane(from, clients[i ^ 1]!));
    for (const lane of this.#lanes) this.#laneOf.set(lane.from, lane);
  }

  /** Both have sent, and been acknowledged: offer and answer lie in the log. */
  inCall(client: Client): boolean {
    const lane = this.#laneOf.get(client);
    if (lane === undefined) return false;
    return lane.state[0] === ACKNOWLEDGED && this.#laneOf.get(lane.to)!.state[0] === ACKNOWLEDGED;
  }

  stands(client: Client, repeatMs: number): void {
    const lane = this.#laneOf.get(client);
    if (lane === undefined || !lane.underWay) return;
    const number = lane.state.length - 1;
    const ageMs = this.#nowMs() - lane.sentAtMs[number]!;
    if (ageMs < Math.min(repeatMs, REPEAT_MS)) return this.#send(lane, number, Math.ceil(ageMs));
    lane.state[number] = UNKNOWN;
    lane.underWay = false;
  }

  received(client: Client, message: ServerMessage): void {
    const lane = this.#laneOf.get(client);
    if (lane === undefined) return;
    switch (message.type) {
      case 'ack':
        return this.#answered(lane, message.id, ACKNOWLEDGED);
      case 'nack':
        return this.#refused(lane, message.id, message.retryAfterMs);
      case 'frame':
        return this.#came(client, message);
      case 'gap':
        this.#gaps++;
        return;
    }
  }

  /** Sends what is due. */
  turn(): void {
    const nowMs = this.#nowMs();
    for (const lane of this.#lanes) {
      if (!lane.from.up || nowMs < lane.nextAtMs) continue;
      if (lane.underWay) this.stands(lane.from, REPEAT_MS);
      else if (!this.#resting && this.#mayBegin(lane)) this.#begin(lane);
      lane.nextAtMs = nowMs + this.#everyMs * (0.9 + 0.2 * Math.random());
    }
  }

  rest(): void {
    this.#resting = true;
  }

  ledger(): Ledger {
    const count = (state: number) =>
      this.#lanes.reduce((sum, lane) => sum + lane.state.filter((it) => it === state).length, 0);
    let lost = 0;
    for (const { state, came } of this.#lanes) {
      for (let i = 0; i < state.length; i++) if (state[i] === ACKNOWLEDGED && came[i] === 0) lost++;
    }
    const sent = this.#lanes.reduce((sum, { state }) => sum + state.length, 0);
    const { doubled, disordered, gaps } = {
      doubled: this.#doubled,
      disordered: this.#disordered,
      gaps: this.#gaps,
    };
    const tookMs = this.#tookMs.splice(0);
    return { sent, acknowledged: count(ACKNOWLEDGED), lost, doubled, disordered, gaps, tookMs };
  }

  #lane(from: Client, to: Client): Lane {
    const first = from.index % 2 === 0 ? 'offer' : 'answer';
    const call = `call-${this.#firstUser + (from.index & ~1)}`;
    const nextAtMs = this.#nowMs() + this.#everyMs * Math.random();
    return {
      from,
      to,
      call,
      first,
      state: [],
      came: [],
      sentAtMs: [],
      highest: -1,
      underWay: false,
      nextAtMs,
    };
  }

  /** Nobody answers before the offer has come. */
  #mayBegin(lane: Lane): boolean {
    return lane.first === 'offer' || this.#laneOf.get(lane.to)!.came[0] === 1;
  }

  #begin(lane: Lane): void {
    const number = lane.state.push(OPEN) - 1;
    lane.came.push(0);
    lane.sentAtMs.push(this.#nowMs());
    lane.underWay = true;
    this.#send(lane, number, undefined);
  }

  #send({ from, to, call, first }: Lane, number: number, ageMs: number | undefined): void {
    const kind = number === 0 ? first : 'candidate';
    const user = nameOf(this.#firstUser + to.index);
    const age = ageMs === undefined ? {} : { ageMs };
    from.send({
      type: 'send',
      id: `f${number}`,
      to: { user },
      kind,
      call,
      ttlMs: TTL_MS,
      body: number,
      ...age,
    });
  }

  #answered(lane: Lane, id: string, state: number): void {
    const number = Number(id.slice(1));
    if (lane.state[number] === OPEN || lane.state[number] === UNKNOWN) lane.state[number] = state;
    if (number === lane.state.length - 1) lane.underWay = false;
  }

  #refused(lane: Lane, id: string | undefined, retryAfterMs: number | undefined): void {
    if (id === undefined) return;
    if (retryAfterMs === undefined) return this.#answered(lane, id, UNKNOWN);
    lane.nextAtMs = this.#nowMs() + (retryAfterMs ?? RETRY_MS);
  }

  #came(client: Client, frame: Frame): void {
    const { channel, epoch = '', position = 0 } = frame;
    if (!pass(this.#cursorsOf(client, channel), frame)) return;
    client.seen(channel, epoch, position);
    const lane = this.#laneOf.get(this.#laneOf.get(client)!.to)!;
    const number = frame.body as number;
    if (frame.from.user !== nameOf(this.#firstUser + lane.from.index) || lane.came[number] === undefined) {
      this.#disordered++;
      return;
    }
    lane.came[number]! += 1;
    if (lane.came[number]! > 1) this.#doubled++;
    else if (number < lane.highest) this.#disordered++;
    lane.highest = Math.max(lane.highest, number);
    this.#tookMs.push(this.#nowMs() - lane.sentAtMs[number]!);
    if (this.#tookMs.length > TOOK_MAX) this.#tookMs.shift();
  }

  #cursorsOf(client: Client, channel: string): Cursors {
    let cursors = this.#cursors.get(client);
    if (cursors === undefined) {
      cursors = new Map();
      this.#cursors.set(client, cursors);
      follow(cursors, channel);
    }
    return cursors;
  }
}
