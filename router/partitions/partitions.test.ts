import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createSeededRandom } from '#runtime/random.ts';
import type { PartitionLease } from '#wire/nodes.ts';
import type { WriteOutcome } from './lease.ts';
import {
  hasLeft,
  initialPartitions,
  mayDeliverFor,
  type Partitions,
  type PartitionsEffect,
  type PartitionsEvent,
  stepPartitions,
  TICK_MS,
} from './partitions.ts';
import { desiredOwner } from './rendezvous.ts';

/** How badly the world treats the routers. Chances are per write or per router and second. */
interface Weather {
  readonly seed: number;
  readonly routers: number;
  readonly partitions: number;
  readonly delayMsMax: number;
  readonly answersLost: number;
  readonly requestsLost: number;
  readonly landsLate: number;
  readonly stalls: number;
  readonly deaths: number;
  readonly joins: number;
  readonly farewells: number;
  readonly storeLost: number;
}

const weathers = fc.record({
  seed: fc.nat(1_000_000),
  routers: fc.integer({ min: 1, max: 5 }),
  partitions: fc.integer({ min: 1, max: 8 }),
  delayMsMax: fc.constantFrom(5, 100, 900, 2_500),
  answersLost: fc.constantFrom(0, 0.05, 0.3),
  requestsLost: fc.constantFrom(0, 0.05, 0.3),
  landsLate: fc.constantFrom(0, 0.1, 0.3),
  stalls: fc.constantFrom(0, 0.05, 0.2),
  deaths: fc.constantFrom(0, 0.02, 0.05),
  joins: fc.constantFrom(0, 0.05, 0.1),
  farewells: fc.constantFrom(0, 0.02, 0.05),
  storeLost: fc.constantFrom(0, 0, 0.02),
});

const fair: Weather = {
  ...{ seed: 1, routers: 3, partitions: 64, delayMsMax: 5, answersLost: 0, requestsLost: 0, landsLate: 0 },
  ...{ stalls: 0, deaths: 0, joins: 0, farewells: 0, storeLost: 0 },
};

interface SimulatedRouter {
  readonly id: string;
  readonly core: Partitions;
  /** Its clocks: how fast they run, where they began, how far off the wall is. */
  readonly rate: number;
  readonly offsetMs: number;
  readonly skewMs: number;
  readonly serving: Map<number, number>;
  readonly inbox: { readonly atMs: number; readonly event: PartitionsEvent }[];
  nextTickMs: number;
  /** Watch events come in order. */
  watchedUntilMs: number;
  stalledUntilMs: number;
  alive: boolean;
}

interface Stored {
  readonly lease: PartitionLease | undefined;
  readonly revision: number;
}

const STEP_MS = 25;
const TIMEOUT_MS = 2_000;
const REVISIONS = 1_000_000;

class World {
  readonly weather: Weather;
  readonly draw: () => number;
  readonly routers: SimulatedRouter[] = [];
  readonly store = new Map<string, Stored>();
  readonly landing: { atMs: number; act: () => void }[] = [];
  readonly termsOf = new Map<string, string>();
  nowMs = 0;
  revision = REVISIONS;
  calm = false;
  /** Terms may begin anew with the store; else they only grow. */
  storeAge = 0;

  constructor(weather: Weather) {
    this.weather = weather;
    this.draw = createSeededRandom(weather.seed).draw;
    for (let i = 0; i < weather.routers; i++) this.join();
  }

  chance(probability: number): boolean {
    return !this.calm && this.draw() < probability;
  }

  delayMs(): number {
    return Math.floor(this.draw() * (this.calm ? 20 : this.weather.delayMsMax));
  }

  join(): void {
    const id = `router${this.routers.length}`;
    const rate = 0.97 + this.draw() * 0.06;
    const offsetMs = Math.floor(this.draw() * 100_000);
    const skewMs = Math.floor((this.draw() - 0.5) * 7_200_000);
    const instant = { monotonicMs: offsetMs + this.nowMs * rate, wallMs: 0 };
    const router: SimulatedRouter = {
      ...{ id, rate, offsetMs, skewMs, serving: new Map(), inbox: [], nextTickMs: this.nowMs },
      core: initialPartitions(id, this.weather.partitions, instant),
      ...{ watchedUntilMs: this.nowMs, stalledUntilMs: 0, alive: true },
    };
    this.routers.push(router);
    for (const [key, stored] of this.store) this.tell(router, key, stored);
    this.watch(router, { kind: 'ready' });
  }

  watch(router: SimulatedRouter, event: PartitionsEvent): void {
    router.watchedUntilMs = Math.max(router.watchedUntilMs, this.nowMs + this.delayMs());
    router.inbox.push({ atMs: router.watchedUntilMs, event });
  }

  tell(router: SimulatedRouter, key: string, { lease, revision }: Stored): void {
    const [kind, name] = key.split('.') as [string, string];
    if (kind === 'partition') this.watch(router, { kind, partition: Number(name), lease, revision });
    else {
      const { leaseMs } = lease ?? {};
      this.watch(router, { kind: 'router', router: name, alive: lease !== undefined, revision, leaseMs });
    }
  }

