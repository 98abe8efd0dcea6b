import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFaultCode } from '#wire/faults.ts';
import { type ClaimsPolicy, identityOfClaims } from './claims.ts';

const nowMs = 1_800_000_000_000;
const now = nowMs / 1000;
const policy: ClaimsPolicy = { issuer: undefined, audience: undefined, skewMs: 5_000, ageMsMax: 86_400_000 };
const good = { sub: 'ann', iat: now - 10, exp: now + 60 };

function refused(claims: Record<string, unknown>, more: Partial<ClaimsPolicy> = {}): unknown {
  return identityOfClaims(claims, { ...policy, ...more }, nowMs);
}

test('the identity is what the claims say', () => {
  const claims = { ...good, jti: 'j1', snowshed: { users: { send: ['*'] } }, other: true };
  assert.deepEqual(identityOfClaims(claims, policy, nowMs), {
    user: 'ann',
    rights: { users: { send: ['*'] } },
    issuedAt: nowMs - 10_000,
    expiresAt: nowMs + 65_000,
    tokenId: 'j1',
    resumes: undefined,
  });
});

test('sub, iat and exp are required, and each claim has its type', () => {
  for (const name of ['sub', 'iat', 'exp']) {
    assert.equal(refused({ ...good, [name]: undefined }), 'TOKEN_CLAIMS', name);
  }
  const bad = [
    { sub: '' },
    { sub: 7 },
    { sub: 'x'.repeat(129) },
    { sub: 'a\u0000b' },
    { sub: '\ud800' },
    { exp: `${now + 60}` },
    { exp: Number.POSITIVE_INFINITY },
    { exp: null },
    { iat: '0' },
    { nbf: 'now' },
    { jti: 7 },
    { jti: 'j'.repeat(257) },
    { snowshed: 'all' },
    { snowshed: null },
  ];
  for (const change of bad)
    assert.equal(refused({ ...good, ...change }), 'TOKEN_CLAIMS', JSON.stringify(change));
});

test('a token counts from nbf and iat to exp, give or take the clock of the issuer', () => {
  assert.equal(refused({ ...good, exp: now - 5 }), 'TOKEN_EXPIRED');
  assert.equal(typeof refused({ ...good, exp: now - 4.9 }), 'object');
  assert.equal(refused({ ...good, nbf: now + 5.1 }), 'TOKEN_NOT_YET_VALID');
  assert.equal(typeof refused({ ...good, nbf: now + 5 }), 'object');
  assert.equal(refused({ ...good, iat: now + 5.1 }), 'TOKEN_NOT_YET_VALID');
  assert.equal(typeof refused({ ...good, iat: now + 5 }), 'object');
  assert.equal(refused({ ...good, iat: 1e300, exp: 1e300 }), 'TOKEN_NOT_YET_VALID');
});

test('no token lives longer than its age allows, whatever exp says', () => {
  const day = 86_400;
  assert.equal(refused({ ...good, iat: now - day, exp: now + day }), 'TOKEN_EXPIRED');
  const identity = refused({ ...good, iat: now - day + 60, exp: 1e300 });
  assert.equal((identity as { expiresAt: number }).expiresAt, nowMs + 60_000);
});

test('issuer and audience have to be those configured', () => {
  assert.equal(typeof refused({ ...good, iss: 'https://a', aud: 'calls' }), 'object');
  const asked = { issuer: 'https://a', audience: 'calls' };
  assert.equal(typeof refused({ ...good, iss: 'https://a', aud: 'calls' }, asked), 'object');
  assert.equal(typeof refused({ ...good, iss: 'https://a', aud: ['mail', 'calls'] }, asked), 'object');
  for (const change of [
    { iss: 'https://b', aud: 'calls' },
    { aud: 'calls' },
    { iss: ['https://a'], aud: 'calls' },
    { iss: 'https://a' },
    { iss: 'https://a', aud: 'mail' },
    { iss: 'https://a', aud: ['mail'] },
    { iss: 'https://a', aud: [['calls']] },
    { iss: 'https://a', aud: 'calls2' },
    { iss: 'https://a', aud: { calls: 1 } },
  ]) {
    assert.equal(refused({ ...good, ...change }, asked), 'TOKEN_CLAIMS', JSON.stringify(change));
  }
});

test('whatever the claims, the outcome is a fault of the table or an identity that is alive now and ends', () => {
  const seconds = fc.oneof(fc.integer({ min: now - 200, max: now + 200 }), fc.double(), fc.jsonValue());
  const claims = fc.record(
    {
      sub: fc.oneof(fc.string(), fc.jsonValue()),
      iat: seconds,
      exp: seconds,
      nbf: seconds,
      jti: fc.jsonValue(),
      snowshed: fc.jsonValue(),
    },
    { requiredKeys: ['sub', 'iat', 'exp'] },
  );
  fc.assert(
    fc.property(claims, (claims) => {
      const identity = identityOfClaims(claims, policy, nowMs);
      if (typeof identity === 'string') assert(isFaultCode(identity));
      else {
        assert(identity.expiresAt > nowMs && identity.issuedAt <= nowMs + policy.skewMs);
        assert(identity.expiresAt <= identity.issuedAt + policy.ageMsMax);
      }
    }),
    { numRuns: 500 },
  );
});
