/**
 * Record: what the clients of one process do, counted; and from a mark on, who was lost and when he was back.
 */

import { BIN_MS, type Episode, type Tally } from './orders.ts';

const NOT_LOST = -1;

export class Record {
  up = 0;
  waiting = 0;
  lines = 0;
  attempts = 0;
  opened = 0;
  welcomed = 0;
  resumed = 0;
  failed = 0;
  losses = 0;
  waitsTold = 0;
  visitors = 0;
  gaveUp = 0;
  /** Away since they were asked to go elsewhere, not since something broke. */
  sentAway = 0;
  spread = { gatewayMs: 0, fleetMs: 0 };
  readonly #faults = new Map<string, number>();
  readonly #inCall: (client: number) => boolean;
  /** After the mark; infinite: away; -1: never lost. */
  readonly #backMs: Float64Array;
  readonly #tries: Uint16Array;
  readonly #wasInCall: Uint8Array;
  readonly #wasSentAway: Uint8Array;
  readonly #lostAtMs: Float64Array;
  #awayMs: number[] = [];
  #markMs = Number.POSITIVE_INFINITY;
  #attempted: number[] = [];
  #setUp: number[] = [];
  #lost: number[] = [];
  #elsewhere: number[] = [];
  #openTimeouts = 0;
  #handshakeTimeouts = 0;
  #sentOn = 0;

  constructor(clients: number, inCall: (client: number) => boolean) {
    this.#inCall = inCall;
    this.#backMs = new Float64Array(clients).fill(NOT_LOST);
    this.#tries = new Uint16Array(clients);
    this.#wasInCall = new Uint8Array(clients);
    this.#wasSentAway = new Uint8Array(clients);
    this.#lostAtMs = new Float64Array(clients).fill(NOT_LOST);
  }

  mark(atMs: number): void {
    this.#markMs = atMs;
    this.#backMs.fill(NOT_LOST);
    this.#tries.fill(0);
    this.#awayMs = [];
    this.#attempted = [];
    this.#setUp = [];
    this.#lost = [];
    this.#elsewhere = [];
    this.#openTimeouts = this.#handshakeTimeouts = this.#sentOn = 0;
  }

  attempt(client: number, nowMs: number): void {
    this.attempts++;
    this.lines++;
    this.#tries[client]! += 1;
    this.#count(this.#attempted, nowMs);
  }

  /** @param sentAway the service asked it to go elsewhere: it is no loss. */
  lose(client: number, sentAway: boolean, nowMs: number): void {
    this.up--;
    this.#lostAtMs[client] = nowMs;
    if (sentAway) {
      this.sentAway++;
      this.#wasSentAway[client] = 1;
      return;
    }
    this.losses++;
    this.#count(this.#lost, nowMs);
    if (this.#backMs[client] === NOT_LOST) {
      this.#tries[client] = 0;
      this.#wasInCall[client] = this.#inCall(client) ? 1 : 0;
    }
    this.#backMs[client] = Number.POSITIVE_INFINITY;
  }

  welcome(client: number, resumed: boolean, nowMs: number): void {
    this.up++;
    this.welcomed++;
    this.sentAway -= this.#wasSentAway[client]!;
    if (resumed) this.resumed++;
    this.#count(this.#wasSentAway[client] === 1 ? this.#elsewhere : this.#setUp, nowMs);
    this.#wasSentAway[client] = 0;
    if (this.#lostAtMs[client] !== NOT_LOST) this.#awayMs.push(nowMs - this.#lostAtMs[client]!);
    this.#lostAtMs[client] = NOT_LOST;
    if (this.#backMs[client] === Number.POSITIVE_INFINITY) this.#backMs[client] = nowMs - this.#markMs;
  }

  /** A client leaves for good. */
  leave(wasUp: boolean): void {
    if (wasUp) this.up--;
  }

  fail(opened: boolean, inTime: boolean): void {
    this.failed++;
    if (inTime) return;
    if (opened) this.#openTimeouts++;
    else this.#handshakeTimeouts++;
  }

  sendOn(): void {
    this.#sentOn++;
  }

  fault(name: string): void {
    this.#faults.set(name, (this.#faults.get(name) ?? 0) + 1);
  }

  episode(): Episode {
    const lost = [...this.#backMs.keys()].filter((client) => this.#backMs[client] !== NOT_LOST);
    return {
      backMs: Float64Array.from(lost, (client) => this.#backMs[client]!),
      inCall: Uint8Array.from(lost, (client) => this.#wasInCall[client]!),
      attempts: Uint16Array.from(lost, (client) => this.#tries[client]!),
      awayMs: Float64Array.from(this.#awayMs),
      attempted: filled(this.#attempted),
      setUp: filled(this.#setUp),
      lost: filled(this.#lost),
      elsewhere: this.#elsewhere.reduce((sum, count) => sum + (count ?? 0), 0),
      openTimeouts: this.#openTimeouts,
      handshakeTimeouts: this.#handshakeTimeouts,
      sentOn: this.#sentOn,
    };
  }

  tally(lateMs: number): Tally {
    const { user, system } = process.cpuUsage();
    return {
      up: this.up,
      waiting: this.waiting,
      lines: this.lines,
      attempts: this.attempts,
      opened: this.opened,
      welcomed: this.welcomed,
      resumed: this.resumed,
      failed: this.failed,
      losses: this.losses,
      waitsTold: this.waitsTold,
      sentAway: this.sentAway,
      visitors: this.visitors,
      gaveUp: this.gaveUp,
      spread: this.spread,
      faults: Object.fromEntries(this.#faults),
      lateMs,
      cpuMicros: user + system,
      bytes: process.memoryUsage.rss(),
    };
  }

  #count(bins: number[], nowMs: number): void {
    const bin = Math.floor((nowMs - this.#markMs) / BIN_MS);
    if (bin >= 0) bins[bin] = (bins[bin] ?? 0) + 1;
  }
}

function filled(bins: readonly number[]): number[] {
  return Array.from(bins, (count) => count ?? 0);
}
