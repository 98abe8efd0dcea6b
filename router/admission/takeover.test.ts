import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Load } from './loads.ts';
import { GIVES_ABOVE_MS, moves, TAKES_BELOW_MS } from './takeover.ts';

const SET_UP_SHARE = 0.25;

function load(changes: Partial<Load>): Load {
  return {
    ...{ connections: 0, setUpsPerSecond: 1_000, busyShare: 0 },
    ...{ workMs: 0, waiting: 0, waitingFresh: 0, movable: 0, url: 'wss://g' },
    ...changes,
  };
}

const loads = fc
  .array(
    fc.record({
      workMs: fc.integer({ min: 0, max: 6_000 }),
      movable: fc.nat(5_000),
      setUpsPerSecond: fc.integer({ min: 0, max: 10_000 }),
    }),
    { maxLength: 20 },
  )
  .map((all) => new Map(all.map((one, i) => [`g${i}`, load(one)])));

test('[TAKEOVER-1] only who has less than 0.5 s of work takes, only who has more than 1.1 s gives', () => {
  fc.assert(
    fc.property(loads, (all) => {
      for (const { from, to, clients } of moves(all, SET_UP_SHARE)) {
        assert(all.get(from)!.workMs > GIVES_ABOVE_MS);
        assert(all.get(to)!.workMs < TAKES_BELOW_MS);
        assert(Number.isInteger(clients) && clients > 0);
      }
    }),
  );
});

test('[TAKEOVER-2] nobody gives more than it has, or than what is above its bound; nobody takes past 0.8 s', () => {
  fc.assert(
    fc.property(loads, (all) => {
      const [given, taken] = [new Map<string, number>(), new Map<string, number>()];
      for (const { from, to, clients } of moves(all, SET_UP_SHARE)) {
        given.set(from, (given.get(from) ?? 0) + clients);
        taken.set(to, (taken.get(to) ?? 0) + clients);
      }
      for (const [gateway, clients] of given) {
        const { movable, workMs, setUpsPerSecond } = all.get(gateway)!;
        assert(clients <= movable);
        assert(workMs - (1_000 * clients * SET_UP_SHARE) / setUpsPerSecond >= GIVES_ABOVE_MS - 1e-6);
      }
      for (const [gateway, clients] of taken) {
        const { workMs, setUpsPerSecond } = all.get(gateway)!;
        assert(workMs + (1_000 * clients) / setUpsPerSecond <= 800 + 1e-6);
      }
    }),
  );
});

test('[TAKEOVER-3] the idlest takes from the fullest first', () => {
  const all = new Map([
    ['full', load({ workMs: 3_000, movable: 10_000 })],
    ['fuller', load({ workMs: 4_000, movable: 300 })],
    ['idle', load({ workMs: 0 })],
    ['busy', load({ workMs: 800 })],
    ['idler', load({ workMs: 100 })],
  ]);
  assert.deepEqual(moves(all, SET_UP_SHARE), [
    { from: 'fuller', to: 'idle', clients: 300 },
    { from: 'full', to: 'idle', clients: 500 },
    { from: 'full', to: 'idler', clients: 700 },
  ]);
});

test('[TAKEOVER-4] nobody is sent to a gateway that has no address of its own, or that goes away', () => {
  const full = load({ workMs: 3_000, movable: 1_000 });
  for (const idle of [load({ url: undefined }), load({ leaving: true }), load({ setUpsPerSecond: 0 })]) {
    assert.deepEqual(
      moves(
        new Map([
          ['full', full],
          ['idle', idle],
        ]),
        SET_UP_SHARE,
      ),
      [],
    );
  }
});
