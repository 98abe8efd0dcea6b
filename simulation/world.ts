/**
 * World: one scenario under one policy, millisecond by millisecond.
 *
 *     calendar → balancer → gateway → up, or refused and back into the calendar
 *
 * Time is virtual and chance is seeded, so the same seed gives the same run.
 */

import { createSeededRandom } from '#runtime/random.ts';
import { Calendar } from './calendar.ts';
import { type Costs, costs, wholeMs } from './costs.ts';
import { type Figures, percentile, Records } from './figures.ts';
import { Fleet, type SendOn } from './fleet.ts';
import { Optimum } from './optimum.ts';
import type { Policy } from './policies.ts';
import { ABSENT, AWAY, OPEN, Population, SHAKING, timingNames, timingOf, UP } from './population.ts';
import { Ring } from './ring.ts';
import type { Scenario } from './scenario.ts';

/** How many times the optimum is waited for. */
const PATIENCE = 4;
/** After so many, or as often half a minute, it is not waited for what in the last of them brought less than this part back. */
const HOPELESS_AFTER = 2.5;
const HOPELESS_MS = 30_000;
const HOPELESS_SHARE = 0.01;
/** Linux sends a SYN again after 1, 3 and 7 s. */
const SYN_AGAIN_MS = 1_000;

export function simulated(
  scenario: Scenario,
  policy: Policy,
  seed: number,
  progress: (share: number) => void = () => {},
): Figures {
  return new World(scenario, policy, seed).run(progress);
}

class World {
  readonly #scenario: Scenario;
  readonly #costs: Costs;
  readonly #draw: () => number;
  readonly #population: Population;
  readonly #calendar: Calendar;
  readonly #fleet: Fleet;
  readonly #records = new Records();
  readonly #optimum = new Optimum();
  /** Per kind of client: who knocked when with which serial, in the order in which patience ends. */
  readonly #patience = timingNames.map(() => ({ clients: new Ring(), deadlines: new Ring() }));
  readonly #timings;
  readonly #horizonMs: number;
  /** In which somebody should have come back. */
  readonly #periodMs: number;
  readonly #newcomers: Ring = new Ring();
  readonly #newcomerMs: number[] = [];
  #lost = 0;
  #away = 0;
  /** An optimum ago. */
  #awayBefore = Number.POSITIVE_INFINITY;
  #nowMs = 0;

