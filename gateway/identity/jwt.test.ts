import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { isFaultCode } from '#wire/faults.ts';
import { TOKEN_CHARS_MAX } from '#wire/limits.ts';
import { type Jwt, KEYS_TRIED_MAX, parsedJwt, verifiedClaims } from './jwt.ts';
import { type Algorithm, keyOfSecret, keysOfFile, type VerificationKey } from './keys.ts';

const secret = 'a secret of more than 32 characters, shared with the issuer';
const claims = { sub: 'ann', n: 1 };

interface Signer {
  readonly algorithm: Algorithm;
  readonly signWith: KeyObject | Uint8Array;
  readonly key: VerificationKey;
}

const signers: readonly Signer[] = [
  pair('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  pair('EdDSA', generateKeyPairSync('ed25519')),
  pair('RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
  { algorithm: 'HS256', signWith: Buffer.from(secret), key: keyOfSecret(secret) },
];

function pair(
  algorithm: Algorithm,
  { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject },
) {
  const [key] = keysOfFile(publicKey.export({ format: 'pem', type: 'spki' }).toString());
  return { algorithm, signWith: privateKey, key: key! };
}

/** A token that another implementation has signed. */
function signed({ algorithm, signWith }: Signer, header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, ...header }).sign(signWith);
}

function outcome(token: string, keys: readonly VerificationKey[]): unknown {
  const jwt = parsedJwt(token);
  return typeof jwt === 'string' ? jwt : verifiedClaims(jwt, keys);
}

