import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forget, handshakeLed, isShunned, noSuspects } from './suspects.ts';

function come(suspects: ReturnType<typeof noSuspects>, address: string, times: number, led: boolean): void {
  for (let i = 0; i < times; i++) handshakeLed(suspects, address, led, 0);
}

test('[SUSPECT-1] of an address that wastes its handshakes all but one connection a second are shunned', () => {
  const suspects = noSuspects();
  come(suspects, 'a', 50, false);
  const shunned = Array.from({ length: 800 }, (_, i) => isShunned(suspects, 'a', 10 * i)).filter(
    Boolean,
  ).length;
  assert.equal(shunned, 792);
  assert(!isShunned(suspects, 'b', 0));
});

test('[SUSPECT-2] an address of which a third gets in is never shunned, however much is wasted', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (rounds) => {
      const suspects = noSuspects();
      handshakeLed(suspects, 'a', false, 0);
      for (let i = 0; i < rounds; i++) {
        handshakeLed(suspects, 'a', true, 0);
        handshakeLed(suspects, 'a', false, 0);
        handshakeLed(suspects, 'a', false, 0);
        assert(!isShunned(suspects, 'a', 0));
      }
    }),
  );
});

test('[SUSPECT-3] whatever an address did, it is forgotten within three minutes', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 2_000 }), (outcomes) => {
      const suspects = noSuspects();
      for (const led of outcomes) handshakeLed(suspects, 'a', led, 0);
      assert(!isShunned(suspects, 'a', 90_000));
      forget(suspects, 180_000);
      assert.equal(suspects.byAddress.size, 0);
    }),
  );
});

test('[SUSPECT-4] a crowd of addresses does not grow without bound', () => {
  const suspects = noSuspects();
  for (let i = 0; i < 70_000; i++) handshakeLed(suspects, String(i), false, 0);
  assert.equal(suspects.byAddress.size, 65_536);
});
