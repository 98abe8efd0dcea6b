import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CREDIT_WINDOW_MS, deal } from './credits.ts';

const windows = fc.array(
  fc.record({
    waiting: fc.array(fc.nat(20_000), { minLength: 1, maxLength: 25 }),
    silent: fc.nat(5),
  }),
  { minLength: 1, maxLength: 40 },
);
const ceilings = fc.double({ min: 0.1, max: 100_000, noNaN: true });

test('[DEAL-1] no run of windows deals more than the ceiling allows in that time', () => {
  fc.assert(
    fc.property(ceilings, windows, (ceiling, all) => {
      let carried = 0;
      const dealt = all.map(({ waiting, silent }, turn) => {
        const it = deal(ceiling, waiting, silent, carried, turn);
        carried = it.carried;
        return it.credits.reduce((sum, one) => sum + one, 0);
      });
      const each = (ceiling * CREDIT_WINDOW_MS) / 1_000;
      for (let from = 0; from < dealt.length; from++) {
        let sum = 0;
        for (let to = from; to < dealt.length; to++) {
          sum += dealt[to]!;
          // What was carried into the run is less than one credit.
          assert(sum < (to - from + 1) * each + 1 + 1e-6);
        }
      }
    }),
  );
});

test('[DEAL-2] where all gateways are heard, nothing of the ceiling is lost', () => {
  fc.assert(
    fc.property(ceilings, fc.array(fc.nat(9), { minLength: 1, maxLength: 9 }), (ceiling, waiting) => {
      let [carried, sum] = [0, 0];
      for (let turn = 0; turn < 100; turn++) {
        const it = deal(ceiling, waiting, 0, carried, turn);
        carried = it.carried;
        sum += it.credits.reduce((a, b) => a + b, 0);
      }
      assert(Math.abs(sum - (100 * ceiling * CREDIT_WINDOW_MS) / 1_000) < 1 + 1e-6);
    }),
  );
});

test('[DEAL-3] credits are whole, and each gateway gets its part of those who wait, to less than one', () => {
  fc.assert(
    fc.property(ceilings, windows, (ceiling, all) => {
      for (const [turn, { waiting, silent }] of all.entries()) {
        const { credits } = deal(ceiling, waiting, silent, 0, turn);
        const sum = credits.reduce((a, b) => a + b, 0);
        const needed = waiting.reduce((a, b) => a + b, 0);
        assert(credits.every((one) => Number.isInteger(one) && one >= 0));
        if (needed <= sum) assert(credits.every((one, i) => one >= waiting[i]!));
        else assert(credits.every((one, i) => Math.abs(one - (sum * waiting[i]!) / needed) <= 1 + 1e-6));
      }
    }),
  );
});

test('[DEAL-4] the part of a silent gateway is set aside, since it may use it', () => {
  assert.deepEqual(deal(80, [5, 5, 5], 1, 0, 0).credits, [5, 5, 5]);
  assert.deepEqual(deal(80, [50, 0, 0], 1, 0, 0).credits, [15, 0, 0]);
});

test('[DEAL-5] odd credits go round, so that none is always last', () => {
  const got = [0, 0, 0, 0];
  for (let turn = 0; turn < 400; turn++) {
    deal(4, [9, 9, 9, 9], 0, 0, turn).credits.forEach((one, i) => {
      got[i]! += one;
    });
  }
  assert.deepEqual(got, [100, 100, 100, 100]);
});
