/**
 * Population: a million clients in records, and when each comes back.
 *
 * What a client of ours does next is asked of the SDK's own core: its state is put together from the columns,
 * stepped, and taken apart again. The other timings are those of stock clients and of the law without a part.
 */

import { type Reconnect, reconnect, type Windows } from '#client/reconnect.ts';
import { Bytes, Reals, recordsOf, Words } from './columns.ts';
import type { ClientTiming } from './policies.ts';

export const AWAY = 0;
/** A gateway has accepted its connection. */
export const SHAKING = 1;
/** The handshake is done. */
export const OPEN = 2;
export const UP = 3;
/** A newcomer that has not come yet. */
export const ABSENT = 4;

export interface Timing {
  /** How long an attempt may last, in milliseconds. */
  readonly patienceMs: number;
  /** Whether it may last as long as it likes once it is open. */
  readonly staysOnceOpen: boolean;
}

const timings: { readonly [name in ClientTiming]: Timing } = {
  law: { patienceMs: 10_000, staysOnceOpen: true },
  redrawn: { patienceMs: 10_000, staysOnceOpen: true },
  withoutGrowth: { patienceMs: 10_000, staysOnceOpen: true },
  socketIo: { patienceMs: 20_000, staysOnceOpen: false },
  fixed: { patienceMs: 10_000, staysOnceOpen: false },
  fullJitter: { patienceMs: 10_000, staysOnceOpen: false },
};

export const timingNames = Object.keys(timings) as ClientTiming[];

/** @param patienceMs of the clients of ours, if it is not the usual. */
export function timingOf(name: ClientTiming, patienceMs: number): Timing {
  const timing = timings[name];
  return timing.staysOnceOpen ? { ...timing, patienceMs } : timing;
}

export class Population {
  readonly size: number;
  /** The calendar writes the beginning of each. */
  readonly times: ArrayBuffer;
  readonly phase: Bytes;
  /** An index into `timingNames`. */
  readonly timing: Bytes;
  readonly inCall: Bytes;
  /** Comes with a token of the identity provider instead of a resume token. */
  readonly fresh: Bytes;
  /** SYNs of this attempt that nobody answered. */
  readonly syns: Bytes;
  /** Whether it was told which gateway to go to. */
  readonly sent: Bytes;
  readonly moved: Bytes;
  /** Counts attempts, so that what was left of an earlier one is known for it. */
  readonly serial: Words;
  /** Attempts since the loss. */
  readonly attempts: Words;
  /** Where the client is, was, or is going. */
  readonly gateway: Words;
  /** When it came up, or came for the first time. */
  readonly sinceMs: Reals;
  readonly #lossAtMs: Reals;
  readonly #rank: Reals;
  readonly #windowMs: Reals;
  readonly #spread: Words;
  readonly #spreads: Windows[] = [];
  readonly #draw: () => number;

  constructor(size: number, draw: () => number) {
    this.size = size;
    const { small, times } = recordsOf(size);
    this.times = times;
    this.serial = new Words(small, 0);
    this.attempts = new Words(small, 2);
    this.gateway = new Words(small, 4);
    this.#spread = new Words(small, 6);
    this.phase = new Bytes(small, 8);
    this.timing = new Bytes(small, 9);
    this.inCall = new Bytes(small, 10);
    this.fresh = new Bytes(small, 11);
    this.syns = new Bytes(small, 12);
    this.sent = new Bytes(small, 13);
    this.moved = new Bytes(small, 14);
    this.#lossAtMs = new Reals(times, 8);
    this.#rank = new Reals(times, 12);
    this.#windowMs = new Reals(times, 16);
    this.sinceMs = new Reals(times, 20);
    for (let client = 0; client < size; client++) this.sinceMs.set(client, Number.NEGATIVE_INFINITY);
    this.#draw = draw;
  }

  /** A number for what clients were told, to be kept with each. */
  spreadNumber(spread: Windows): number {
    return this.#spreads.push(spread) - 1;
  }

  welcomed(client: number, atMs: number): void {
    this.phase.set(client, UP);
    this.sinceMs.set(client, atMs);
    this.moved.set(client, 0);
  }

