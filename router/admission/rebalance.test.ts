import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Load } from './loads.ts';
import { SHEDS_ABOVE, sheds } from './rebalance.ts';

const WINDOW_MS = 250;

function load(connections: number, other: Partial<Load> = {}): Load {
  return {
    ...{ connections, setUpsPerSecond: 3_000, busyShare: 0.2, workMs: 0 },
    ...{ waiting: 0, waitingFresh: 0, movable: 0, url: undefined },
    ...other,
  };
}

function fleet(loads: readonly Load[]): Map<string, Load> {
  return new Map(loads.map((one, n) => [`g${n}`, one]));
}

function shedIn(loads: Map<string, Load>, windows: number): Map<string, number> {
  const sum = new Map<string, number>();
  for (let window = 0; window < windows; window++) {
    for (const [gateway, sessions] of sheds(loads, window, WINDOW_MS)) {
      sum.set(gateway, (sum.get(gateway) ?? 0) + sessions);
    }
  }
  return sum;
}

test('the full ones shed a fiftieth a second, the new one nothing', () => {
  const loads = fleet([load(10_000), load(10_000), load(0)]);
  assert.deepEqual(
    [...shedIn(loads, 4)],
    [
      ['g0', 200],
      ['g1', 200],
    ],
  );
});

test('parts of a session add up over windows', () => {
  assert.deepEqual([...shedIn(fleet([load(100), load(10)]), 40)], [['g0', 20]]);
});

test('while somebody waits, or a gateway leaves, nobody is shed', () => {
  for (const other of [{ waiting: 1 }, { workMs: 500 }, { leaving: true }]) {
    assert.equal(sheds(fleet([load(10_000), load(0, other)]), 0, WINDOW_MS).size, 0);
  }
});

test('a fleet that is short of CPU sheds no more than a tenth of what it can set up', () => {
  const slow = { setUpsPerSecond: 100, busyShare: 0.5 };
  assert.deepEqual([...shedIn(fleet([load(10_000, slow), load(0, slow)]), 4)], [['g0', 10]]);
});

test('gateways with addresses hold as many as their weight says', () => {
  const strong = load(6_000, { setUpsPerSecond: 6_000, url: 'wss://a' });
  const weak = load(3_000, { setUpsPerSecond: 3_000, url: 'wss://b' });
  assert.equal(sheds(fleet([strong, weak]), 0, WINDOW_MS).size, 0);
});

const anyFleet = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 12 });

test('nobody is shed who belongs to a gateway that is as full as the others or emptier', () => {
  fc.assert(
    fc.property(anyFleet, fc.nat(1_000), (connections, window) => {
      const mean = connections.reduce((sum, one) => sum + one, 0) / connections.length;
      const shed = sheds(fleet(connections.map((one) => load(one))), window, WINDOW_MS);
      for (const [n, one] of connections.entries()) {
        if (one <= SHEDS_ABOVE * mean) assert(!shed.has(`g${n}`));
        else assert(one - (shed.get(`g${n}`) ?? 0) >= mean);
      }
    }),
  );
});

test('whoever is shed comes back anywhere, and the fleet becomes even', () => {
  fc.assert(
    fc.property(anyFleet, (start) => {
      const connections = [...start];
      const mean = start.reduce((sum, one) => sum + one, 0) / start.length;
      let next = 0;
      for (let window = 0; window < 4 * 600; window++) {
        for (const [gateway, sessions] of sheds(
          fleet(connections.map((one) => load(one))),
          window,
          WINDOW_MS,
        )) {
          connections[Number(gateway.slice(1))]! -= sessions;
          for (let n = 0; n < sessions; n++) connections[next++ % connections.length]! += 1;
        }
      }
      assert(Math.max(...connections) <= Math.max(1.25 * mean, mean + 20), `${start} became ${connections}`);
    }),
    { numRuns: 30 },
  );
});
