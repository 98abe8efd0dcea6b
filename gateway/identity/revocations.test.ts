import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { decodeRevocation, encodeRevocation } from '#wire/revocations.ts';
import type { Identity, Revocation } from '../seams.ts';
import { add, followRevocations, forget, isRevoked, type RevocationTable } from './revocations.ts';

const KEEP_MS = 86_400_000;

function setUp(entriesMax?: number) {
  const clock = createVirtualClock();
  const bus = createMemoryBus({}, { clock, random: createSeededRandom(1) });
  const follow = () =>
    followRevocations({
      journal: bus.journal,
      clock,
      log: createLogger('test', 'silent'),
      keepMs: KEEP_MS,
      ...(entriesMax !== undefined && { entriesMax }),
    });
  const revoke = (kind: Revocation['kind'], value: string) =>
    bus.journal.append(encodeRevocation({ kind, value, at: clock.nowMs() }));
  return { clock, bus, follow, revoke };
}

function identity(user: string, issuedAt: number, more: Partial<Identity> = {}): Identity {
  return {
    user,
    rights: {},
    issuedAt,
    expiresAt: issuedAt + KEEP_MS,
    tokenId: undefined,
    resumes: undefined,
    ...more,
  };
}

test('a user is revoked up to the moment: a token issued later is good', async () => {
  const { clock, follow, revoke } = setUp();
  const revocations = follow();
  const before = identity('ann', clock.nowMs());
  assert(!revocations.revoked(before, 's'));
  await revoke('user', 'ann');
  await clock.advance(1);
  assert(revocations.revoked(before, 's') && revocations.revoked(before, undefined));
  assert(!revocations.revoked(identity('ann', clock.nowMs()), 's'));
  assert(!revocations.revoked(identity('anna', before.issuedAt), 's'));
});

test('a session is revoked as it stands and as it would be resumed, a token by its jti', async () => {
  const { clock, follow, revoke } = setUp();
  const revocations = follow();
  await revoke('session', 's1');
  await revoke('token', 'j1');
  await clock.advance(1);
  const later = identity('ann', clock.nowMs() + 1_000);
  assert(revocations.revoked(later, 's1') && !revocations.revoked(later, 's2'));
  assert(revocations.revoked({ ...later, resumes: { session: 's1', device: 'd' } }, undefined));
  assert(revocations.revoked({ ...later, tokenId: 'j1' }, 's2'));
  assert(!revocations.revoked({ ...later, tokenId: 's1', user: 'j1' }, 's2'));
});

test('what stands in the journal at the start is read before the gateway is ready', async () => {
  const { clock, follow, revoke } = setUp();
  await revoke('user', 'ann');
  const revocations = follow();
  assert(!revocations.caughtUp());
  await clock.advance(1);
  assert(revocations.caughtUp());
  assert(revocations.revoked(identity('ann', clock.nowMs() - 1), undefined));
});

test('whoever watches is told of each revocation', async () => {
  const { clock, follow, revoke } = setUp();
  const revocations = follow();
  const told: Revocation[] = [];
  revocations.watch((revocation) => void told.push(revocation));
  await revoke('user', 'ann');
  await clock.advance(5);
  await revoke('session', 's1');
  await clock.advance(5);
  const at = clock.nowMs();
  assert.deepEqual(told, [
    { kind: 'user', value: 'ann', at: at - 10 },
    { kind: 'session', value: 's1', at: at - 5 },
  ]);
});

test('what is no revocation is passed over, and what comes after it is read', async () => {
  const { clock, bus, follow, revoke } = setUp();
  const revocations = follow();
  for (const text of [
    '',
    'x',
    'null',
    '7',
    '{}',
    '{"kind":"all","value":"x","at":1}',
    '{"kind":"user","value":"","at":1}',
    '{"kind":"user","value":"x","at":"1"}',
  ]) {
    await bus.journal.append(Buffer.from(text));
  }
  await revoke('user', 'ann');
  await clock.advance(1);
  assert.equal(revocations.size(), 1);
});

test('an entry is forgotten once no token it concerns can be alive, and an older one is not taken up', async () => {
  const { clock, bus, follow, revoke } = setUp();
  const revocations = follow();
  await revoke('user', 'ann');
  await bus.journal.append(encodeRevocation({ kind: 'user', value: 'bob', at: clock.nowMs() - KEEP_MS }));
  await clock.advance(KEEP_MS - 60_000);
  assert.equal(revocations.size(), 1);
  await clock.advance(120_000);
  assert.equal(revocations.size(), 0);
});

test('past the bound the oldest go, and what was issued up to them is void', async () => {
  const { clock, follow, revoke } = setUp(2);
  const revocations = follow();
  const early = clock.nowMs();
  for (const user of ['ann', 'bob', 'carol']) {
    await revoke('user', user);
    await clock.advance(10);
  }
  assert.equal(revocations.size(), 2);
  assert(revocations.revoked(identity('ann', early), undefined));
  assert(revocations.revoked(identity('dave', early), undefined), 'nobody can say any more that it is good');
  assert(!revocations.revoked(identity('dave', early + 1), undefined));
});

test('once closed nothing is read any more', async () => {
  const { clock, follow, revoke } = setUp();
  const revocations = follow();
  await clock.advance(1);
  revocations.close();
  await revoke('user', 'ann');
  await clock.advance(1);
  assert.equal(revocations.size(), 0);
});

test('whatever is revoked, in any order, within any bound: the revoked stay out, as long as they live', () => {
  const revocation = fc.record({
    kind: fc.constantFrom('user' as const, 'session' as const, 'token' as const),
    value: fc.constantFrom('a', 'b', 'c', 'd'),
    at: fc.integer({ min: 0, max: 100 }),
  });
  const someone = fc.record({
    user: fc.constantFrom('a', 'b', 'c', 'd'),
    session: fc.constantFrom('a', 'b', 'c', 'd'),
    tokenId: fc.constantFrom('a', 'b', 'c', 'd', undefined),
    issuedAt: fc.integer({ min: 0, max: 100 }),
  });
  fc.assert(
    fc.property(
      fc.array(revocation),
      someone,
      fc.integer({ min: 1, max: 5 }),
      fc.nat({ max: 200 }),
      (all, who, entriesMax, nowMs) => {
        const table: RevocationTable = { entries: new Map(), floorMs: Number.NEGATIVE_INFINITY };
        for (const one of all) add(table, one, entriesMax);
        assert(table.entries.size <= entriesMax);
        const keepMs = 50;
        forget(table, nowMs - keepMs);
        // A session or token is as old as its revocation at most.
        const named = all.some(
          ({ kind, value, at }) =>
            who.issuedAt <= at &&
            value === { user: who.user, session: who.session, token: who.tokenId }[kind],
        );
        const alive = who.issuedAt + keepMs > nowMs;
        if (named && alive)
          assert(isRevoked(table, identity(who.user, who.issuedAt, { tokenId: who.tokenId }), who.session));
        if (all.length === 0) assert(!isRevoked(table, identity(who.user, who.issuedAt), who.session));
      },
    ),
    { numRuns: 1_000 },
  );
});

test('a revocation is read as it was written', () => {
  const at = 1_800_000_000_000;
  for (const kind of ['user', 'session', 'token'] as const) {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (value) =>
        assert.deepEqual(decodeRevocation(encodeRevocation({ kind, value, at })), { kind, value, at }),
      ),
    );
  }
});