  /** A client that was up lost its flow, told the spread of that number; gives the time of its first attempt. */
  lost(client: number, spread: number, nowMs: number): number {
    this.#ended(client);
    this.attempts.set(client, 0);
    this.#spread.set(client, spread);
    const stock = this.#stockWaitMs(client);
    if (stock !== undefined) return nowMs + stock;
    const before = { phase: 'up', sinceMs: this.sinceMs.of(client), ...this.#kept(client) } as const;
    return this.#store(
      client,
      reconnect(before, { kind: 'lost', inCall: this.inCall.of(client) === 1 }, nowMs, this.#draw),
    );
  }

  /** A client comes for the first time: at once. */
  came(client: number, spread: number, nowMs: number): void {
    this.phase.set(client, AWAY);
    this.#spread.set(client, spread);
    this.#lossAtMs.set(client, nowMs);
    this.#rank.set(client, Math.max(this.#draw(), 1e-4));
    this.#windowMs.set(client, Math.max(this.#spreads[spread]!.gatewayMs, 250));
  }

  /** An attempt failed; gives the time of the next. */
  failed(client: number, nowMs: number, afterMs: number | undefined): number {
    this.#ended(client);
    const stock = this.#stockWaitMs(client);
    if (stock !== undefined) return nowMs + (afterMs ?? stock);
    const kept = this.#kept(client);
    const name = timingNames[this.timing.of(client)];
    if (name === 'withoutGrowth') return nowMs + kept.loss.rank * kept.spread.fleetMs;
    const trying = { phase: 'trying', ...kept } as const;
    if (name === 'redrawn') return this.#redrawn(client, trying, nowMs);
    return this.#store(client, reconnect(trying, { kind: 'failed', afterMs }, nowMs, this.#draw));
  }

  /** A client that waited was sent to another gateway; gives the time of its attempt there. */
  sentOn(client: number, gateway: number, afterMs: number, nowMs: number): number {
    this.#ended(client);
    this.gateway.set(client, gateway);
    this.sent.set(client, 1);
    this.moved.set(client, 1);
    const trying = { phase: 'trying', ...this.#kept(client) } as const;
    return this.#store(client, reconnect(trying, { kind: 'sentOn', afterMs }, nowMs, this.#draw));
  }

  /** The window of the law for the last of all ranks, and anywhere in what is left of it. */
  #redrawn(client: number, trying: Reconnect, nowMs: number): number {
    const rank = trying.loss.inCall ? 0.25 : 1;
    const last = { ...trying, phase: 'trying', loss: { ...trying.loss, rank } } as const;
    const endsMs = this.#store(client, reconnect(last, { kind: 'failed' }, nowMs, this.#draw));
    this.#rank.set(client, trying.loss.rank);
    return nowMs + this.#draw() * (endsMs - nowMs);
  }

  #ended(client: number): void {
    this.phase.set(client, AWAY);
    this.serial.count(client);
    this.syns.set(client, 0);
    this.sent.set(client, 0);
  }

  #kept(client: number) {
    return {
      spread: this.#spreads[this.#spread.of(client)]!,
      loss: {
        atMs: this.#lossAtMs.of(client),
        rank: this.#rank.of(client),
        inCall: this.inCall.of(client) === 1,
        windowMs: this.#windowMs.of(client),
      },
    };
  }

  #store(client: number, state: Reconnect): number {
    const { loss } = state;
    this.#lossAtMs.set(client, loss.atMs);
    this.#rank.set(client, loss.rank);
    this.#windowMs.set(client, loss.windowMs);
    return state.phase === 'waiting' ? state.attemptAtMs : Number.NaN;
  }

  /** How long a client that is not ours waits before its next attempt. */
  #stockWaitMs(client: number): number | undefined {
    const failures = this.attempts.of(client);
    switch (timingNames[this.timing.of(client)]) {
      case 'socketIo': {
        const baseMs = 1_000 * 2 ** Math.min(failures, 8);
        return Math.min(baseMs * (0.5 + this.#draw()), 5_000);
      }
      case 'fixed':
        return 1_000 + 100 * this.#draw();
      case 'fullJitter':
        return this.#draw() * Math.min(1_000 * 2 ** Math.min(failures, 8), 30_000);
      default:
        return undefined;
    }
  }
}
