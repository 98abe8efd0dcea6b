import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Admission,
  CONSIDER_MS,
  type Considered,
  considered,
  deafened,
  emptyAdmission,
  fleetView,
  LEARNING_MS,
  reported,
  takenUp,
  watched,
} from './admission.ts';
import type { Load } from './loads.ts';

const policy = {
  ceilings: { fresh: 400, all: undefined },
  setUpShare: 0.25,
  spread: { msMin: 0, msMax: 600_000 },
  rebalance: true,
};

type Turn = Considered & { readonly atMs: number };
type LoadOf = (name: string, nowMs: number) => Load;

function load(changes: Partial<Load> = {}): Load {
  return {
    ...{ connections: 50_000, setUpsPerSecond: 3_546, busyShare: 0 },
    ...{ workMs: 0, waiting: 10, waitingFresh: 10, movable: 0, url: undefined },
    ...changes,
  };
}

/** A router that has listened for long enough to decide at 0. */
function learned(): Admission {
  return emptyAdmission(1, -LEARNING_MS);
}

/** All report, then the fleet is considered, from one time to another. */
function passed(
  state: Admission,
  fromMs: number,
  toMs: number,
  names: readonly string[],
  of: LoadOf = () => load(),
): [Admission, Turn[]] {
  let now = state;
  const all: Turn[] = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += CONSIDER_MS) {
    now = reported(now, new Map(names.map((name) => [name, of(name, nowMs)])), nowMs);
    const [next, turn] = considered(now, policy, nowMs);
    now = next;
    all.push({ ...turn, atMs: nowMs });
  }
  return [now, all];
}

function creditsAt(all: readonly Turn[]): number[] {
  return all.map(({ told }) => told.reduce((sum, { credits }) => sum + (credits?.fresh?.credits ?? 0), 0));
}

function timesTold(all: readonly Turn[]): number[] {
  return all.filter(({ told }) => told.some(({ spread }) => spread !== undefined)).map(({ atMs }) => atMs);
}

test('[ADMIT-1] clients are told once, and again only when it changed by a quarter, at most every 10 s', () => {
  const connections: LoadOf = (_, nowMs) => load({ connections: nowMs < 30_000 ? 50_000 : 80_000 });
  const [, all] = passed(learned(), 0, 60_000, ['a', 'b'], connections);
  assert.deepEqual(timesTold(all), [0, 30_000]);
  const wild: LoadOf = (_, nowMs) =>
    load({ connections: Math.round(50_000 * 1.015 ** (nowMs / CONSIDER_MS)) });
  const times = timesTold(passed(learned(), 0, 60_000, ['a', 'b'], wild)[1]);
  for (let i = 1; i < times.length; i++) assert(times[i]! - times[i - 1]! >= 10_000);
  assert(times.length >= 5);
});

test('[ADMIT-2] a router decides nothing before it has listened for 3 s, but tells that it is there', () => {
  const [, all] = passed(emptyAdmission(1, 0), 0, 6_000, ['a', 'b']);
  const credits = creditsAt(all);
  assert(credits.slice(0, 12).every((one) => one === 0));
  assert(credits.slice(12).every((one) => one === 100));
  assert.deepEqual(timesTold(all), [LEARNING_MS]);
  assert.deepEqual(all[0]!.told, [{ gateway: 'a' }, { gateway: 'b' }]);
});

test('[ADMIT-3] a gateway that is silent keeps its part of the ceiling until it is taken for dead', () => {
  const [heard] = passed(learned(), 0, 5_000, ['a', 'b', 'c', 'd']);
  const [, all] = passed(heard, 5_000, 20_000, ['a', 'b', 'c']);
  const credits = creditsAt(all);
  assert.equal(credits[0], 100);
  assert.equal(credits[16], 75);
  assert.equal(credits.at(-1), 100);
  assert.equal(all[credits.indexOf(75)]!.atMs, 8_000);
});

