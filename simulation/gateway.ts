/**
 * Gateway: one core of the simulated fleet, whatever its rules are.
 *
 * A core does one piece of work after the other. `serve` lets it work until a time; what it has done by then is told to
 * `events`. The two kinds differ in whom they let in and what they do next.
 */

import type { Costs } from './costs.ts';
import type { Population } from './population.ts';

export type Arrival = 'accepted' | 'refused' | 'unanswered';

export interface GatewayEvents {
  /** The handshake is done. */
  opened(client: number, atMs: number): void;
  setUp(client: number, gateway: number, atMs: number): void;
  /** The attempt ended, with the time after which the client may come again where one was told. */
  turnedAway(client: number, atMs: number, afterMs?: number): void;
}

export interface Network {
  /** Round trip between client and gateway. */
  readonly rttMs: number;
}

export interface SimulatedGateway {
  readonly core: Core;
  arrive(client: number, nowMs: number): Arrival;
  /** An open client that waited has given up. */
  gaveUp(client: number): void;
  serve(nowMs: number, untilMs: number): void;
  /** Everything it had is gone. */
  reset(nowMs: number): void;
}

/** What both kinds of gateway are made of. */
export class Core {
  readonly number: number;
  readonly costs: Costs;
  readonly population: Population;
  readonly events: GatewayEvents;
  readonly rttMs: number;
  alive = true;
  /** Of the core, in units of the core whose costs are known. */
  speed: number;
  connections = 0;
  /** Until when the core is busy. */
  freeAtMs = 0;
  #interruptedMs = 0;

  constructor(
    number: number,
    speed: number,
    costs: Costs,
    population: Population,
    events: GatewayEvents,
    network: Network,
  ) {
    this.number = number;
    this.speed = speed;
    this.costs = costs;
    this.population = population;
    this.events = events;
    this.rttMs = network.rttMs;
  }

  /** Works, and gives how long that took by the clock: what interrupted it is in it. */
  work(ms: number): number {
    const tookMs = ms / this.speed;
    this.freeAtMs += tookMs;
    const inAllMs = tookMs + this.#interruptedMs;
    this.#interruptedMs = 0;
    return inAllMs;
  }

  /** Work that nobody chose, such as the kernel's refusals. */
  interrupted(ms: number, nowMs: number): void {
    const tookMs = ms / this.speed;
    if (this.freeAtMs > nowMs) this.#interruptedMs += tookMs;
    this.freeAtMs = Math.max(this.freeAtMs, nowMs) + tookMs;
  }

  /** Of one client that is open. */
  setUpMs(client: number): number {
    const { costs, population } = this;
    return population.inCall.of(client) === 1 ? costs.resumeMs : costs.setUpMs;
  }

  setUp(client: number): void {
    this.connections += 1;
    this.events.setUp(client, this.number, this.freeAtMs);
  }
}
