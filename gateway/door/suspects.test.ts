import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  forget,
  handshakeLed,
  isSuspectsTurn,
  networkOf,
  noSuspects,
  othersWait,
  standsBehind,
} from './suspects.ts';

function come(suspects: ReturnType<typeof noSuspects>, address: string, times: number, led: boolean): void {
  for (let i = 0; i < times; i++) handshakeLed(suspects.byNetwork, address, led, 0);
}

/** Whether it would stand behind somebody who waits. */
function isSuspect(suspects: ReturnType<typeof noSuspects>, address: string, nowMs: number): boolean {
  return standsBehind({ ...suspects, othersAtMs: nowMs }, address, false, true, nowMs);
}

test('[SUSPECT-1] an address that wastes its handshakes is a suspect, and others are not', () => {
  const suspects = noSuspects();
  come(suspects, '192.0.2.1', 50, false);
  assert(isSuspect(suspects, '192.0.2.1', 0));
  assert(!isSuspect(suspects, '192.0.2.2', 0));
  come(suspects, '192.0.2.2', 3, false);
  assert(!isSuspect(suspects, '192.0.2.2', 0), 'too few to say anything');
});

test('[SUSPECT-2] an address of which a third gets in is never a suspect, however much is wasted', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (rounds) => {
      const suspects = noSuspects();
      handshakeLed(suspects.byNetwork, '192.0.2.1', false, 0);
      for (let i = 0; i < rounds; i++) {
        come(suspects, '192.0.2.1', 1, true);
        come(suspects, '192.0.2.1', 2, false);
        assert(!isSuspect(suspects, '192.0.2.1', 0));
      }
    }),
  );
});

test('[SUSPECT-3] whatever an address did, it is no suspect after two minutes, and forgotten within six', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 2_000 }), (outcomes) => {
      const suspects = noSuspects();
      for (const led of outcomes) handshakeLed(suspects.byNetwork, '192.0.2.1', led, 0);
      assert(!isSuspect(suspects, '192.0.2.1', 120_001));
      forget(suspects, 360_000);
      assert.equal(suspects.byNetwork.size, 0);
    }),
  );
});

test('[SUSPECT-4] a crowd of addresses does not grow without bound', () => {
  const suspects = noSuspects();
  for (let i = 0; i < 70_000; i++) handshakeLed(suspects.byNetwork, String(i), false, 0);
  assert.equal(suspects.byNetwork.size, 65_536);
});

test('[SUSPECT-5] of any run of handshakes of others, one in 63 lets a suspect begin', () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(1_000), (before, length) => {
      const suspects = noSuspects();
      for (let i = 0; i < before; i++) isSuspectsTurn(suspects);
      let turns = 0;
      for (let i = 0; i < length; i++) if (isSuspectsTurn(suspects)) turns += 1;
      assert(turns >= Math.floor(length / 63) && turns <= Math.ceil(length / 63));
    }),
  );
});

test('[SUSPECT-6] whoever has a network of IPv6 has one standing, and networks beside it have theirs', () => {
  const text = (groups: readonly number[]) => groups.map((group) => group.toString(16)).join(':');
  const group = fc.nat(0xffff);
  const half = fc.tuple(group, group, group, group);
  fc.assert(
    fc.property(half, half, half, (network, one, other) => {
      const canonical = (groups: readonly number[]) =>
        new URL(`http://[${text(groups)}]`).hostname.slice(1, -1);
      const of = (...parts: (readonly number[])[]) => networkOf(canonical(parts.flat()));
      assert.equal(of(network, one), of(network, other));
      assert.equal(of(network, one), text(network));
    }),
  );
  assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0');
  assert.equal(networkOf('::1'), '0:0:0:0');
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
});

test('[SUSPECT-7] suspects stand behind others while these wait and for a second after that, and else go on where they need not wait', () => {
  const wasteful = () => {
    const suspects = noSuspects();
    come(suspects, '192.0.2.1', 100, false);
    return suspects;
  };
  const arrival = fc.record({ afterMs: fc.nat(400), suspect: fc.boolean(), waits: fc.boolean() });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 50 }), (arrivals) => {
      const suspects = wasteful();
      let nowMs = 0;
      let waitedAtMs = Number.NEGATIVE_INFINITY;
      for (const { afterMs, suspect, waits } of arrivals) {
        nowMs += afterMs;
        const behind = standsBehind(suspects, suspect ? '192.0.2.1' : '192.0.2.2', false, waits, nowMs);
        if (!suspect && waits) waitedAtMs = nowMs;
        assert.equal(behind, suspect && (waits || nowMs - waitedAtMs < 1_000));
        assert.equal(othersWait(suspects, nowMs), nowMs - waitedAtMs < 1_000);
      }
    }),
  );
  const suspects = wasteful();
  assert(!standsBehind(suspects, undefined, false, true, 0), 'of a proxy, and so another');
  assert(standsBehind(suspects, '192.0.2.1', false, true, 0));
});

test('[SUSPECT-8] from where hardly anybody is in a call who comes as if, they stand behind others there and nowhere else', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(30), (pretend, calls) => {
      const suspects = noSuspects();
      for (let i = 0; i < pretend; i++) handshakeLed(suspects.callers, '192.0.2.1', false, 0);
      for (let i = 0; i < calls; i++) handshakeLed(suspects.callers, '192.0.2.1', true, 0);
      const behind = standsBehind(suspects, '192.0.2.1', true, true, 0);
      if (calls === 0) assert.equal(behind, pretend >= 4);
      if (calls > 1) assert.equal(behind, false, 'two in a call clear the address of all that was counted');
      assert(!standsBehind(suspects, '192.0.2.1', false, true, 0));
      assert(!standsBehind(suspects, '192.0.2.2', true, true, 0));
      forget(suspects, 360_000);
      assert.equal(suspects.callers.size, 0);
    }),
  );
});