test('[ADMIT-4] a fleet whose clients are all away still tells the windows of all its clients', () => {
  const [before] = passed(learned(), 0, 1_000, ['a', 'b']);
  const [, after] = passed(before, 60_000, 61_000, ['a', 'b', 'c'], () => load({ connections: 0 }));
  const { fleetMs } = after[0]!.told[2]!.spread!;
  assert(fleetMs > 0.9 * ((0.7 * 100_000_000) / (3 * 3_546)));
});

test('[ADMIT-5] windows are numbered without a hole, and no window deals more than the ceiling', () => {
  const needs = fc.array(fc.array(fc.nat(1_000), { minLength: 3, maxLength: 3 }), {
    minLength: 20,
    maxLength: 60,
  });
  fc.assert(
    fc.property(needs, (all) => {
      const names = ['a', 'b', 'c'];
      const of: LoadOf = (name, nowMs) =>
        load({ waitingFresh: all[nowMs / CONSIDER_MS]![names.indexOf(name)]! });
      const [, turns] = passed(learned(), 0, all.length * CONSIDER_MS, names, of);
      for (const sum of creditsAt(turns)) assert(sum <= 100);
      for (const [i, { window }] of turns.entries()) assert.equal(window, i);
    }),
  );
});

test('[ADMIT-6] the state that was given is not changed', () => {
  const state = reported(learned(), new Map([['a', load()]]), 0);
  const copy = structuredClone(state);
  considered(state, policy, 5_000);
  watched(state, 5_000);
  takenUp(state, 2);
  reported(state, new Map([['b', load()]]), 1);
  assert.deepEqual(state, copy);
});

test('[ADMIT-7] a ceiling for all is dealt by all who wait, beside that for fresh ones', () => {
  const both = { ...policy, ceilings: { fresh: 40, all: 80 } };
  const loads = new Map([
    ['a', load({ waiting: 90, waitingFresh: 0 })],
    ['b', load({ waiting: 30, waitingFresh: 30 })],
  ]);
  const [, { told }] = considered(reported(learned(), loads, 0), both, 0);
  assert.deepEqual(
    told.map(({ credits }) => [credits?.fresh?.credits, credits?.all?.credits]),
    [
      [0, 15],
      [10, 5],
    ],
  );
  const none = { ...policy, ceilings: { fresh: undefined, all: undefined } };
  const [, free] = considered(reported(learned(), loads, 0), none, 0);
  assert.deepEqual(free.told[0]!.credits, { gateways: 2 });
});

test('[ADMIT-8] a router that takes over deals at once out of what it has heard, and tells no client again', () => {
  const [, first] = passed(learned(), 0, 250, ['a', 'b']);
  const { gatewayMs, fleetMs } = first[0]!.told[0]!.spread!;
  const says: LoadOf = () => load({ spread: { gatewayMs, fleetMs } });
  let heir = emptyAdmission(0, 0);
  for (let nowMs = 0; nowMs < 5_000; nowMs += CONSIDER_MS) {
    heir = watched(
      reported(heir, new Map(['a', 'b'].map((name) => [name, says(name, nowMs)])), nowMs),
      nowMs,
    );
  }
  const [, after] = passed(takenUp(heir, 2), 5_000, 20_000, ['a', 'b'], says);
  assert.deepEqual([after[0]!.term, after[0]!.window], [2, 0]);
  assert(creditsAt(after).every((one) => one === 100));
  assert.deepEqual(timesTold(after), []);
});

test('[ADMIT-9] clients that were not told are told again, once a second at most', () => {
  const deaf: LoadOf = () => load({ spread: 'none' });
  assert.deepEqual(timesTold(passed(learned(), 0, 3_500, ['a', 'b'], deaf)[1]), [0, 1_000, 2_000, 3_000]);
});

