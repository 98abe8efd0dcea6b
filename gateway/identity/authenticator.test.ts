import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import Type from 'typebox';
import { createVirtualClock, type VirtualClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import type { Identity } from '../seams.ts';
import { createAuthenticator } from './authenticator.ts';
import { identityChecks, identityProperties } from './config.ts';

const SNOWSHED_SECRET = 'seals the resume tokens of these tests';
const AUTH_HMAC_SECRET = 'shared with the issuer of these tests';
const COOLDOWN_MS = 10_000;
const FETCH_MS_MAX = 5_000;
const Config = Type.Object(identityProperties);

function authenticatorWith(env: Record<string, string>, clock: VirtualClock) {
  const config = readConfig(Config, { SNOWSHED_SECRET, ...env }, identityChecks);
  const authenticator = createAuthenticator({ config, clock, log: createLogger('test', 'silent') });
  return {
    ...authenticator,
    /** The user, or the fault. */
    async outcome(token: string): Promise<string> {
      const identity = await authenticator.authenticate({ scheme: 'jwt', token });
      return typeof identity === 'string' ? identity : identity.user;
    },
  };
}

interface Signer {
  readonly kid: string;
  readonly publicKey: KeyObject;
  token(clock: VirtualClock, header?: object): Promise<string>;
}

function signer(kid: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const token = (clock: VirtualClock, header = { kid }) =>
    new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .setIssuedAt(clock.nowMs() / 1000)
      .setExpirationTime(clock.nowMs() / 1000 + 3_600)
      .sign(privateKey);
  return { kid, publicKey, token };
}

function jwks(...signers: readonly Signer[]): string {
  return JSON.stringify({
    keys: signers.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid })),
  });
}

/** An issuer's JWKS server on loopback, whose answer the test gives. */
async function jwksServer(answer: (response: ServerResponse) => void) {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  async function close(): Promise<void> {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
  return { env: { AUTH_JWKS_URL: url }, requests: () => requests, close, [Symbol.asyncDispose]: close };
}

test('keys come from the JWKS server, once for all who wait, and a rotated key is found', async () => {
  const clock = createVirtualClock();
  const [old, young] = [signer('old'), signer('young')];
  let body = jwks(old);
  await using server = await jwksServer((response) => response.end(body));
  const authenticator = authenticatorWith(server.env, clock);
  const token = await old.token(clock);
  const waiting = Array.from({ length: 50 }, () => authenticator.outcome(token));
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['ann']));
  assert.equal(server.requests(), 1);
  assert(
    !(authenticator.authenticate({ scheme: 'jwt', token }) instanceof Promise),
    'a known key needs no wait',
  );

  body = jwks(old, young);
  assert.equal(
    await authenticator.outcome(await young.token(clock)),
    'TOKEN_KEY_UNKNOWN',
    'read a moment ago',
  );
  await clock.advance(COOLDOWN_MS);
  assert.equal(await authenticator.outcome(await young.token(clock)), 'ann');
  assert.equal(server.requests(), 2);
});

test('a rotated key is found although neither keys nor tokens have ids, and a wrong signature costs one request in a while', async () => {
  const clock = createVirtualClock();
  const [old, young, stranger] = [signer('old'), signer('young'), signer('stranger')];
  const withoutIds = (one: Signer) => JSON.stringify(one.publicKey.export({ format: 'jwk' }));
  let body = withoutIds(old);
  await using server = await jwksServer((response) => response.end(body));
  const authenticator = authenticatorWith(server.env, clock);
  assert.equal(await authenticator.outcome(await old.token(clock, {})), 'ann');
  body = withoutIds(young);
  await clock.advance(COOLDOWN_MS);
  for (const header of [{}, { kid: 'named in the token alone' }])
    assert.equal(await authenticator.outcome(await young.token(clock, header)), 'ann');
  for (let n = 0; n < 20; n++)
    assert.equal(await authenticator.outcome(await stranger.token(clock, {})), 'TOKEN_SIGNATURE');
  assert.equal(server.requests(), 2);
  await clock.advance(COOLDOWN_MS);
  await server.close();
  for (let n = 0; n < 2; n++)
    assert.equal(await authenticator.outcome(await stranger.token(clock, {})), 'AUTH_UNAVAILABLE');
});

test('made-up key ids cost the issuer one request in a while', async () => {
  const clock = createVirtualClock();
  const known = signer('known');
  await using server = await jwksServer((response) => response.end(jwks(known)));
  const authenticator = authenticatorWith(server.env, clock);
  assert.equal(await authenticator.outcome(await known.token(clock)), 'ann');
  for (let n = 0; n < 20; n++) {
    const token = await known.token(clock, { kid: `made up ${n}` });
    assert.equal(await authenticator.outcome(token), 'TOKEN_KEY_UNKNOWN');
  }
  assert.equal(server.requests(), 1);
});