  constructor(scenario: Scenario, policy: Policy, seed: number) {
    const { clients, gateways, slowness, patienceMs } = scenario;
    this.#scenario = scenario;
    this.#draw = createSeededRandom(seed).draw;
    this.#costs = costs(scenario.transport, scenario.credential, scenario.refusalMicros);
    const eachMs = wholeMs(this.#costs, false) * slowness;
    const left = gateways - (scenario.deadForGood ?? 0);
    const lost = scenario.deadForGood === undefined ? clients : (clients * scenario.deadForGood) / gateways;
    const drainMs = (lost * eachMs) / left / (scenario.ceilingShare ?? 1);
    this.#periodMs = Math.max(Math.ceil(drainMs), HOPELESS_MS);
    const events = Math.max(scenario.restarts?.toMs ?? 0, scenario.brownout?.toMs ?? 0);
    this.#horizonMs = Math.ceil(PATIENCE * drainMs + 2 * events + 15_000 + scenario.awayMs);
    const perMs = ((scenario.newcomersPerMinute ?? 0) * clients) / 60_000;
    const newcomers = Math.floor(perMs * drainMs);
    for (let i = 0; i < newcomers; i++) this.#newcomers.push(clients + i, i / perMs);
    this.#population = new Population(clients + newcomers, this.#draw);
    this.#calendar = new Calendar(this.#population.times);
    this.#timings = timingNames.map((name) => timingOf(name, patienceMs));
    this.#fleet = new Fleet(scenario, policy, this.#population, this.#costs, this.#draw, {
      opened: (client) => {
        this.#population.phase.set(client, OPEN);
      },
      setUp: (client, _gateway, atMs) => this.#setUp(client, atMs),
      turnedAway: (client, atMs, afterMs) => this.#failed(client, atMs, afterMs),
    });
    this.#populate(policy);
  }

  run(progress: (share: number) => void): Figures {
    let [last99, lastOne] = [-1, -1];
    this.#lose();
    for (; this.#nowMs < this.#horizonMs; this.#nowMs++) {
      this.#pass();
      if (this.#away > 0.01 * this.#lost) last99 = this.#nowMs;
      if (this.#away > 0) lastOne = this.#nowMs;
      if (this.#nowMs % 1_000 === 0) progress(1 - this.#away / this.#lost);
      if ((this.#away === 0 && this.#quiet()) || this.#isHopeless()) break;
    }
    return this.#figures(last99 + 1, lastOne + 1);
  }

  #pass(): void {
    const nowMs = this.#nowMs;
    this.#restart();
    this.#fleet.passed(nowMs, this.#sendOn);
    this.#comeNew();
    this.#calendar.turn(nowMs, this.#arrive);
    this.#runOutOfPatience();
    this.#fleet.serve(nowMs);
    const cpu = this.#fleet.cpu();
    this.#records.passed(nowMs, cpu, this.#away);
    this.#optimum.passed(nowMs, cpu, this.#fleet.ceilingPerMs);
  }

  #isHopeless(): boolean {
    const sinceMs = this.#nowMs - this.#scenario.awayMs - (HOPELESS_AFTER - 1) * this.#periodMs;
    if (sinceMs < 0 || Math.floor(sinceMs) % this.#periodMs !== 0) return false;
    const none = this.#away > 0 && this.#awayBefore - this.#away < HOPELESS_SHARE * this.#lost;
    this.#awayBefore = this.#away;
    return none;
  }

  #quiet(): boolean {
    const { restarts } = this.#scenario;
    return this.#newcomers.length === 0 && this.#nowMs >= (restarts?.toMs ?? 0) + (restarts?.downMs ?? 0);
  }

  #populate(policy: Policy): void {
    const { clients, gateways, inCallShare, stock, allFresh } = this.#scenario;
    const population = this.#population;
    const [ours, stocks] = [
      timingNames.indexOf(policy.client),
      timingNames.indexOf(stock?.timing ?? 'fixed'),
    ];
    for (let client = 0; client < population.size; client++) {
      const isStock = stock !== undefined && this.#draw() < stock.share;
      population.timing.set(client, isStock ? stocks : ours);
      if (client >= clients) {
        population.timing.set(client, ours);
        population.fresh.set(client, 1);
        population.phase.set(client, ABSENT);
        continue;
      }
      population.inCall.set(client, !isStock && this.#draw() < inCallShare ? 1 : 0);
      population.fresh.set(client, allFresh === true || isStock ? 1 : 0);
      population.gateway.set(client, client % gateways);
      population.phase.set(client, UP);
    }
    this.#fleet.populated();
  }

  /** The loss all begins with. */
  #lose(): void {
    const { deadForGood, gateways } = this.#scenario;
    for (const gateway of this.#fleet.gateways) {
      const { number } = gateway.core;
      // Each is connected where it was first, so there is no need to ask all for every gateway.
      if (deadForGood === undefined || number < deadForGood) this.#kill(number, number, gateways);
    }
    this.#lost = this.#away;
  }

  #restart(): void {
    const { restarts, gateways, deadForGood, awayMs } = this.#scenario;
    if (deadForGood === undefined && this.#nowMs === awayMs) {
      for (const { core } of this.#fleet.gateways) this.#fleet.start(core.number, this.#nowMs);
    }
    if (restarts === undefined) return;
    const everyMs = (restarts.toMs - restarts.fromMs) / gateways;
    for (let number = 0; number < gateways; number++) {
      const atMs = Math.round(restarts.fromMs + number * everyMs);
      if (this.#nowMs === atMs) this.#kill(number);
      if (this.#nowMs === atMs + restarts.downMs) this.#fleet.start(number, this.#nowMs);
    }
  }

  /** @param first and every: which clients may be at that gateway. */
  #kill(number: number, first = 0, every = 1): void {
    const population = this.#population;
    const spread = this.#fleet.kill(number, this.#nowMs);
    for (let client = first; client < population.size; client += every) {
      const phase = population.phase.of(client);
      if (population.gateway.of(client) !== number || phase === AWAY || phase === ABSENT) continue;
      const nextMs =
        phase === UP
          ? this.#loseOne(client, spread)
          : population.failed(client, this.#nowMs + this.#scenario.rttMs / 2, undefined);
      this.#schedule(client, nextMs);
    }
  }

  #loseOne(client: number, spread: number): number {
    if (client < this.#scenario.clients) this.#away += 1;
    this.#owed(client);
    return this.#population.lost(client, spread, this.#nowMs);
  }

  #owed(client: number): void {
    const credits =
      this.#fleet.ceilingPerMs < Number.POSITIVE_INFINITY ? this.#population.fresh.of(client) : 0;
    this.#optimum.lost(this.#costOf(client), credits);
  }

  #costOf(client: number): number {
    return wholeMs(this.#costs, this.#population.inCall.of(client) === 1);
  }

  #comeNew(): void {
    while (this.#newcomers.length > 0 && this.#newcomers.right <= this.#nowMs) {
      const client = this.#newcomers.left;
      this.#newcomers.dropFirst();
      this.#population.came(client, this.#fleet.untold, this.#nowMs);
      this.#population.sinceMs.set(client, this.#nowMs);
      this.#owed(client);
      this.#schedule(client, this.#nowMs);
    }
  }

  #schedule(client: number, attemptAtMs: number): void {
    this.#calendar.enter(client, attemptAtMs + this.#scenario.rttMs / 2, this.#nowMs);
  }

  /** A SYN reaches the balancer. */
  readonly #arrive = (client: number): void => {
    const population = this.#population;
    const first = population.syns.of(client) === 0;
    const repeated = !first || population.sent.of(client) === 1;
    const number = repeated ? population.gateway.of(client) : this.#fleet.chosen(this.#nowMs);
    population.gateway.set(client, number);
    if (first) {
      this.#records.attempted();
      population.attempts.count(client);
    }
    switch (this.#fleet.arrive(number, client, this.#nowMs)) {
      case 'accepted':
        return this.#accepted(client);
      case 'refused':
        return this.#failed(client, this.#nowMs + this.#scenario.rttMs / 2, undefined);
      case 'unanswered':
        return this.#unanswered(client);
    }
  };

  #accepted(client: number): void {
    const population = this.#population;
    population.phase.set(client, SHAKING);
    const timing = population.timing.of(client);
    const { clients, deadlines } = this.#patience[timing]!;
    const waitedMs =
      population.syns.of(client) === 0 ? 0 : SYN_AGAIN_MS * (2 ** population.syns.of(client) - 1);
    const deadlineMs = this.#nowMs - this.#scenario.rttMs / 2 + this.#timings[timing]!.patienceMs - waitedMs;
    clients.push(client, population.serial.of(client));
    deadlines.push(deadlineMs, 0);
  }

  #unanswered(client: number): void {
    const population = this.#population;
    const againMs = SYN_AGAIN_MS * 2 ** population.syns.of(client);
    const goneMs = againMs - SYN_AGAIN_MS;
    const leftMs = this.#timings[population.timing.of(client)]!.patienceMs - goneMs;
    if (againMs > leftMs) return this.#failed(client, this.#nowMs + leftMs, undefined);
    population.syns.count(client);
    this.#calendar.enter(client, this.#nowMs + againMs, this.#nowMs);
  }

  #runOutOfPatience(): void {
    const population = this.#population;
    this.#patience.forEach(({ clients, deadlines }, timing) => {
      const { staysOnceOpen } = this.#timings[timing]!;
      while (deadlines.length > 0 && deadlines.left <= this.#nowMs) {
        const [client, serial] = [clients.left, clients.right];
        clients.dropFirst();
        deadlines.dropFirst();
        if (population.serial.of(client) !== serial) continue;
        const phase = population.phase.of(client);
        if (phase === OPEN && !staysOnceOpen) {
          this.#records.openTimeouts += 1;
          this.#fleet.gateways[population.gateway.of(client)]!.gaveUp(client);
        } else if (phase === SHAKING) this.#records.handshakeTimeouts += 1;
        else continue;
        this.#failed(client, this.#nowMs, undefined);
      }
    });
  }

  #failed(client: number, atMs: number, afterMs: number | undefined): void {
    this.#schedule(client, this.#population.failed(client, atMs, afterMs));
  }

  readonly #sendOn: SendOn = (client, gateway, afterMs) => {
    this.#records.moved += 1;
    const toldMs = this.#nowMs + this.#scenario.rttMs / 2;
    this.#schedule(client, this.#population.sentOn(client, gateway, afterMs, toldMs));
  };

  #setUp(client: number, atMs: number): void {
    const cameMs = this.#population.sinceMs.of(client);
    const backMs = atMs + this.#scenario.rttMs / 2;
    this.#population.welcomed(client, backMs);
    this.#records.setUp(this.#costOf(client));
    if (client < this.#scenario.clients) this.#away -= 1;
    else this.#newcomerMs.push(backMs - cameMs);
  }

  #figures(ms99: number, msAll: number): Figures {
    const { rttMs, clients, awayMs } = this.#scenario;
    const population = this.#population;
    const records = this.#records;
    const back = (ms: number, share: number) =>
      this.#away > share * this.#lost ? undefined : ms + rttMs / 2 - awayMs;
    const inCall: number[] = [];
    for (let client = 0; client < clients; client++) {
      if (population.inCall.of(client) === 1 && population.attempts.of(client) > 0) {
        inCall.push(
          population.phase.of(client) === UP
            ? Math.fround(population.sinceMs.of(client)) - awayMs
            : Number.POSITIVE_INFINITY,
        );
      }
    }
    return {
      optimumMs: this.#optimum.doneAtMs - awayMs,
      backMs99: back(ms99, 0.01),
      backMsAll: back(msAll, 0),
      backShare: 1 - this.#away / this.#lost,
      attempts: records.attemptsInAll / this.#lost,
      goodputMin: records.goodputMin(awayMs, ms99),
      inCallMs99:
        this.#scenario.restarts === undefined ? percentile(new Float32Array(inCall), 0.99) : undefined,
      openTimeouts: records.openTimeouts,
      handshakeTimeouts: records.handshakeTimeouts,
      moved: records.moved,
      newcomerMsMax: this.#newcomerMs.length === 0 ? undefined : Math.max(...this.#newcomerMs),
      lookedAtMs: this.#nowMs - awayMs,
      curves: { attempts: records.attempts, setUps: records.setUps, away: records.away },
    };
  }
}
