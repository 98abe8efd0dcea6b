import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Load } from './loads.ts';
import { changedByAQuarter, PLACES_MAX, type SpreadOf, spreads } from './spread.ts';

const bounds = { msMin: 0, msMax: 600_000 };

function load(changes: Partial<Load> = {}): Load {
  return {
    ...{ connections: 50_000, setUpsPerSecond: 3_546, busyShare: 0 },
    ...{ workMs: 0, waiting: 0, waitingFresh: 0, movable: 0, url: undefined },
    ...changes,
  };
}

function fleet(count: number, changes: (i: number) => Partial<Load> = () => ({})): Map<string, Load> {
  return new Map(Array.from({ length: count }, (_, i) => [`g${i}`, load(changes(i))]));
}

const loads = fc
  .array(
    fc.record({
      connections: fc.nat(1_000_000),
      setUpsPerSecond: fc.double({ min: 0, max: 50_000, noNaN: true }),
      busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
      url: fc.option(fc.constantFrom('wss://a', 'wss://b'), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((all) => fleet(all.length, (i) => all[i]!));

test('[SPREAD-1] the windows of the nominal fleet', () => {
  const { gatewayMs, fleetMs } = spreads(fleet(20), 0, bounds).get('g7')!;
  assert.equal(gatewayMs, Math.round((1.25 * 50_000_000) / (19 * 3_546)));
  assert.equal(fleetMs, Math.round((0.7 * 1_000_000_000) / (20 * 3_546)));
});

test('[SPREAD-2] whatever is reported, no window exceeds its maximum, and all are whole and not negative', () => {
  fc.assert(
    fc.property(loads, fc.nat(10_000_000), (all, usual) => {
      const told = spreads(all, usual, bounds);
      assert.equal(told.size, all.size);
      for (const { gatewayMs, fleetMs } of told.values()) {
        for (const ms of [gatewayMs, fleetMs]) assert(Number.isInteger(ms) && ms >= 0 && ms <= bounds.msMax);
      }
    }),
  );
});

test('[SPREAD-3] half of the fleet lost is told the same as the whole: half the clients, half the rate', () => {
  const [whole, half] = [spreads(fleet(20), 0, bounds).get('g0')!, spreads(fleet(10), 0, bounds).get('g0')!];
  assert.equal(whole.fleetMs, half.fleetMs);
});

test('[SPREAD-4] the lost clients of one gateway ask no more of the others than they have to spare, nor than all would of all', () => {
  fc.assert(
    fc.property(loads, (all) => {
      const spareOf = ({ setUpsPerSecond, busyShare }: Load) =>
        setUpsPerSecond * Math.max(0.1, 1 - busyShare);
      const each = [...all.values()];
      const asAll = (gatewayMs: number) =>
        0.7 * each.reduce((sum, { connections }) => sum + connections, 0) <=
        (each.reduce((sum, load) => sum + spareOf(load), 0) * (gatewayMs + 1)) / 1_000;
      for (const [gateway, { gatewayMs }] of spreads(all, 0, bounds)) {
        if (gatewayMs === bounds.msMax || all.size === 1) continue;
        let spare = 0;
        for (const [other, load] of all) if (other !== gateway) spare += spareOf(load);
        const asItsOwn = all.get(gateway)!.connections <= (spare * (gatewayMs + 1)) / 1_000;
        assert(asItsOwn || asAll(gatewayMs));
      }
    }),
  );
});

test('[SPREAD-5] one gateway alone is the fleet', () => {
  const { gatewayMs, fleetMs } = spreads(fleet(1), 0, bounds).get('g0')!;
  assert.equal(gatewayMs, fleetMs);
});

test('[SPREAD-6] a fleet that fills up again is told the windows of the clients it usually has', () => {
  const filling = spreads(
    fleet(20, () => ({ connections: 100 })),
    1_000_000,
    bounds,
  );
  assert.deepEqual(filling.get('g0'), spreads(fleet(20), 0, bounds).get('g0'));
});

test('[SPREAD-7] weights follow what gateways can spare, add up, and are told only where each has an address', () => {
  const url = (i: number) => `wss://g${i}`;
  const { gateways = [] } = spreads(
    fleet(4, (i) => ({ url: url(i), setUpsPerSecond: 1_000 * (i + 1) })),
    0,
    bounds,
  ).get('g0')!;
  assert.deepEqual(
    gateways,
    [0.1, 0.2, 0.3, 0.4].map((weight, i) => ({ url: url(i), weight })),
  );
  const without = fleet(4, (i) => (i === 2 ? {} : { url: url(i) }));
  assert.equal(spreads(without, 0, bounds).get('g0')!.gateways, undefined);
});

test('[SPREAD-8] clients are told again when a window or a weight has changed by a quarter', () => {
  const told: SpreadOf = { gatewayMs: 1_000, fleetMs: 10_000, gateways: [{ url: 'a', weight: 0.5 }] };
  assert.equal(changedByAQuarter(told, told), false);
  assert.equal(changedByAQuarter(told, { ...told, gatewayMs: 1_249 }), false);
  assert.equal(changedByAQuarter(told, { ...told, gatewayMs: 1_250 }), true);
  assert.equal(changedByAQuarter(told, { ...told, gatewayMs: 750 }), true);
  assert.equal(changedByAQuarter(told, { ...told, fleetMs: 12_500 }), true);
  assert.equal(changedByAQuarter(told, { ...told, gateways: [{ url: 'a', weight: 0.63 }] }), true);
  assert.equal(changedByAQuarter(told, { ...told, gateways: [{ url: 'b', weight: 0.5 }] }), true);
  assert.equal(changedByAQuarter(told, { gatewayMs: 1_000, fleetMs: 10_000 }), true);
  // Of what was told before another router took over only the number is known.
  assert.equal(changedByAQuarter({ ...told, gateways: 1 }, told), false);
  assert.equal(changedByAQuarter({ ...told, gateways: 2 }, told), true);
  // Windows of a few milliseconds are all the same.
  assert.equal(changedByAQuarter({ gatewayMs: 10, fleetMs: 10 }, { gatewayMs: 50, fleetMs: 50 }), false);
});

test('[SPREAD-9] an operator bounds what clients are told from both sides', () => {
  const narrow = { msMin: 3_000, msMax: 5_000 };
  assert.deepEqual(spreads(fleet(20), 0, narrow).get('g0'), { gatewayMs: 3_000, fleetMs: 5_000 });
});

test('[SPREAD-10] nobody is sent to a gateway that goes away, and the others have to take its clients', () => {
  const all = fleet(4, (i) => ({ url: `wss://g${i}`, leaving: i === 3 }));
  const { gateways = [], fleetMs } = spreads(all, 0, bounds).get('g0')!;
  assert.deepEqual(
    gateways.map(({ url }) => url),
    ['wss://g0', 'wss://g1', 'wss://g2'],
  );
  assert.equal(fleetMs, Math.round((0.7 * 200_000_000) / (3 * 3_546)));
});

test('[SPREAD-11] of a large fleet each client knows some, and all are known as often', () => {
  const known = new Map<string, number>();
  const told = spreads(
    fleet(100, (i) => ({ url: `wss://g${i}` })),
    0,
    bounds,
  );
  for (const { gateways = [] } of told.values()) {
    assert.equal(new Set(gateways.map(({ url }) => url)).size, PLACES_MAX);
    for (const { url } of gateways) known.set(url, (known.get(url) ?? 0) + 1);
  }
  assert.equal(known.size, 100);
  assert.deepEqual(new Set(known.values()), new Set([PLACES_MAX]));
});