test('a JWKS server that is down rejects no key already known, and calls no other wrong', async () => {
  const clock = createVirtualClock();
  const [known, other] = [signer('known'), signer('other')];
  await using server = await jwksServer((response) => response.end(jwks(known)));
  const authenticator = authenticatorWith(server.env, clock);
  assert.equal(await authenticator.outcome(await known.token(clock)), 'ann');
  await server.close();
  await clock.advance(COOLDOWN_MS);
  assert.equal(await authenticator.outcome(await other.token(clock)), 'AUTH_UNAVAILABLE');
  assert.equal(await authenticator.outcome(await known.token(clock)), 'ann');
});

test('a JWKS server that does not answer in time is given up', async () => {
  const clock = createVirtualClock();
  const known = signer('known');
  let asked: () => void = () => undefined;
  const request = new Promise<void>((resolve) => {
    asked = resolve;
  });
  await using server = await jwksServer((response) => {
    response.write('{"keys": [');
    asked();
  });
  const authenticator = authenticatorWith(server.env, clock);
  const waiting = authenticator.outcome(await known.token(clock));
  await request;
  await clock.advance(FETCH_MS_MAX);
  assert.equal(await waiting, 'AUTH_UNAVAILABLE');
});

const badAnswers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'an error': (response) => response.writeHead(500).end(jwks()),
  'a page': (response) => response.end('<html>'),
  'no key set': (response) => response.end('{"keys": 7}'),
  'an empty key set': (response) => response.end('{"keys": []}'),
  'a key set of which nothing can be used': (response) => response.end('{"keys": [{"kty": "oct"}]}'),
  'an error that is JSON': (response) => response.end('{"error": "try again later"}'),
  'more bytes than any key set has': (response) =>
    response.end(`{"keys": [], "x": "${'x'.repeat(600_000)}"}`),
  'a redirect': (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'nothing, and closes': (response) => response.destroy(),
};
for (const [what, answer] of Object.entries(badAnswers)) {
  test(`a JWKS server that answers with ${what} is as good as none`, async () => {
    const clock = createVirtualClock();
    const known = signer('known');
    let broken = true;
    await using server = await jwksServer((response) =>
      broken ? answer(response) : response.end(jwks(known)),
    );
    const authenticator = authenticatorWith(server.env, clock);
    assert.equal(await authenticator.outcome(await known.token(clock)), 'AUTH_UNAVAILABLE');
    broken = false;
    await clock.advance(COOLDOWN_MS);
    assert.equal(await authenticator.outcome(await known.token(clock)), 'ann');
  });
}

test('a JWKS server whose set is suddenly empty withdraws no key already known', async () => {
  const clock = createVirtualClock();
  const [known, other] = [signer('known'), signer('other')];
  let body = jwks(known);
  await using server = await jwksServer((response) => response.end(body));
  const authenticator = authenticatorWith(server.env, clock);
  assert.equal(await authenticator.outcome(await known.token(clock)), 'ann');
  body = jwks();
  await clock.advance(COOLDOWN_MS);
  assert.equal(await authenticator.outcome(await other.token(clock)), 'AUTH_UNAVAILABLE');
  assert.equal(await authenticator.outcome(await known.token(clock)), 'ann');
});

test('keys come from a file, and from its next version after a while', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'issuer.pem');
  const clock = createVirtualClock();
  const [old, young] = [signer('old'), signer('young')];
  writeFileSync(file, old.publicKey.export({ format: 'pem', type: 'spki' }));
  const authenticator = authenticatorWith({ AUTH_PUBLIC_KEY_FILE: file }, clock);
  assert.equal(await authenticator.outcome(await old.token(clock)), 'ann');
  assert.equal(await authenticator.outcome(await young.token(clock)), 'TOKEN_SIGNATURE');

  writeFileSync(file, jwks(young));
  await clock.advance(300_000);
  const token = await young.token(clock);
  while ((await authenticator.outcome(token)) !== 'ann') await clock.advance(0);
  assert.equal(await authenticator.outcome(await old.token(clock)), 'TOKEN_KEY_UNKNOWN');
});

test('a file of keys that cannot be used ends the start, and is not quoted', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'issuer.pem');
  const clock = createVirtualClock();
  const start = () => authenticatorWith({ AUTH_PUBLIC_KEY_FILE: file }, clock);
  assert.throws(start, { name: 'ConfigError', problems: ['AUTH_PUBLIC_KEY_FILE cannot be used: ENOENT'] });
  writeFileSync(file, 'hunter2 is no key');
  assert.throws(start, { problems: ['AUTH_PUBLIC_KEY_FILE cannot be used: neither PEM nor JSON'] });
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  assert.throws(start, { problems: ['AUTH_PUBLIC_KEY_FILE cannot be used: the file holds a private key'] });
});

