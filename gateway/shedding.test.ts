import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shedOf } from './shedding.ts';

const NOW_MS = 10_000_000;

const anyRecord = fc.record({
  callAtMs: fc.constantFrom(0, NOW_MS - 1_000, NOW_MS - 7_200_000),
  heardAtMs: fc.constantFrom(NOW_MS - 100, NOW_MS - 20_000, NOW_MS - 60_000),
  ended: fc.boolean(),
  session: fc.constantFrom(undefined, {}),
  place: fc.constantFrom('silent', 'waiting', 'underWay', 'in'),
});

test('nobody is shed who is in a call, waits, or said something just now; as many as asked where there are so many', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 50 }), fc.nat(60), (records, count) => {
      const shed = shedOf(records, NOW_MS, count);
      const may = records.filter(
        ({ callAtMs, heardAtMs, ended, place, session }) =>
          !ended &&
          place === 'in' &&
          session !== undefined &&
          callAtMs !== NOW_MS - 1_000 &&
          heardAtMs !== NOW_MS - 100,
      );
      assert.deepEqual(shed, may.slice(0, count));
    }),
  );
});
