/**
 * Keys: what the issuer's tokens are checked with; each is for one algorithm, whatever a token says.
 *
 * Out of a JWK set (RFC 7517), a PEM file or a shared secret. What cannot be used here (for encryption, of
 * another algorithm, RSA under 2,048 bits, secrets in what is published) is left out of a set.
 */

import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';

export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256';

export interface VerificationKey {
  /** A key without an id fits every token. */
  readonly kid: string | undefined;
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
}

/** More than a set of keys ever has. */
const KEYS_MAX = 100;
const RSA_BITS_MIN = 2_048;

interface Jwk {
  readonly kid?: unknown;
  readonly kty?: unknown;
  readonly crv?: unknown;
  readonly alg?: unknown;
  readonly use?: unknown;
  readonly key_ops?: unknown;
  readonly d?: unknown;
}

/**
 * The usable keys of a JWK set, or the key of a JWK.
 *
 * @throws Error if the value is neither; it names no part of the value.
 */
export function keysOfJwks(value: unknown): readonly VerificationKey[] {
  if (typeof value !== 'object' || value === null) throw new Error('not a JWK set');
  const set = 'keys' in value ? value.keys : [value];
  if (!Array.isArray(set) || set.length > KEYS_MAX) throw new Error('not a JWK set');
  return set.map(keyOfJwk).filter((key) => key !== undefined);
}

/**
 * The keys in a file: PEM blocks, a JWK or a JWK set.
 *
 * @throws Error if there is none, or if there is a private key, which has no business at a gateway.
 */
export function keysOfFile(text: string): readonly VerificationKey[] {
  if (/PRIVATE KEY-----/.test(text)) throw new Error('the file holds a private key');
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g);
  const keys = blocks === null ? keysOfJwks(JSON.parse(text)) : blocks.map(keyOfPem);
  if (keys.length === 0) throw new Error('the file holds no key for ES256, EdDSA or RS256');
  return keys;
}

export function keyOfSecret(secret: string): VerificationKey {
  return { kid: undefined, algorithm: 'HS256', key: createSecretKey(secret, 'utf8') };
}

function keyOfJwk(jwk: Jwk | null): VerificationKey | undefined {
  if (typeof jwk !== 'object' || jwk === null || !isForSignatures(jwk) || jwk.d !== undefined)
    return undefined;
  if (jwk.kid !== undefined && typeof jwk.kid !== 'string') return undefined;
  if (jwk.kty !== 'EC' && jwk.kty !== 'OKP' && jwk.kty !== 'RSA') return undefined;
  const key = publicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  const algorithm = key && algorithmOf(key);
  if (key === undefined || algorithm === undefined || !saysSo(jwk.alg, algorithm)) return undefined;
  return { kid: jwk.kid, algorithm, key };
}

function keyOfPem(pem: string): VerificationKey {
  const key = publicKey(pem);
  const algorithm = key && algorithmOf(key);
  if (key === undefined || algorithm === undefined) {
    throw new Error(
      'a key of the file is not for ES256 (P-256), EdDSA (Ed25519) or RS256 (2,048 bits or more)',
    );
  }
  return { kid: undefined, algorithm, key };
}

function publicKey(from: Parameters<typeof createPublicKey>[0]): KeyObject | undefined {
  try {
    return createPublicKey(from);
  } catch {
    return undefined;
  }
}

function isForSignatures({ use, key_ops: operations }: Jwk): boolean {
  if (use !== undefined && use !== 'sig') return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

/** The one algorithm of ours that a key is for. */
function algorithmOf(key: KeyObject): Algorithm | undefined {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec') return details?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
  if (key.asymmetricKeyType !== 'rsa') return undefined;
  return (details?.modulusLength ?? 0) >= RSA_BITS_MIN ? 'RS256' : undefined;
}

/** Whether what a JWK says of its own algorithm agrees; RFC 9864 names EdDSA by its curve. */
function saysSo(alg: unknown, algorithm: Algorithm): boolean {
  return alg === undefined || alg === algorithm || (alg === 'Ed25519' && algorithm === 'EdDSA');
}