function encoded(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A token under the shared secret with any header, and any bytes for claims. */
function hmacToken(header: unknown, payload: string = encoded(claims)): string {
  const input = `${encoded(header)}.${payload}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

for (const signer of signers) {
  test(`${signer.algorithm}: what another implementation signed is accepted, and with its own key alone`, async () => {
    const token = await signed(signer, { kid: 'k', typ: 'JWT' });
    assert.deepEqual(outcome(token, [signer.key]), claims);
    assert.equal((parsedJwt(token) as Jwt).kid, 'k');
    for (const other of signers) {
      if (other !== signer) assert.equal(outcome(token, [other.key]), 'TOKEN_ALGORITHM');
    }
    assert.deepEqual(
      outcome(
        token,
        signers.map(({ key }) => key),
      ),
      claims,
    );
    assert.equal(outcome(token, []), 'TOKEN_KEY_UNKNOWN');
  });

  test(`${signer.algorithm}: one changed character anywhere is refused`, async () => {
    const token = await signed(signer);
    const characters = [...'ABab01-_.=+/ é'];
    for (let at = 0; at < token.length; at++) {
      const character = characters[at % characters.length]!;
      if (token[at] === character) continue;
      const fault = outcome(token.slice(0, at) + character + token.slice(at + 1), [signer.key]);
      assert(typeof fault === 'string' && fault.startsWith('TOKEN_'), `${character} at ${at}: ${fault}`);
    }
    assert.equal(outcome(token.slice(0, -1), [signer.key]), 'TOKEN_SIGNATURE');
    assert.equal(outcome(`${token}A`, [signer.key]), 'TOKEN_SIGNATURE');
  });

  test(`${signer.algorithm}: a signature of another length or of chance is refused`, async () => {
    const [head, body] = (await signed(signer)).split('.');
    for (const bytes of [0, 1, 31, 32, 63, 64, 65, 72, 255, 256, 257, 1024]) {
      const token = `${head}.${body}.${randomBytes(bytes).toString('base64url')}`;
      assert.equal(outcome(token, [signer.key]), 'TOKEN_SIGNATURE', `${bytes} bytes`);
    }
    const zeros = `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`;
    assert.equal(outcome(zeros, [signer.key]), 'TOKEN_SIGNATURE');
  });
}

test('a token is tried on a few keys of its algorithm, whatever other keys there are', async () => {
  const [es, , rs] = signers as [Signer, Signer, Signer];
  const others = Array.from({ length: KEYS_TRIED_MAX }, () =>
    pair('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  );
  const token = await signed(es);
  const few = [rs.key, ...others.slice(1).map(({ key }) => key), es.key];
  assert.deepEqual(outcome(token, few), claims);
  assert.equal(outcome(token, [...others.map(({ key }) => key), es.key]), 'TOKEN_SIGNATURE');
});

test('the curve may name EdDSA (RFC 9864)', async () => {
  const ed = signers[1]!;
  const token = await new SignJWT(claims).setProtectedHeader({ alg: 'Ed25519' }).sign(ed.signWith);
  assert.deepEqual(outcome(token, [ed.key]), claims);
});

test('an ECDSA signature in DER is refused: JOSE has one form', async () => {
  const { sign } = await import('node:crypto');
  const es = signers[0]!;
  const input = `${encoded({ alg: 'ES256' })}.${encoded(claims)}`;
  const der = sign('sha256', Buffer.from(input), es.signWith as KeyObject).toString('base64url');
  assert.equal(outcome(`${input}.${der}`, [es.key]), 'TOKEN_SIGNATURE');
});

test('a public key does not serve as the secret of HS256', () => {
  for (const { key } of signers.slice(0, 3)) {
    const input = `${encoded({ alg: 'HS256' })}.${encoded(claims)}`;
    for (const format of ['pem', 'der'] as const) {
      const published = key.key.export({ format, type: 'spki' } as never) as unknown as string | Buffer;
      const mac = createHmac('sha256', published).update(input).digest('base64url');
      assert.equal(outcome(`${input}.${mac}`, [key]), 'TOKEN_ALGORITHM');
    }
  }
});

test('other algorithms are refused, none before all', () => {
  const others = [
    'none',
    'None',
    'NONE',
    '',
    'ES384',
    'ES512',
    'PS256',
    'RS512',
    'HS512',
    'es256',
    'toString',
    '__proto__',
  ];
  for (const alg of others) {
    for (const signature of ['', 'AAAA']) {
      const token = `${encoded({ alg })}.${encoded(claims)}.${signature}`;
      assert.equal(
        outcome(
          token,
          signers.map(({ key }) => key),
        ),
        'TOKEN_ALGORITHM',
        alg,
      );
    }
  }
});

test('keys and their addresses in the header, and critical extensions, are refused although the signature fits', () => {
  const [key] = [keyOfSecret(secret)];
  assert.deepEqual(outcome(hmacToken({ alg: 'HS256', extra: 1 }), [key]), claims);
  for (const more of [
    { crit: ['exp'] },
    { crit: [] },
    { b64: false },
    { jwk: {} },
    { jku: 'https://x' },
    { x5u: '' },
    { x5c: [] },
  ]) {
    assert.equal(
      outcome(hmacToken({ alg: 'HS256', ...more }), [key]),
      'TOKEN_MALFORMED',
      JSON.stringify(more),
    );
  }
});

test('a token of another type is refused', () => {
  const key = keyOfSecret(secret);
  for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt']) {
    assert.deepEqual(outcome(hmacToken({ alg: 'HS256', typ }), [key]), claims);
  }
  for (const typ of ['dpop+jwt', 'logout+jwt', '', 7, null]) {
    assert.equal(outcome(hmacToken({ alg: 'HS256', typ }), [key]), 'TOKEN_MALFORMED');
  }
});

test('a header or claims that are no JSON object in UTF-8 are malformed', () => {
  const key = keyOfSecret(secret);
  for (const header of [
    '',
    'x',
    '[]',
    'null',
    '7',
    '{"alg":"HS256"',
    '{"alg":7}',
    '{}',
    '{"alg":"HS256","kid":7}',
  ]) {
    assert.equal(outcome(hmacToken(header), [key]), 'TOKEN_MALFORMED', header);
  }
  for (const payload of ['x', '[]', 'null', '7', '"a"']) {
    assert.equal(outcome(hmacToken({ alg: 'HS256' }, encoded(payload)), [key]), 'TOKEN_MALFORMED', payload);
  }
  const invalidUtf8 = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url');
  assert.equal(outcome(hmacToken({ alg: 'HS256' }, invalidUtf8), [key]), 'TOKEN_MALFORMED');
});

test('what does not look like a token is malformed', () => {
  const token = hmacToken({ alg: 'HS256' });
  const others = [
    '',
    '.',
    '..',
    'a.b',
    'a.b.c.d',
    ` ${token}`,
    `${token}\n`,
    `${token}.`,
    token.replace('.', '..'),
  ];
  for (const text of [...others, `Bearer ${token}`, `${token}==`])
    assert.equal(parsedJwt(text), 'TOKEN_MALFORMED', text);
  assert.equal(parsedJwt(`${'A'.repeat(TOKEN_CHARS_MAX)}.A.A`), 'TOKEN_MALFORMED');
});

test('any text and any header end in a fault of the table, never in an exception', () => {
  const keys = signers.map(({ key }) => key);
  const headers = fc.record(
    {
      alg: fc.oneof(fc.constantFrom('ES256', 'EdDSA', 'RS256', 'HS256', 'none'), fc.jsonValue()),
      kid: fc.oneof(fc.string(), fc.jsonValue()),
      typ: fc.oneof(fc.constant('JWT'), fc.jsonValue()),
      crit: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(headers, fc.jsonValue(), fc.base64String(), (header, payload, signature) => {
      const token = `${encoded(header)}.${encoded(payload)}.${signature.replace(/[+/=]/g, '-')}`;
      const fault = outcome(token, keys);
      assert(typeof fault === 'string' && isFaultCode(fault), `${fault}`);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => assert(isFaultCode(String(outcome(text, keys))))));
});
