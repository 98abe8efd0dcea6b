/**
 * JWTs: texts that claim to be tokens of the issuer, and claims that the issuer did sign.
 *
 * No text is believed but those that were signed, to the letter: one token has one spelling. Signed claims of any
 * shape are an identity of the right types, or a fault of the table.
 */

import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { type ClaimsPolicy, identityOfClaims } from '#gateway/identity/claims.ts';
import { parsedJwt, verifiedClaims } from '#gateway/identity/jwt.ts';
import { keyOfSecret, keysOfJwks, type VerificationKey } from '#gateway/identity/keys.ts';
import { isName } from '#wire/channels.ts';
import { isFaultCode } from '#wire/faults.ts';
import { TOKEN_CHARS_MAX } from '#wire/limits.ts';
import type { Target } from '../target.ts';
import { assertIdentity, nowMs } from './resume.ts';

const secret = 'a secret that only these tests know';

/** Ed25519 signs the same text the same way, so the corpus can hold its tokens: PKCS #8 around 32 bytes. */
const edKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});

/** Of RFC 7515, appendix A.3, with its token. */
const rfcKey = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
const rfcToken =
  'eyJhbGciOiJFUzI1NiJ9.' +
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.' +
  'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';

const keys: readonly VerificationKey[] = [
  keyOfSecret(secret),
  { algorithm: 'EdDSA', key: createPublicKey(edKey), kid: undefined },
  ...keysOfJwks({ keys: [rfcKey] }),
];

const policy: ClaimsPolicy = {
  issuer: 'https://issuer.example.org',
  audience: 'snowshed',
  skewMs: 0,
  ageMsMax: 86_400_000,
};
const claims = {
  sub: 'bob',
  iss: policy.issuer,
  aud: policy.audience,
  iat: nowMs / 1000 - 1,
  exp: nowMs / 1000 + 900,
};

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function withHmac(text: string): string {
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function withEd25519(text: string): string {
  return `${text}.${sign(null, Buffer.from(text), edKey).toString('base64url')}`;
}

/** Everything that anybody ever signed; the corpus begins with them. */
export const signedTokens: readonly string[] = [
  withHmac(`${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`),
  withEd25519(`${encoded({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encoded(claims)}`),
  rfcToken,
];

export function jwtTarget(): Target {
  return {
    name: 'jwt',
    judge(input) {
      const text = input.toString('latin1');
      const jwt = parsedJwt(text);
      if (typeof jwt === 'string') {
        assert(isFaultCode(jwt));
        return jwt;
      }
      assert(text.length <= TOKEN_CHARS_MAX);
      assert(['ES256', 'EdDSA', 'RS256', 'HS256'].includes(jwt.algorithm));
      assert.equal(`${jwt.signed}.${jwt.signature}`, text);
      const said = verifiedClaims(jwt, keys);
      if (typeof said === 'string') {
        assert(isFaultCode(said));
        return `${jwt.algorithm} ${said} ${jwt.kid === undefined}`;
      }
      assert(signedTokens.includes(text), 'believed a token that was never signed');
      return `${jwt.algorithm} believed`;
    },
  };
}

export function claimsTarget(): Target {
  return {
    name: 'claims',
    judge(input) {
      const text = withHmac(`${encoded({ alg: 'HS256' })}.${input.toString('base64url')}`);
      const jwt = parsedJwt(text);
      if (typeof jwt === 'string') {
        assert.equal(jwt, 'TOKEN_MALFORMED');
        assert(text.length > TOKEN_CHARS_MAX || input.length === 0, 'refused by its claims before any key');
        return jwt;
      }
      const said = verifiedClaims(jwt, keys);
      if (typeof said === 'string') {
        assert.equal(said, 'TOKEN_MALFORMED');
        return `signed ${said}`;
      }
      const who = identityOfClaims(said, policy, nowMs);
      if (typeof who === 'string') {
        assert(['TOKEN_CLAIMS', 'TOKEN_EXPIRED', 'TOKEN_NOT_YET_VALID'].includes(who));
        return who;
      }
      assertIdentity(who);
      assert(isName(who.user), 'a user whose name is none');
      assert(who.issuedAt <= nowMs && who.expiresAt <= nowMs + policy.ageMsMax, 'lives too long');
      return `identity ${Object.keys(who.rights).join(' ')}`;
    },
  };
}