  localMs(router: SimulatedRouter): number {
    return router.offsetMs + this.nowMs * router.rate;
  }

  step(router: SimulatedRouter, event: PartitionsEvent): void {
    const instant = {
      monotonicMs: this.localMs(router),
      wallMs: 1_800_000_000_000 + this.nowMs + router.skewMs,
    };
    for (const effect of stepPartitions(router.core, event, instant)) this.act(router, effect);
  }

  act(router: SimulatedRouter, effect: PartitionsEffect): void {
    const lease = (term: number, leaseMs?: number): PartitionLease => ({
      ...{ router: router.id, term, position: 0 },
      ...(leaseMs === undefined ? {} : { leaseMs }),
    });
    switch (effect.kind) {
      case 'own':
        assert(!router.serving.has(effect.partition), 'owned twice');
        this.claimTerm(router, effect.partition, effect.term);
        router.serving.set(effect.partition, effect.term);
        break;
      case 'drop':
        assert(router.serving.delete(effect.partition), 'dropped what was not owned');
        break;
      case 'take':
      case 'renew':
        this.write(router, `partition.${effect.partition}`, lease(effect.term, effect.leaseMs), effect);
        break;
      case 'release':
        assert(!router.serving.has(effect.partition), 'released while it serves');
        this.write(
          router,
          `partition.${effect.partition}`,
          { ...lease(effect.term), released: true },
          effect,
        );
        break;
      case 'renew-router':
        this.write(router, `router.${router.id}`, lease(0, effect.leaseMs), effect);
        break;
      case 'leave':
        this.write(router, `router.${router.id}`, undefined, effect);
        break;
      case 'bury':
        this.put(`router.${effect.router}`, undefined, effect.expected);
        break;
    }
  }

  /** A term of a partition has one owner, ever. */
  claimTerm(router: SimulatedRouter, partition: number, term: number): void {
    const key = `${this.storeAge} ${partition} ${term}`;
    assert.equal(
      this.termsOf.get(key) ?? router.id,
      router.id,
      `two owners of partition ${partition} under ${term}`,
    );
    this.termsOf.set(key, router.id);
  }

  write(
    router: SimulatedRouter,
    key: string,
    value: PartitionLease | undefined,
    { attempt, expected, partition }: { attempt: number; expected: number; partition?: number },
  ): void {
    const answer = (outcome: WriteOutcome, atMs: number) =>
      router.inbox.push({ atMs, event: { kind: 'outcome', attempt, partition, outcome } });
    const undecidedAtMs = this.nowMs + TIMEOUT_MS;
    if (this.chance(this.weather.requestsLost)) {
      answer({ kind: 'undecided' }, undecidedAtMs);
      return;
    }
    const late = this.chance(this.weather.landsLate);
    const atMs = this.nowMs + (late ? TIMEOUT_MS + Math.floor(this.draw() * 4_000) : this.delayMs());
    const answerLost = this.chance(this.weather.answersLost);
    if (late || answerLost) answer({ kind: 'undecided' }, undecidedAtMs);
    this.landing.push({
      atMs,
      act: () => {
        const outcome = this.put(key, value, expected);
        if (!late && !answerLost) answer(outcome, this.nowMs + this.delayMs());
      },
    });
  }

  put(key: string, lease: PartitionLease | undefined, expected: number): WriteOutcome {
    const before = this.store.get(key);
    const standing = before?.lease === undefined ? 0 : before.revision;
    if (standing !== expected) return { kind: 'lost' };
    this.checkTerms(key, before?.lease, lease);
    const stored = { lease, revision: ++this.revision };
    this.store.set(key, stored);
    for (const router of this.routers) this.tell(router, key, stored);
    return { kind: 'taken', revision: stored.revision };
  }

  checkTerms(key: string, before: PartitionLease | undefined, after: PartitionLease | undefined): void {
    if (!key.startsWith('partition.') || before === undefined || after === undefined) return;
    assert(after.term >= before.term, `the term of ${key} went back`);
    if (after.router !== before.router || before.released)
      assert(after.term > before.term, `${key} changed hands within a term`);
  }

  /** The store forgets everything, as one in memory does when all its servers restart. */
  loseStore(): void {
    this.store.clear();
    this.storeAge++;
    // Lower than before, as in a new store; none comes twice, as hardly any would.
    this.revision = REVISIONS - this.storeAge * 10_000;
    for (const router of this.routers) this.watch(router, { kind: 'ready' });
  }

