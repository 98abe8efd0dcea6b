/**
 * Tokens: an issuer of JWTs for tests, made with `node:crypto` alone; good tokens, and every kind of bad one.
 *
 * Two kinds of issuer: a shared secret (HS256, `AUTH_HMAC_SECRET`), and a key pair (ES256) whose public
 * half is served as a JWKS on loopback and can be rotated (`AUTH_JWKS_URL`).
 */

import {
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signWithKey,
} from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The `snowshed` claim, written out again here: the tests do not take it from what they test. */
export interface RightsClaim {
  readonly rooms?: Readonly<Record<string, readonly string[]>>;
  readonly users?: { readonly send?: readonly string[]; readonly watch?: readonly string[] };
}

export interface TokenOptions {
  readonly rights?: RightsClaim | undefined;
  /** From now to the expiry, in seconds; negative: expired. */
  readonly lifeSeconds?: number;
  /** From now to the issue, in seconds. */
  readonly issuedSeconds?: number;
  readonly tokenId?: string;
  readonly issuer?: string;
  readonly audience?: string;
  /** Added to the claims, or, where `undefined`, taken out of them. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export interface Issuer {
  /** The variables that make a gateway trust this issuer. */
  readonly env: Readonly<Record<string, string>>;
  token(user: string, options?: TokenOptions): string;
  close(): Promise<void>;
}

export interface RotatingIssuer extends Issuer {
  /** Signs with a new key from now on; the old one is served as well unless `forget`. */
  rotate(forget?: boolean): void;
  /** How often the key set was fetched. */
  fetches(): number;
  /** While true, the server answers 503. */
  failing(fail: boolean): void;
}

export const everyRight: RightsClaim = {
  rooms: { '*': ['join', 'send', 'watch'] },
  users: { send: ['*'], watch: ['*'] },
};

export const testIssuer = 'https://issuer.test';
export const testAudience = 'snowshed.test';

type Signature = (text: string) => string;

/** The claims of a token that is good unless the options make it bad. */
function claimsOf(user: string, options: TokenOptions): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    sub: user,
    iss: options.issuer ?? testIssuer,
    aud: options.audience ?? testAudience,
    iat: now + (options.issuedSeconds ?? 0),
    exp: now + (options.lifeSeconds ?? 3_600),
    ...(options.tokenId === undefined ? {} : { jti: options.tokenId }),
    snowshed: options.rights ?? everyRight,
    ...options.claims,
  };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function signed(header: object, claims: object, signature: Signature): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${signature(text)}`;
}

function hmac(secret: string): Signature {
  return (text) => createHmac('sha256', secret).update(text).digest('base64url');
}

function ecdsa(key: KeyObject): Signature {
  return (text) =>
    signWithKey('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/** An issuer that shares a secret with the gateways. */
export function createHmacIssuer(secret: string = randomBytes(48).toString('base64url')): Issuer {
  return {
    env: { AUTH_HMAC_SECRET: secret, AUTH_ISSUER: testIssuer, AUTH_AUDIENCE: testAudience },
    token: (user, options = {}) =>
      signed({ alg: 'HS256', typ: 'JWT', ...options.header }, claimsOf(user, options), hmac(secret)),
    close: async () => {},
  };
}

interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}

function newSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomBytes(6).toString('base64url');
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } };
}

/** An issuer with a key pair, and its JWKS server on loopback. */
export async function createJwksIssuer(): Promise<RotatingIssuer> {
  let keys: readonly [SigningKey, ...SigningKey[]] = [newSigningKey()];
  let fetches = 0;
  let fail = false;
  const server = createServer((_, answer) => {
    fetches++;
    answer.writeHead(fail ? 503 : 200, { 'Content-Type': 'application/jwk-set+json' });
    answer.end(JSON.stringify({ keys: keys.map((key) => key.jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks.json`,
      AUTH_ISSUER: testIssuer,
      AUTH_AUDIENCE: testAudience,
    },
    token(user, options = {}) {
      const [{ kid, privateKey }] = keys;
      const header = { alg: 'ES256', typ: 'JWT', kid, ...options.header };
      return signed(header, claimsOf(user, options), ecdsa(privateKey));
    },
    rotate(forget = false) {
      keys = forget ? [newSigningKey()] : [newSigningKey(), ...keys];
    },
    fetches: () => fetches,
    failing(value) {
      fail = value;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A token whose claims were changed after it was signed: the user is another one now. */
export function forged(token: string, user: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')), sub: user };
  return `${header}.${encoded(changed)}.${signature}`;
}

/** The same claims, said to need no signature (RFC 8725 §2.1). */
export function unsigned(token: string): string {
  return `${encoded({ alg: 'none', typ: 'JWT' })}.${token.split('.')[1]}.`;
}

/** The same claims, signed by a key that nobody trusts; `kid` as in the token where it has one. */
export function signedByAnother(token: string): string {
  const [header = '', claims = ''] = token.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { alg: string };
  const text = `${header}.${claims}`;
  const signature =
    alg === 'HS256' ? hmac('nobody trusts this secret, whatever it is')(text) : stranger(text);
  return `${text}.${signature}`;
}

function stranger(text: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return ecdsa(privateKey)(text);
}