function hmacToken(clock: VirtualClock, claims: Record<string, unknown> = {}): Promise<string> {
  const iat = clock.nowMs() / 1000;
  return new SignJWT({ sub: 'ann', iat, exp: iat + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(AUTH_HMAC_SECRET));
}

test('a token under the shared secret is checked at once, claims and all', async () => {
  const clock = createVirtualClock();
  const env = { AUTH_HMAC_SECRET, AUTH_ISSUER: 'https://issuer', AUTH_AUDIENCE: 'calls' };
  const authenticator = authenticatorWith(env, clock);
  const claims = { iss: 'https://issuer', aud: 'calls', jti: 'j1', snowshed: { users: { send: ['*'] } } };
  const token = await hmacToken(clock, claims);
  assert.deepEqual(authenticator.authenticate({ scheme: 'jwt', token }), {
    user: 'ann',
    rights: { users: { send: ['*'] } },
    issuedAt: clock.nowMs(),
    expiresAt: clock.nowMs() + 65_000,
    tokenId: 'j1',
    resumes: undefined,
  });
  assert.equal(await authenticator.outcome(await hmacToken(clock)), 'TOKEN_CLAIMS');
  await clock.advance(65_000);
  assert.equal(await authenticator.outcome(token), 'TOKEN_EXPIRED');
});

test('a resume token stands for its JWT at any gateway with the secret, until the JWT would have ended', async () => {
  const clock = createVirtualClock();
  const [here, there] = [
    authenticatorWith({ AUTH_HMAC_SECRET }, clock),
    authenticatorWith({ AUTH_HMAC_SECRET }, clock),
  ];
  const token = await hmacToken(clock, { jti: 'j1', snowshed: { rooms: { '*': ['join'] } } });
  const identity = (await here.authenticate({ scheme: 'jwt', token })) as Identity;
  const sealed = here.seal(identity, 's1', 'phone', identity.expiresAt);
  assert.equal(sealed.expiresAt, identity.expiresAt);
  const resumed = await there.authenticate({ scheme: 'resume', token: sealed.resume });
  assert.deepEqual(resumed, {
    ...identity,
    resumes: { session: 's1', device: 'phone', inCallUntil: identity.expiresAt },
  });
  assert.equal(await here.outcome(sealed.resume), 'TOKEN_MALFORMED', 'it is no JWT');
  assert.equal(await there.authenticate({ scheme: 'resume', token }), 'RESUME_INVALID');
  await clock.advance(65_000);
  assert.equal(await there.authenticate({ scheme: 'resume', token: sealed.resume }), 'RESUME_EXPIRED');
});

test('a chain of resumes never outlives the identity it began with', async () => {
  const clock = createVirtualClock();
  const authenticator = authenticatorWith({ AUTH_HMAC_SECRET, RESUME_TTL_MS: '1000' }, clock);
  const first = (await authenticator.authenticate({
    scheme: 'jwt',
    token: await hmacToken(clock),
  })) as Identity;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 999 }), { maxLength: 20 }), async (waits) => {
      let identity = first;
      let { resume, expiresAt } = authenticator.seal(identity, 's', 'd');
      for (const wait of waits) {
        await clock.advance(wait);
        const next = authenticator.authenticate({ scheme: 'resume', token: resume });
        const alive = clock.nowMs() < expiresAt;
        assert.equal(typeof next === 'object', alive);
        if (!alive) return;
        identity = next as Identity;
        ({ resume, expiresAt } = authenticator.seal(identity, 's', 'd'));
        assert(expiresAt <= first.expiresAt && expiresAt <= clock.nowMs() + 1_000);
      }
    }),
  );
  assert(clock.nowMs() > first.expiresAt, 'the draws reached the end');
});

test('with the secret before, resume tokens of yesterday are good', async () => {
  const clock = createVirtualClock();
  const yesterday = authenticatorWith({ AUTH_HMAC_SECRET }, clock);
  const token = await hmacToken(clock);
  const identity = (await yesterday.authenticate({ scheme: 'jwt', token })) as Identity;
  const { resume } = yesterday.seal(identity, 's', 'd');
  const changed = { AUTH_HMAC_SECRET, SNOWSHED_SECRET: 'a young secret of more than 32 characters' };
  const today = authenticatorWith({ ...changed, SNOWSHED_SECRET_PREVIOUS: SNOWSHED_SECRET }, clock);
  assert.equal(typeof today.authenticate({ scheme: 'resume', token: resume }), 'object');
  assert.equal(
    authenticatorWith(changed, clock).authenticate({ scheme: 'resume', token: resume }),
    'RESUME_INVALID',
  );
});
