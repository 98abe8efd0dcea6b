import assert from 'node:assert/strict';
import { createHmac, createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { createHmacIssuer, createJwksIssuer, forged, signedByAnother, unsigned } from './tokens.ts';

function partsOf(token: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header = '', claims = ''] = token.split('.');
  return { header: decoded(header), claims: decoded(claims) };
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
}

function hmacFits(token: string, secret: string): boolean {
  const [header, claims, signature] = token.split('.');
  return createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url') === signature;
}

test('an HS256 token fits its secret, and none of the bad ones does', () => {
  const issuer = createHmacIssuer('a secret of the tests');
  const token = issuer.token('ann');
  assert.equal(partsOf(token).claims['sub'], 'ann');
  assert(hmacFits(token, 'a secret of the tests'));
  for (const bad of [forged(token, 'eve'), unsigned(token), signedByAnother(token)]) {
    assert(!hmacFits(bad, 'a secret of the tests'));
  }
  assert.equal(partsOf(forged(token, 'eve')).claims['sub'], 'eve');
  assert.equal(partsOf(unsigned(token)).header['alg'], 'none');
  assert((partsOf(issuer.token('ann', { lifeSeconds: -5 })).claims['exp'] as number) * 1000 < Date.now());
});

test('an ES256 token fits the key of its kid in the key set, also after a rotation', async (t) => {
  const issuer = await createJwksIssuer();
  t.after(() => issuer.close());
  const old = issuer.token('ann');
  issuer.rotate();
  for (const token of [old, issuer.token('ann')])
    assert(await fitsKeySet(token, issuer.env['AUTH_JWKS_URL']!));
  assert(!(await fitsKeySet(signedByAnother(old), issuer.env['AUTH_JWKS_URL']!)));
  issuer.rotate(true);
  assert(!(await fitsKeySet(old, issuer.env['AUTH_JWKS_URL']!)), 'the old key is forgotten');
  assert.equal(issuer.fetches(), 4);
  issuer.failing(true);
  assert.equal((await fetch(issuer.env['AUTH_JWKS_URL']!)).status, 503);
});

async function fitsKeySet(token: string, url: string): Promise<boolean> {
  const { keys } = (await (await fetch(url)).json()) as { keys: { kid: string }[] };
  const jwk = keys.find((key) => key.kid === partsOf(token).header['kid']);
  if (jwk === undefined) return false;
  const [header, claims, signature = ''] = token.split('.');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const text = Buffer.from(`${header}.${claims}`);
  return verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
}