  advance(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.nowMs += STEP_MS) {
      this.misfortunes();
      for (const due of this.landing.filter(({ atMs }) => atMs <= this.nowMs)) due.act();
      this.landing.splice(0, this.landing.length, ...this.landing.filter(({ atMs }) => atMs > this.nowMs));
      for (const router of this.routers)
        if (router.alive && router.stalledUntilMs <= this.nowMs) this.run(router);
      this.checkOwners();
    }
  }

  run(router: SimulatedRouter): void {
    // After a stall the tick may well come before what waits in the inbox.
    if (router.nextTickMs <= this.nowMs) {
      router.nextTickMs = this.nowMs + TICK_MS;
      this.step(router, { kind: 'tick' });
    }
    const due = router.inbox.filter(({ atMs }) => atMs <= this.nowMs);
    router.inbox.splice(0, router.inbox.length, ...router.inbox.filter(({ atMs }) => atMs > this.nowMs));
    for (const { event } of due) this.step(router, event);
  }

  misfortunes(): void {
    const perStep = STEP_MS / 1_000;
    if (this.chance(this.weather.joins * perStep) && this.routers.length < 8) this.join();
    if (this.chance(this.weather.storeLost * perStep)) this.loseStore();
    for (const router of this.routers) {
      if (this.chance(this.weather.stalls * perStep))
        router.stalledUntilMs = this.nowMs + this.draw() * 8_000;
      if (this.chance(this.weather.deaths * perStep) && this.living().length > 1) router.alive = false;
      if (this.chance(this.weather.farewells * perStep) && this.living().length > 1)
        this.step(router, { kind: 'stop' });
    }
  }

  living(): SimulatedRouter[] {
    return this.routers.filter(({ alive, core }) => alive && !core.stopping);
  }

  /** The dead count too: what they would do, had they only stood still. */
  checkOwners(): void {
    if (this.storeAge > 0) return;
    for (let partition = 0; partition < this.weather.partitions; partition++) {
      const delivering = this.routers.filter(
        (router) =>
          router.serving.has(partition) && mayDeliverFor(router.core, partition, this.localMs(router)),
      );
      assert(
        delivering.length <= 1,
        `partition ${partition} has the owners ${delivering.map(({ id }) => id)}`,
      );
    }
  }

  ownersOf(partition: number): string[] {
    return this.routers
      .filter(
        (router) =>
          router.alive &&
          mayDeliverFor(router.core, partition, this.localMs(router)) &&
          router.serving.has(partition),
      )
      .map(({ id }) => id);
  }
}

/** Every partition has the owner that rendezvous gives it, and nobody else believes to own it. */
function assertSettled(world: World): void {
  const living = world
    .living()
    .map(({ id }) => id)
    .sort();
  for (let partition = 0; partition < world.weather.partitions; partition++) {
    assert.deepEqual(world.ownersOf(partition), [desiredOwner(living, partition)], `partition ${partition}`);
  }
}

describe('partitions in every weather', () => {
  test('never two owners at a time, terms only grow, and in the end each partition has its one owner', () => {
    fc.assert(
      fc.property(weathers, (weather) => {
        const world = new World(weather);
        world.advance(25_000);
        world.calm = true;
        world.advance(22_000);
        assertSettled(world);
      }),
    );
  });

  test('a killed router is replaced within five seconds', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 2, max: 5 }), (seed, routers) => {
        const world = new World({ ...fair, seed, routers, partitions: 16, delayMsMax: 50 });
        world.advance(8_000 + (seed % 1_000));
        assertSettled(world);
        world.routers[seed % routers]!.alive = false;
        world.advance(5_000);
        assertSettled(world);
      }),
      { numRuns: 30 },
    );
  });

  test('a router that says farewell is replaced at once', () => {
    const world = new World({ ...fair, partitions: 16 });
    world.advance(8_000);
    const leaving = world.routers[0]!;
    world.step(leaving, { kind: 'stop' });
    world.advance(700);
    assertSettled(world);
    assert.equal(leaving.serving.size, 0);
  });

  test('a farewell waits for a renewal that is under way, to which the release would be lost', () => {
    const core = initialPartitions('one', 1, { monotonicMs: 0, wallMs: 0 });
    const step = (event: PartitionsEvent, monotonicMs: number) =>
      stepPartitions(core, event, { monotonicMs, wallMs: monotonicMs });
    const of = <Kind extends PartitionsEffect['kind']>(effects: readonly PartitionsEffect[], kind: Kind) =>
      effects.find((effect): effect is Extract<PartitionsEffect, { kind: Kind }> => effect.kind === kind);
    const taken = (attempt: number, revision: number): PartitionsEvent => {
      return { kind: 'outcome', attempt, partition: 0, outcome: { kind: 'taken', revision } };
    };
    const take = of([...step({ kind: 'ready' }, 1), ...step({ kind: 'tick' }, 100)], 'take');
    assert(take !== undefined);
    step(taken(take.attempt, 1), 110);
    const renewal = of(step({ kind: 'tick' }, 700), 'renew');
    assert(renewal !== undefined);
    assert.equal(of(step({ kind: 'stop' }, 701), 'release'), undefined);
    assert.equal(hasLeft(core), false);
    step(taken(renewal.attempt, 2), 710);
    assert.equal(of(step({ kind: 'tick' }, 750), 'release')?.expected, 2);
  });

  test('a store that forgets everything is taken for a new one', () => {
    const world = new World({ ...fair, partitions: 16 });
    world.advance(8_000);
    world.loseStore();
    world.advance(10_000);
    assertSettled(world);
  });
});
