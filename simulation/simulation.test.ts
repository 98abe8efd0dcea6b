import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costs, wholeMs } from './costs.ts';
import type { Figures } from './figures.ts';
import { plotted } from './plot.ts';
import { law, policies } from './policies.ts';
import { casesTable, comparison, costsTable, judged, shortfalls } from './report.ts';
import { keyOf, type Run, runs, seedOf } from './runs.ts';
import { fullSize, ratio, scenarios } from './scenarios.ts';
import { carriedOut } from './simulate-worker.ts';

/** Each client stands for 25: small enough for every test run, large enough for ratios. */
const size = { ...fullSize, clients: 40_000 };

function ran(scenario: string, policy = 'law', seed = 1): Figures {
  return carriedOut({ scenario, policy, size, seed });
}

function assertBack(figures: Figures, most99: number, mostAll: number): void {
  const [first, all] = [ratio(figures.backMs99, figures), ratio(figures.backMsAll, figures)];
  assert(first !== undefined && first > 0.97 && first <= most99, `99 % back ${first}`);
  assert(all !== undefined && all <= mostAll, `all back ${all}`);
}

test('[AVALANCHE-1] the whole fleet is back nearly as soon as its CPU allows, plain and TLS', () => {
  const [plain, tls] = [ran('fleet-plain'), ran('fleet-tls')];
  assertBack(plain, 1.04, 1.09);
  assertBack(tls, 1.04, 1.09);
  // All the work is what clients cost who come with a token, and in a call with a sealed one.
  for (const [transport, { optimumMs }] of [
    ['plain', plain],
    ['tls', tls],
  ] as const) {
    const cost = costs(transport, 'es256', 3);
    const eachMs = 0.96 * wholeMs(cost, false) + 0.04 * wholeMs(cost, true);
    assert(Math.abs(optimumMs / (50_000 * eachMs) - 1) < 0.002);
  }
  assert(plain.attempts < 1.2 && tls.attempts < 3);
  assert(plain.goodputMin! > 0.75 && tls.goodputMin! > 0.8);
  assert(plain.inCallMs99! < 400 && tls.inCallMs99! < 900);
  assert.equal(tls.handshakeTimeouts, 0);
});

test('[AVALANCHE-2] cores four times slower: the law brings all back, and what is usual brings back nobody', () => {
  assertBack(ran('slow'), 1.08, 1.14);
  for (const policy of ['accept-socketio', 'accept-jitter', 'refuse-503', 'retry-after']) {
    const figures = ran('slow', policy);
    assert.equal(figures.backMs99, undefined);
    assert(figures.backShare < 0.1, `${policy}: ${figures.backShare}`);
  }
});

test('[AVALANCHE-3] a third of stock clients neither hold it up nor time out once they are open', () => {
  const figures = ran('slow-socketio');
  assertBack(figures, 1.07, 1.12);
  assert.equal(figures.openTimeouts, 0);
});

test('[AVALANCHE-4] one gateway of 20: over in a second, or two where the balancer is blind', () => {
  assert(ran('one').backMs99! < 1_300);
  assert(ran('one-blind').backMs99! < 2_500);
});

test('[AVALANCHE-5] wrong beliefs and a CPU half gone are found out while it goes on', () => {
  assertBack(ran('rate-high'), 1.06, 1.12);
  assertBack(ran('rate-low'), 1.06, 1.12);
  assertBack(ran('brownout'), 1.06, 1.12);
});

test('[AVALANCHE-6] a shared ceiling is used to the full, also while no router answers', () => {
  assertBack(ran('ceiling'), 1.04, 1.06);
});

test('[AVALANCHE-7] clients that wait are sent on where the balancer knows no weights', () => {
  const figures = ran('uneven-blind-plain');
  assert(figures.moved > 1_000);
  assert(ratio(figures.backMs99, figures)! < 1.3);
});

test('[AVALANCHE-8] no newcomer waits longer than the drain', () => {
  const figures = ran('newcomers');
  assert(figures.newcomerMsMax! <= figures.optimumMs);
});

test('[AVALANCHE-9] each part of the law buys something', () => {
  const tls = ran('fleet-tls');
  assert(ratio(ran('fleet-tls', 'always-listening').backMs99, tls)! > 1.1);
  assert(ratio(ran('fleet-tls', 'drop-after-accept').backMs99, tls)! > 1.08);
  assert(ran('fleet-tls', 'handshakes-first').goodputMin! < 0.05);
  assert(ran('three-quarters', 'redrawn').attempts > 1.3 * ran('three-quarters').attempts);
  assert(ran('one-blind', 'without-growth').backMs99! > 5_000);
  assert(ran('away', 'one-listener').inCallMs99! > 3 * ran('away').inCallMs99!);
});

test('[SIM-5] the same seed gives the same run, another seed another', () => {
  const tiny = { ...fullSize, clients: 4_000 };
  for (const { name } of policies) {
    const run = (seed: number) => carriedOut({ scenario: 'fleet-tls', policy: name, size: tiny, seed });
    assert.deepEqual(run(7), run(7), name);
    assert.notDeepEqual(run(7).curves, run(8).curves, name);
  }
  assert.notEqual(seedOf('a', 1), seedOf('b', 1));
});

test('[SIM-6] every scenario has its row, every figure its verdict, and the table is as it was', () => {
  const tiny = { ...fullSize, clients: 20_000 };
  const chosen: readonly Run[] = runs(tiny, 'one');
  assert.deepEqual(chosen.map(keyOf), ['one/law']);
  const figures = new Map([['one/law', carriedOut({ scenario: 'one', policy: 'law', size: tiny, seed: 1 })]]);
  assert.match(
    casesTable(chosen, figures),
    /\| one gateway of 20 dead.*\| 99 % back +\| [\d.]+ s +\| ≤ 1.3 +\| met/,
  );
  assert.match(comparison(chosen, figures), /\| the law +\| [\d.]+ s; 1/);
  assert.deepEqual(shortfalls(chosen, figures), []);
  const shown = (1_000 * costs('tls', 'es256', 2.5).setUpMs).toFixed(1);
  assert.match(costsTable(2.5), new RegExp(`\\| set-up with ES256 +\\| [\\d.]+ +\\| ${shown} +\\|`));
  assert.match(costsTable(2.5), /\| refused by the kernel +\| 2\.5 +\| 2\.5 +\|/);
  const never = judged({ title: 't', unit: '×', value: () => undefined, atMost: 1 }, figures.get('one/law')!);
  assert.equal(never.met, false);
  assert.equal(new Set(scenarios(tiny).map(({ name }) => name)).size, scenarios(tiny).length);
  const all = runs(tiny, undefined);
  for (const { name } of scenarios(tiny)) {
    assert(
      all.some((run) => run.scenario.name === name && run.policy === law),
      name,
    );
  }
  assert.deepEqual(runs(tiny, 'nobody'), []);
});

test('[SIM-7] the plot is one SVG with a line per policy and panel', () => {
  const { curves } = ran('one');
  const lines = [
    { title: 'the law & more', curves },
    { title: 'another', curves },
  ];
  const svg = plotted(lines, { title: 'a < b', clients: 40_000, optimumMs: 742, untilMs: 3_000 });
  assert.equal(svg.match(/<polyline /g)?.length, 6);
  assert.match(svg, /a &lt; b/);
  assert.match(svg, /the law &amp; more/);
  assert.doesNotMatch(svg, /NaN|undefined/);
});
