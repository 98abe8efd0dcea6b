/**
 * Queue gateway: a simulated core as it is found elsewhere, with one queue of all that is to be done.
 *
 * It listens always. What is ready first is done first, or what is ready last; over a limit it refuses, by HTTP once the
 * handshake is paid for, or lets its accept queue overflow, so that nobody answers the SYN.
 */

import type { Arrival, Core, SimulatedGateway } from './gateway.ts';
import type { QueueRules } from './policies.ts';
import { OPEN, SHAKING } from './population.ts';
import { Ring } from './ring.ts';

export class QueueGateway implements SimulatedGateway {
  readonly core: Core;
  readonly #rules: QueueRules;
  /** Client, and its serial for a handshake or the negative serial less 1 for a set-up. */
  readonly #work = new Ring();
  readonly #hellos = new Ring();
  #shaking = 0;
  /** Up to when the clients told to come later fill the core. */
  #promisedUntilMs = 0;

  /** @param part how many clients one of these stands for, over the clients there are. */
  constructor(core: Core, rules: QueueRules, part: number) {
    this.core = core;
    this.#rules = { ...rules, limit: rules.limit * part };
  }

  arrive(client: number, _nowMs: number): Arrival {
    const { over, limit } = this.#rules;
    if (over === 'synDropped' && this.#shaking >= limit) return 'unanswered';
    this.#shaking += 1;
    this.#work.push(client, this.core.population.serial.of(client));
    return 'accepted';
  }

  gaveUp(_client: number): void {
    // It is found out when its turn comes.
  }

  serve(nowMs: number, untilMs: number): void {
    const { core } = this;
    if (core.freeAtMs < nowMs) core.freeAtMs = nowMs;
    while (core.freeAtMs < untilMs) {
      this.#hear();
      if (this.#work.length > 0) this.#next();
      else {
        const hello = this.#hellos.length > 0 ? this.#hellos.right : untilMs;
        core.freeAtMs = Math.min(Math.max(hello, core.freeAtMs), untilMs);
      }
    }
  }

  reset(nowMs: number): void {
    this.#work.clear();
    this.#hellos.clear();
    this.#shaking = 0;
    this.#promisedUntilMs = 0;
    this.core.freeAtMs = nowMs;
  }

  #hear(): void {
    const { population, freeAtMs } = this.core;
    while (this.#hellos.length > 0 && this.#hellos.right <= freeAtMs) {
      const client = this.#hellos.left;
      this.#hellos.dropFirst();
      if (population.phase.of(client) === OPEN) this.#work.push(client, -1 - population.serial.of(client));
    }
  }

  #next(): void {
    const work = this.#work;
    const newest = this.#rules.order === 'newestFirst';
    const [client, code] = newest ? [work.lastLeft, work.lastRight] : [work.left, work.right];
    if (newest) work.dropLast();
    else work.dropFirst();
    if (code >= 0) this.#shake(client, code);
    else this.#setUp(client, -1 - code);
  }

  #shake(client: number, serial: number): void {
    const { core } = this;
    const { population, costs } = core;
    this.#shaking -= 1;
    if (population.phase.of(client) !== SHAKING || population.serial.of(client) !== serial) {
      core.work(costs.handshakeMs);
      return;
    }
    const { over, limit } = this.#rules;
    if ((over === 'refuse' || over === 'retryAfter') && this.#work.length > limit) {
      core.work(costs.refusalMs);
      const at = core.freeAtMs + core.rttMs / 2;
      return core.events.turnedAway(client, at, over === 'refuse' ? undefined : this.#promise());
    }
    core.work(costs.handshakeMs);
    core.events.opened(client, core.freeAtMs);
    this.#hellos.push(client, core.freeAtMs + core.rttMs);
  }

  /** The time after which the backlog and all who were told to come later will be done. */
  #promise(): number {
    const { core } = this;
    const { handshakeMs, setUpMs } = core.costs;
    const eachMs = (handshakeMs + setUpMs) / core.speed;
    const backlogMs = core.freeAtMs + this.#work.length * eachMs;
    this.#promisedUntilMs = Math.max(this.#promisedUntilMs, backlogMs) + eachMs;
    return this.#promisedUntilMs - core.freeAtMs;
  }

  #setUp(client: number, serial: number): void {
    const { core } = this;
    const { population } = core;
    if (population.phase.of(client) !== OPEN || population.serial.of(client) !== serial) return;
    core.work(core.setUpMs(client));
    core.setUp(client);
  }
}
