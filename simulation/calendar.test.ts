import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Calendar } from './calendar.ts';
import { recordsOf } from './columns.ts';
import { Optimum } from './optimum.ts';
import { Population } from './population.ts';
import { Ring } from './ring.ts';

test('[SIM-1] the calendar gives every client at its time, years later too, and none twice', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(200_000), { minLength: 1, maxLength: 100 }), (timesMs) => {
      const calendar = new Calendar(recordsOf(timesMs.length).times);
      for (const [client, atMs] of timesMs.entries()) calendar.enter(client, atMs, -1);
      const came: (readonly [number, number])[] = [];
      for (let nowMs = 0; nowMs <= 200_001; nowMs++)
        calendar.turn(nowMs, (client) => came.push([client, nowMs]));
      const expected = timesMs.map((atMs, client) => [client, atMs] as const);
      const inOrder = (all: (readonly [number, number])[]) => all.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
      assert.deepEqual(inOrder(came), inOrder(expected));
    }),
    { numRuns: 20 },
  );
});

test('[SIM-2] who enters the calendar for a time that has passed comes in the next millisecond', () => {
  const calendar = new Calendar(recordsOf(1).times);
  calendar.enter(0, 3, 10);
  const came: number[] = [];
  for (let nowMs = 10; nowMs < 20; nowMs++) calendar.turn(nowMs, () => came.push(nowMs));
  assert.deepEqual(came, [11]);
});

test('[SIM-3] a ring is a queue and a stack, however much it grows', () => {
  const ops = fc.array(fc.constantFrom('push', 'push', 'first', 'last', 'clear'), { maxLength: 100 });
  fc.assert(
    fc.property(ops, fc.nat(2_000), (all, already) => {
      const ring = new Ring();
      const model: [number, number][] = [];
      const push = (n: number) => {
        ring.push(n, -n);
        model.push([n, -n]);
      };
      for (let n = 0; n < already; n++) push(n);
      for (const [n, op] of all.entries()) {
        if (op === 'push') push(n);
        else if (op === 'clear' && n % 10 === 0) {
          ring.clear();
          model.length = 0;
        } else if (model.length > 0 && op === 'first') {
          assert.deepEqual([ring.left, ring.right], model.shift());
          ring.dropFirst();
        } else if (model.length > 0 && op === 'last') {
          assert.deepEqual([ring.lastLeft, ring.lastRight], model.pop());
          ring.dropLast();
        }
        assert.equal(ring.length, model.length);
      }
    }),
  );
});

test('[SIM-4] the optimum is all work over all CPU, as it was there', () => {
  const even = new Optimum();
  even.lost(100, 0);
  for (let nowMs = 0; nowMs < 200; nowMs++) even.passed(nowMs, 2, Number.POSITIVE_INFINITY);
  assert.equal(even.doneAtMs, 50);
  // Half the CPU from 20 ms on, and more work at 100 ms.
  const uneven = new Optimum();
  uneven.lost(100, 0);
  for (let nowMs = 0; nowMs < 200; nowMs++) {
    if (nowMs === 100) uneven.lost(10, 0);
    uneven.passed(nowMs, nowMs < 20 ? 2 : 1, Number.POSITIVE_INFINITY);
  }
  assert.equal(uneven.doneAtMs, 110);
  // A shared ceiling takes longer.
  const capped = new Optimum();
  capped.lost(100, 30);
  for (let nowMs = 0; nowMs < 200; nowMs++) capped.passed(nowMs, 2, 0.4);
  assert(Math.abs(capped.doneAtMs - 75) < 1e-6);
});

test('[SIM-8] the numbers of one client are its own, however they lie together', () => {
  const value = fc.nat(255);
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value, value, value, value), { minLength: 1 }), (all) => {
      const population = new Population(all.length, () => 0.5);
      for (const [client, [phase, moved, serial, gateway, sinceMs]] of all.entries()) {
        population.phase.set(client, phase);
        population.moved.set(client, moved);
        population.serial.set(client, serial);
        population.gateway.set(client, gateway + 256);
        population.sinceMs.set(client, sinceMs / 8);
        population.serial.count(client);
      }
      for (const [client, [phase, moved, serial, gateway, sinceMs]] of all.entries()) {
        assert.equal(population.phase.of(client), phase);
        assert.equal(population.moved.of(client), moved);
        assert.equal(population.serial.of(client), serial + 1);
        assert.equal(population.gateway.of(client), gateway + 256);
        assert.equal(population.sinceMs.of(client), sinceMs / 8);
        assert.equal(population.attempts.of(client) + population.syns.of(client), 0);
      }
    }),
  );
});
