import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DoorNews, LoadReport } from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { fleetState, type Heard, limitedBy } from './fleet.ts';
import { fleetText, limitsText } from './tables.ts';

const report: LoadReport = {
  v: NODE_VERSION,
  gateway: 'g1',
  listening: { main: true, call: true },
  ...{ connections: 12_000, setUpsPerSecond: 3_500, busyShare: 0.2, workMs: 800, handshakes: 40 },
  waiting: { call: 1, stock: 2, resume: 300, fresh: 97, pretender: 0 },
  ...{ waitingFresh: 100, movable: 0, setUps: 5_000, limits: 0, term: 7 },
  spread: { gatewayMs: 2_400, fleetMs: 14_000 },
};
const news: DoorNews = { v: NODE_VERSION, router: 'r1', term: 7, window: 3 };

function heard(first: Partial<LoadReport>, last: Partial<LoadReport>, more: Partial<DoorNews> = {}): Heard {
  return {
    ...{ first: { ...report, ...first }, firstAtMs: 1_000, last: { ...report, ...last }, lastAtMs: 3_000 },
    news: { ...news, ...more },
  };
}

function door(one: Heard) {
  return fleetState(new Map([['g1', one]]), 3_100).gateways[0]!;
}

test('[OPS-1] set-ups per second are those between the reports, and a single report shows none', () => {
  assert.equal(door(heard({ setUps: 1_000 }, {})).setUpsPerSecond, 2_000);
  assert.equal(door({ ...heard({}, {}), firstAtMs: 3_000 }).setUpsPerSecond, 0);
});

test('[OPS-2] the drain is what takes longest: the CPU, or the credits, unless they are only tried out', () => {
  const dealt = { gateways: 2, fresh: { credits: 5, perSecond: 40 } };
  assert.equal(door(heard({}, {})).drainMs, 800);
  assert.equal(door(heard({}, { credits: { fresh: 5 } }, { credits: dealt })).drainMs, 5_000);
  assert.equal(door(heard({}, { credits: { all: 10 } })).drainMs, 10_000);
  const tried = { gateways: 2, fresh: { credits: 5, perSecond: 40, dryRun: true as const } };
  assert.equal(door(heard({}, { credits: { fresh: 5 } }, { credits: tried })).drainMs, 800);
});

test('[OPS-3] whether it listens, leaves, goes on by itself or fell silent is seen', () => {
  assert.equal(door(heard({}, { listening: { main: false, call: true } })).listening, 'calls only');
  assert.equal(door(heard({}, { listening: { main: false, call: false } })).listening, 'no');
  assert.equal(door(heard({}, { leaving: true })).listening, 'leaving');
  const { term: _, ...alone } = report;
  assert.equal(door({ ...heard({}, {}), last: alone }).byItself, true);
  const text = fleetText(fleetState(new Map([['g1', heard({}, {})]]), 9_000));
  assert.match(text, /g1 \(silent 6 s\)/);
});

test('[OPS-4] the table has a line per gateway, by address, and says what holds for all', () => {
  const credits = { gateways: 2, fresh: { credits: 5, perSecond: 40, dryRun: true as const } };
  const all = new Map([
    ['g1', heard({ setUps: 1_000 }, { url: 'https://b.example' }, { credits })],
    [
      'g2',
      heard(
        {},
        { gateway: 'g2', url: 'https://a.example', workMs: 4_000, believed: true },
        { router: 'r0', term: 6 },
      ),
    ],
  ]);
  const state = fleetState(all, 3_100);
  assert.deepEqual([state.router, state.term, state.ceilings.fresh], ['r1', 7, 40]);
  assert.deepEqual([state.connections, state.waiting, state.drainMs], [24_000, 800, 4_000]);
  const lines = fleetText(state).split('\n');
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line.split(/ {2,}/)[0]!.trim()),
    ['gateway', 'a.example', 'b.example'],
  );
  assert.match(lines[1]!, /3500\? /, 'it has not worked yet');
  assert.match(lines[2]!, /3500 /);
  assert.equal(new Set(lines.slice(0, 3).map((line) => line.length)).size, 1, 'columns are even');
  assert.match(lines.at(-1)!, /fresh 40\/s \(dry run\)/);
  assert.equal(fleetText(fleetState(new Map(), 0)), 'no gateway reports');
});

test('[OPS-5] what limits have done is added up over gateways', () => {
  const all = new Map([
    ['g1', heard({}, { limited: { fresh: 3 }, wouldLimit: { all: 7 } })],
    ['g2', heard({}, { limited: { fresh: 4, perUser: 1 } })],
  ]);
  assert.deepEqual(limitedBy(all, 'limited'), { fresh: 7, all: 0, perAddress: 0, perUser: 1 });
  assert.equal(limitedBy(all, 'wouldLimit').all, 7);
  const text = limitsText({ perUser: { value: 6 }, log: { value: 500, dryRun: true } }, undefined);
  assert.match(text, /^log +500 +dry run/m);
  assert.match(text, /^perUser +6 +enforced/m);
});