test('[ADMIT-10] a gateway that began anew has its clients told anew', () => {
  let told: Load['spread'] = 'none';
  const says: LoadOf = () => load({ spread: told! });
  const [before, first] = passed(learned(), 0, 250, ['a', 'b'], says);
  const { gatewayMs, fleetMs } = first[0]!.told[0]!.spread!;
  told = { gatewayMs, fleetMs };
  const [heard, calm] = passed(before, 250, 5_000, ['a', 'b'], says);
  assert.deepEqual(timesTold(calm), []);
  told = 'none';
  assert.deepEqual(timesTold(passed(heard, 5_000, 5_750, ['a', 'b'], says)[1]), [5_000]);
});

test('[ADMIT-11] after it could not hear for a while a router learns anew', () => {
  const [heard] = passed(learned(), 0, 1_000, ['a', 'b']);
  const credits = creditsAt(passed(deafened(heard, 31_000), 31_000, 36_000, ['a', 'b'])[1]);
  assert(credits.slice(0, 12).every((one) => one === 0));
  assert(credits.slice(12).every((one) => one === 100));
});

test('[ADMIT-12] who is heard, who is silent, and a gateway that goes away is not waited for', () => {
  const [heard] = passed(learned(), 0, 1_000, ['a', 'b', 'c'], (name) => load({ leaving: name === 'c' }));
  const [later] = passed(heard, 1_000, 5_000, ['a']);
  const { loads, silent } = fleetView(later, 5_000);
  assert.deepEqual([...loads.keys(), silent], ['a', 1]);
});

test('[ADMIT-13] clients are moved once for a report: a gateway that is slow to report gives none twice', () => {
  const loads = new Map([
    ['full', load({ workMs: 3_000, movable: 100, url: 'wss://full' })],
    ['idle', load({ url: 'wss://idle' })],
  ]);
  let state = reported(learned(), loads, 0);
  const movesAt = (nowMs: number) => {
    const [next, { moves }] = considered(state, policy, nowMs);
    state = next;
    return moves;
  };
  const planned = [{ from: 'full', to: 'idle', clients: 100 }];
  assert.deepEqual(movesAt(10), planned);
  assert.deepEqual(movesAt(260), []);
  state = reported(state, new Map([['idle', load({ url: 'wss://idle' })]]), 300);
  assert.deepEqual(movesAt(510), [], 'it has not said how many are left');
  state = reported(state, loads, 600);
  assert.deepEqual(movesAt(760), planned);
});

test('[ADMIT-14] a gateway that has not worked yet counts as those that have, in windows, weights and parts', () => {
  const deals = (believed: boolean) => {
    const at = (name: string, changes: Partial<Load>) =>
      [name, load({ setUpsPerSecond: 100, waiting: 0, url: `wss://${name}`, ...changes })] as const;
    const anew = { setUpsPerSecond: 2_800, connections: 7_500, believed };
    const state = reported(
      learned(),
      new Map([at('a', { connections: 8_000 }), at('b', { connections: 8_000 }), at('new', anew)]),
      0,
    );
    const { told } = considered(state, policy, 10)[1];
    const { spread, shed = 0 } = told.find(({ gateway }) => gateway === 'a')!;
    const weights = spread!.gateways!.map(({ weight }) => weight);
    const rates = [...fleetView(state, 0).loads.values()].map(({ setUpsPerSecond }) => setUpsPerSecond);
    return { rates, weights, fleetMs: spread!.fleetMs, sheds: shed > 0 };
  };
  const third = 0.3333;
  assert.deepEqual(deals(true), {
    rates: [100, 100, 100],
    weights: [third, third, third],
    fleetMs: Math.round((1_000 * 0.7 * 23_500) / 300),
    sheds: false,
  });
  assert.deepEqual(deals(false), {
    rates: [100, 100, 2_800],
    weights: [third / 10, third / 10, 0.9333].map((weight) => Math.round(1e4 * weight) / 1e4),
    fleetMs: Math.round((1_000 * 0.7 * 23_500) / 3_000),
    sheds: true,
  });
});

test('[ADMIT-15] where nobody has worked yet, all count as they believe', () => {
  const loads = new Map(['a', 'b'].map((name) => [name, load({ believed: true })]));
  assert.deepEqual([...fleetView(reported(learned(), loads, 0), 0).loads], [...loads]);
});
