import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CallTokens, presented, returned, sealOf, used } from './call-tokens.ts';

test('[DOOR-23] whatever copies of a token come, one at a time has its class, and none once somebody was set up', () => {
  const step = fc.record({ what: fc.constantFrom('comes', 'setUp', 'leaves'), token: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tokens: CallTokens = new Map();
      const holders = new Map<number, number>();
      const spent = new Set<number>();
      steps.forEach(({ what, token }, i) => {
        const [seal, holder] = [`seal ${token}`, holders.get(token)];
        if (what === 'comes') {
          const verdict = presented(tokens, seal, i + 1);
          assert.equal(verdict.kind === 'replayed', spent.has(token));
          assert.equal(verdict.kind === 'again' ? verdict.before : undefined, holder);
          if (verdict.kind !== 'replayed') holders.set(token, i + 1);
        } else if (holder !== undefined) {
          holders.delete(token);
          if (what === 'leaves') returned(tokens, seal, holder);
          else {
            used(tokens, seal);
            spent.add(token);
          }
        }
      });
    }),
  );
});

test('[DOOR-24] the table is bounded, and tokens are told apart by their seals', () => {
  const tokens: CallTokens = new Map();
  for (let i = 0; i < 40_000; i++) presented(tokens, `seal ${i}`, i + 1);
  assert.equal(tokens.size, 16_384);
  assert.notEqual(
    sealOf(`${'x'.repeat(300)}${'a'.repeat(24)}`),
    sealOf(`${'x'.repeat(300)}${'b'.repeat(24)}`),
  );
});
