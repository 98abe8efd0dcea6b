/**
 * Asks what a gateway pays to know a client: a JWT of each algorithm, checked here and by `jose`, and a
 * resume token. Budgets: ES256 under 100 µs and under what `jose` takes; a resume token, which is what an
 * avalanche brings, under 10 µs.
 */

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { bench, do_not_optimize, summary } from 'mitata';
import { createSealer } from '#runtime/seal.ts';
import type { Identity } from '../seams.ts';
import { identityOfClaims } from './claims.ts';
import { parsedJwt, verifiedClaims } from './jwt.ts';
import { keyOfSecret, keysOfFile, type VerificationKey } from './keys.ts';
import { openedResume, RESUME_PURPOSE, sealedResume } from './resume.ts';

const nowMs = 1_800_000_000_000;
const policy = { issuer: undefined, audience: undefined, skewMs: 5_000, ageMsMax: 86_400_000 };
const secret = 'a secret of more than 32 characters';

function identityOf(token: string, keys: readonly VerificationKey[]): Identity {
  const jwt = parsedJwt(token);
  const claims = typeof jwt === 'string' ? jwt : verifiedClaims(jwt, keys);
  const identity = typeof claims === 'string' ? claims : identityOfClaims(claims, policy, nowMs);
  if (typeof identity === 'string') throw new Error(identity);
  return identity;
}

async function compare(
  alg: string,
  signWith: KeyObject,
  checkWith: KeyObject,
  key: VerificationKey,
): Promise<void> {
  const token = await new SignJWT({
    sub: 'ann',
    jti: 'j1',
    snowshed: { rooms: { 'team-*': ['join', 'send'] } },
  })
    .setProtectedHeader({ alg, kid: 'k1' })
    .setIssuedAt(nowMs / 1000)
    .setExpirationTime(nowMs / 1000 + 3_600)
    .sign(signWith);
  const currentDate = new Date(nowMs);
  summary(() => {
    bench(`${alg}, to an identity`, () => do_not_optimize(identityOf(token, [key])));
    bench(`${alg}, jose to claims`, async () =>
      do_not_optimize(await jwtVerify(token, checkWith, { currentDate })),
    );
  });
}

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
for (const [alg, { publicKey, privateKey }] of Object.entries(pairs)) {
  const [key] = keysOfFile(publicKey.export({ format: 'pem', type: 'spki' }).toString());
  await compare(alg, privateKey, publicKey, key!);
}
const shared = keyOfSecret(secret);
await compare('HS256', shared.key, shared.key, shared);

const sealer = createSealer([secret], RESUME_PURPOSE);
const identity: Identity = {
  user: 'ann',
  rights: { rooms: { 'team-*': ['join', 'send'] } },
  issuedAt: nowMs,
  expiresAt: nowMs + 3_600_000,
  tokenId: 'j1',
  resumes: undefined,
};
const subject = { identity, session: 'k3Jq0vXcT2mWn8sYb1LdZw', device: 'phone', inCallUntil: undefined };
const resume = sealedResume(sealer, subject, nowMs + 3_600_000, nowMs);
bench('resume token, sealed', () => do_not_optimize(sealedResume(sealer, subject, nowMs + 3_600_000, nowMs)));
bench('resume token, opened', () => do_not_optimize(openedResume(sealer, resume, nowMs)));
