import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Admission, CONSIDER_MS, considered, emptyAdmission, reported, type Told } from './admission.ts';
import type { Load } from './loads.ts';

const policy = { ceilingPerSecond: 400, setUpShare: 0.25 };

function load(changes: Partial<Load> = {}): Load {
  return {
    ...{ connections: 50_000, setUpsPerSecond: 3_546, busyShare: 0 },
    ...{ workMs: 0, needCredit: 10, movable: 0, url: undefined },
    ...changes,
  };
}

/** All report, then the fleet is considered, from one time to another. */
function passed(
  state: Admission,
  fromMs: number,
  toMs: number,
  names: readonly string[],
  of: (name: string, nowMs: number) => Load = () => load(),
): [Admission, { readonly atMs: number; readonly told: readonly Told[] }[]] {
  let now = state;
  const all = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += CONSIDER_MS) {
    for (const name of names) now = reported(now, name, of(name, nowMs), nowMs);
    const [next, { told }] = considered(now, policy, nowMs);
    now = next;
    all.push({ atMs: nowMs, told });
  }
  return [now, all];
}

function creditsAt(all: readonly { readonly told: readonly Told[] }[]): number[] {
  return all.map(({ told }) => told.reduce((sum, { credits }) => sum + (credits?.credits ?? 0), 0));
}

test('[ADMIT-1] clients are told once, and again only when it changed by a quarter, at most every 10 s', () => {
  const connections = (_: string, nowMs: number) => load({ connections: nowMs < 30_000 ? 50_000 : 80_000 });
  const [, all] = passed(emptyAdmission(1, 0), 0, 60_000, ['a', 'b'], connections);
  const spreads = all.filter(({ told }) => told.some(({ spread }) => spread !== undefined));
  assert.deepEqual(
    spreads.map(({ atMs }) => atMs),
    [0, 30_000],
  );
  const wild = (_: string, nowMs: number) =>
    load({ connections: Math.round(50_000 * 1.015 ** (nowMs / CONSIDER_MS)) });
  const [, often] = passed(emptyAdmission(1, 0), 0, 60_000, ['a', 'b'], wild);
  const times = often
    .filter(({ told }) => told.some(({ spread }) => spread !== undefined))
    .map(({ atMs }) => atMs);
  for (let i = 1; i < times.length; i++) assert(times[i]! - times[i - 1]! >= 10_000);
  assert(times.length >= 5);
});

test('[ADMIT-2] a router deals no credits before it has listened for 3 s', () => {
  const [, all] = passed(emptyAdmission(1, 0), 0, 6_000, ['a', 'b']);
  const credits = creditsAt(all);
  assert(credits.slice(0, 12).every((one) => one === 0));
  assert(credits.slice(12).every((one) => one === 100));
});

test('[ADMIT-3] a gateway that is silent keeps its part of the ceiling until it is taken for dead', () => {
  const [heard] = passed(emptyAdmission(1, 0), 0, 5_000, ['a', 'b', 'c', 'd']);
  const [, all] = passed(heard, 5_000, 20_000, ['a', 'b', 'c']);
  const credits = creditsAt(all);
  assert.equal(credits[0], 100);
  assert.equal(credits[16], 75);
  assert.equal(credits.at(-1), 100);
  assert.deepEqual(
    [...new Set(credits.flatMap((one, i) => (one === 75 ? [all[i]!.atMs] : [])))].at(0),
    8_000,
  );
});

test('[ADMIT-4] a fleet whose clients are all away still tells the windows of all its clients', () => {
  const [before] = passed(emptyAdmission(1, 0), 0, 1_000, ['a', 'b']);
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
      const of = (name: string, nowMs: number) =>
        load({ needCredit: all[nowMs / CONSIDER_MS]![names.indexOf(name)]! });
      const [, verdicts] = passed(emptyAdmission(1, 0), 0, all.length * CONSIDER_MS, names, of);
      for (const sum of creditsAt(verdicts)) assert(sum <= 100);
      verdicts.forEach(({ told }, window) => {
        for (const { credits } of told) if (credits !== undefined) assert.equal(credits.window, window);
      });
    }),
  );
});

test('[ADMIT-6] the state that was given is not changed', () => {
  const state = reported(emptyAdmission(1, 0), 'a', load(), 0);
  const copy = structuredClone(state);
  considered(state, policy, 5_000);
  reported(state, 'b', load(), 1);
  assert.deepEqual(state, copy);
});
