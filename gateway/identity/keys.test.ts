import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyOfSecret, keysOfFile, keysOfJwks } from './keys.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const x25519 = generateKeyPairSync('x25519');

function jwk(key: KeyObject, more: object = {}): object {
  return { ...key.export({ format: 'jwk' }), ...more };
}

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

test('a key is for the one algorithm of its kind, whether the set says so or not', () => {
  const set = {
    keys: [
      jwk(ec.publicKey, { kid: 'a', alg: 'ES256', use: 'sig' }),
      jwk(ed.publicKey, { kid: 'b' }),
      jwk(ed.publicKey, { kid: 'b2', alg: 'Ed25519' }),
      jwk(rsa.publicKey, { key_ops: ['verify'] }),
    ],
  };
  assert.deepEqual(
    keysOfJwks(set).map(({ kid, algorithm }) => [kid, algorithm]),
    [
      ['a', 'ES256'],
      ['b', 'EdDSA'],
      ['b2', 'EdDSA'],
      [undefined, 'RS256'],
    ],
  );
});

test('what is not for checking these signatures is left out of a set', () => {
  const unusable = [
    jwk(ec.publicKey, { use: 'enc' }),
    jwk(ec.publicKey, { key_ops: ['encrypt'] }),
    jwk(ec.publicKey, { key_ops: 'verify' }),
    jwk(ec.publicKey, { alg: 'ES384' }),
    jwk(ec.publicKey, { alg: 'HS256' }),
    jwk(ec.publicKey, { kid: 7 }),
    jwk(rsa.publicKey, { alg: 'PS256' }),
    jwk(rsa.publicKey, { alg: 'RS512' }),
    jwk(weakRsa.publicKey),
    jwk(p384.publicKey),
    jwk(x25519.publicKey),
    jwk(ec.privateKey),
    { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url'), alg: 'HS256' },
    { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
    { ...jwk(ec.publicKey), x: Buffer.alloc(32, 1).toString('base64url') },
    {},
    null,
    'key',
    [],
  ];
  for (const key of unusable) {
    assert.deepEqual(keysOfJwks({ keys: [key, jwk(ed.publicKey)] }).length, 1, JSON.stringify(key));
  }
});

test('what is no set is an error, whatever it is', () => {
  for (const value of [
    null,
    undefined,
    7,
    'keys',
    { keys: 7 },
    { keys: {} },
    { keys: Array(101).fill({}) },
  ]) {
    assert.throws(() => keysOfJwks(value), { message: 'not a JWK set' });
  }
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        assert.deepEqual(keysOfJwks(value), []);
      } catch (error) {
        assert.equal((error as Error).message, 'not a JWK set');
      }
    }),
  );
});

test('a file holds PEM blocks, a JWK or a JWK set', () => {
  const both = keysOfFile(`# the issuer\n${pem(ec.publicKey)}\n${pem(rsa.publicKey)}`);
  assert.deepEqual(
    both.map(({ kid, algorithm }) => [kid, algorithm]),
    [
      [undefined, 'ES256'],
      [undefined, 'RS256'],
    ],
  );
  assert.equal(keysOfFile(JSON.stringify(jwk(ed.publicKey)))[0]?.algorithm, 'EdDSA');
  assert.equal(keysOfFile(JSON.stringify({ keys: [jwk(ed.publicKey, { kid: 'x' })] }))[0]?.kid, 'x');
});

test('a file with a private key, or with none that can be used, is an error', () => {
  const privatePem = ec.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  assert.throws(() => keysOfFile(privatePem), { message: 'the file holds a private key' });
  assert.throws(() => keysOfFile(JSON.stringify(jwk(ec.privateKey))), /holds no key/);
  assert.throws(() => keysOfFile(pem(p384.publicKey)), /not for ES256/);
  assert.throws(() => keysOfFile(pem(weakRsa.publicKey)), /not for ES256/);
  assert.throws(() => keysOfFile('{"keys": []}'), /holds no key/);
  assert.throws(() => keysOfFile('neither'), SyntaxError);
});

test('a shared secret is for HS256', () => {
  const { algorithm, kid } = keyOfSecret('a secret that is long enough for HMAC');
  assert.deepEqual([algorithm, kid], ['HS256', undefined]);
});
