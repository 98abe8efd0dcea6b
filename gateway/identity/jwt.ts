/**
 * JWT: a token taken apart, and its signature checked with a key that is for one algorithm only.
 *
 * What RFC 8725 warns of is refused before any key is looked for: no signature, another algorithm than the
 * four of ours, keys or their addresses in the header, and critical extensions, of which we know none.
 * The claims are read only after the signature fits.
 *
 * With `node:crypto` alone, which is cheaper than a library and needs no promise (docs/adr/0009).
 */

import { createHmac, timingSafeEqual, verify } from 'node:crypto';
import type { FaultCode } from '#wire/faults.ts';
import { TOKEN_CHARS_MAX } from '#wire/limits.ts';
import { derOfJose } from './ecdsa.ts';
import type { Algorithm, VerificationKey } from './keys.ts';

export interface Jwt {
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
  /** What was signed: header and claims as they stand in the token. */
  readonly signed: string;
  readonly claims: string;
  readonly signature: string;
}

type Claims = Readonly<Record<string, unknown>>;

/** A token that names no key is tried on so many, so that it costs no more than some signatures. */
export const KEYS_TRIED_MAX = 4;

const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)$/;
const refusedHeaders = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c'];
const algorithms: Readonly<Record<string, Algorithm>> = {
  __proto__: null as never,
  ES256: 'ES256',
  EdDSA: 'EdDSA',
  Ed25519: 'EdDSA',
  RS256: 'RS256',
  HS256: 'HS256',
};
const types = ['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];

/** The parts of a token, or why it is refused without a look at any key. */
export function parsedJwt(token: string): Jwt | FaultCode {
  const parts = token.length <= TOKEN_CHARS_MAX ? compact.exec(token) : null;
  if (parts === null) return 'TOKEN_MALFORMED';
  const [, head = '', claims = '', signature = ''] = parts;
  const header = jsonObject(head);
  if (header === undefined || refusedHeaders.some((name) => name in header)) return 'TOKEN_MALFORMED';
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) return 'TOKEN_MALFORMED';
  if (typ !== undefined && !(typeof typ === 'string' && types.includes(typ.toLowerCase()))) {
    return 'TOKEN_MALFORMED';
  }
  const algorithm = algorithms[alg];
  if (algorithm === undefined) return 'TOKEN_ALGORITHM';
  return { algorithm, kid, signed: `${head}.${claims}`, claims, signature };
}

/** The claims of a token whose signature fits one of the keys, or why there are none. */
export function verifiedClaims(jwt: Jwt, keys: readonly VerificationKey[]): Claims | FaultCode {
  if (keys.length === 0) return 'TOKEN_KEY_UNKNOWN';
  const fitting = keys.filter((key) => key.algorithm === jwt.algorithm);
  if (fitting.length === 0) return 'TOKEN_ALGORITHM';
  const signature = Buffer.from(jwt.signature, 'base64url');
  // One token has one spelling: base64url leaves bits of the last character unused.
  if (signature.toString('base64url') !== jwt.signature) return 'TOKEN_SIGNATURE';
  const signed = Buffer.from(jwt.signed, 'latin1');
  if (!fitting.slice(0, KEYS_TRIED_MAX).some((key) => signatureFits(key, signed, signature)))
    return 'TOKEN_SIGNATURE';
  return jsonObject(jwt.claims) ?? 'TOKEN_MALFORMED';
}

function signatureFits({ algorithm, key }: VerificationKey, signed: Buffer, signature: Buffer): boolean {
  switch (algorithm) {
    case 'ES256': {
      const der = derOfJose(signature);
      return der !== undefined && verify('sha256', signed, key, der);
    }
    case 'EdDSA':
      return verify(null, signed, key, signature);
    case 'RS256':
      return verify('sha256', signed, key, signature);
    case 'HS256': {
      const expected = createHmac('sha256', key).update(signed).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonObject(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch {
    return undefined;
  }
}
