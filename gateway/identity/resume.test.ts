import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSealer } from '#runtime/seal.ts';
import { TOKEN_CHARS_MAX } from '#wire/limits.ts';
import type { Identity } from '../seams.ts';
import { openedResume, RESUME_PURPOSE, sealedResume } from './resume.ts';
import { rightsOfClaim } from './rights.ts';

const nowMs = 1_800_000_000_000;
const secret = 'a secret of more than 32 characters';
const sealer = createSealer([secret], RESUME_PURPOSE);

function identities(): fc.Arbitrary<Identity> {
  const rights = fc.record(
    {
      rooms: fc.dictionary(fc.string(), fc.array(fc.constantFrom('join', 'send', 'watch'))),
      users: fc.record({ send: fc.array(fc.string({ minLength: 1 })) }),
    },
    { requiredKeys: [] },
  );
  return fc.record({
    user: fc.string({ minLength: 1 }),
    rights: rights.map((claim) => rightsOfClaim(claim)!),
    issuedAt: fc.integer({ min: nowMs - 1_000, max: nowMs }),
    expiresAt: fc.integer({ min: nowMs + 1, max: nowMs + 1_000 }),
    tokenId: fc.option(fc.string(), { nil: undefined }),
    resumes: fc.constant(undefined),
  });
}

const ann: Identity = {
  user: 'ann',
  rights: { rooms: { lobby: ['join'] } },
  issuedAt: nowMs - 1,
  expiresAt: nowMs + 60_000,
  tokenId: 'j1',
  resumes: undefined,
};

function sealed(expiresAt = nowMs + 60_000, identity = ann): string {
  return sealedResume(
    sealer,
    { identity, session: 's1', device: 'phone', inCallUntil: undefined },
    expiresAt,
    nowMs,
  );
}

test('a resume token brings back the identity and the session, and nothing else', () => {
  fc.assert(
    fc.property(identities(), fc.constantFrom(nowMs + 1, undefined), (identity, inCallUntil) => {
      const subject = { identity, session: 's1', device: 'phone', inCallUntil };
      const token = sealedResume(sealer, subject, identity.expiresAt, nowMs);
      const resumes = { session: 's1', device: 'phone', inCallUntil };
      const back = openedResume(sealer, token, nowMs);
      const rights = JSON.parse(JSON.stringify(identity.rights));
      assert.deepEqual(back, { ...identity, rights, resumes });
    }),
  );
});

test('[CALL-7] of one session in one call no two tokens are the same, however little happened meanwhile', () => {
  const inCall = { identity: ann, session: 's1', device: 'phone', inCallUntil: nowMs + 30_000 };
  const tokens = [0, 1, 2].map((ms) => sealedResume(sealer, inCall, nowMs + 60_000, nowMs + ms));
  assert.equal(new Set(tokens).size, 3);
});

test('any tampering is refused', () => {
  const token = sealed();
  fc.assert(
    fc.property(
      fc.nat({ max: token.length }),
      fc.nat({ max: 8 }),
      fc.string({ maxLength: 8 }),
      (at, cut, inserted) => {
        const changed = token.slice(0, at) + inserted + token.slice(at + cut);
        fc.pre(changed !== token);
        assert.equal(openedResume(sealer, changed, nowMs), 'RESUME_INVALID');
      },
    ),
    { numRuns: 500 },
  );
});

test('a payload put under the seal of another token is refused', () => {
  const [payload] = sealed(nowMs + 60_000, { ...ann, user: 'root' }).split('.');
  const [, mac] = sealed().split('.');
  assert.equal(openedResume(sealer, `${payload}.${mac}`, nowMs), 'RESUME_INVALID');
});

test('a seal for another purpose, or over something else, is no resume token', () => {
  const other = createSealer([secret], 'poll');
  const token = sealedResume(
    other,
    { identity: ann, session: 's', device: 'd', inCallUntil: undefined },
    nowMs + 1,
    nowMs,
  );
  assert.equal(openedResume(sealer, token, nowMs), 'RESUME_INVALID');
  assert.equal(openedResume(sealer, sealer.seal({ user: 'ann' }), nowMs), 'RESUME_INVALID');
  assert.equal(openedResume(sealer, sealer.seal([]), nowMs), 'RESUME_INVALID');
});

test('a resume token ends at its own time, and with its identity at the latest', () => {
  assert.equal(typeof openedResume(sealer, sealed(nowMs + 1), nowMs), 'object');
  assert.equal(openedResume(sealer, sealed(nowMs), nowMs), 'RESUME_EXPIRED');
  assert.equal(openedResume(sealer, sealed(nowMs + 90_000), nowMs + 60_000), 'RESUME_EXPIRED');
});

test('the longest resume token fits the bound of all tokens', () => {
  const rooms: Record<string, string[]> = {};
  const name = (n: number) => `${'"'.repeat(100)}${n}`;
  for (let n = 0; rightsOfClaim({ rooms: { ...rooms, [name(n)]: ['join'] } }) !== undefined; n++)
    rooms[name(n)] = ['join'];
  const longest: Identity = {
    ...ann,
    user: '"'.repeat(128),
    tokenId: '"'.repeat(256),
    rights: rightsOfClaim({ rooms })!,
  };
  const subject = {
    identity: longest,
    session: 's'.repeat(22),
    device: '"'.repeat(128),
    inCallUntil: Number.MAX_SAFE_INTEGER,
  };
  const token = sealedResume(sealer, subject, longest.expiresAt, nowMs);
  assert(token.length > 6_000 && token.length <= TOKEN_CHARS_MAX, `${token.length} characters`);
});
