/** Tests of the demo login: who gets a token, for which names, how often, and that the gateway takes it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAuthenticator } from '#gateway/identity/authenticator.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { AllInOneConfig } from './config.ts';
import { createDemoLogin, type LoginAnswer } from './demo-login.ts';

const secret = 'a secret for this run alone, and of no use elsewhere';
const origin = 'http://127.0.0.1:7600';

function newLogin() {
  const clock = createVirtualClock();
  const login = createDemoLogin({ secret, origins: () => [origin, 'http://localhost:7600'], clock });
  return { clock, login };
}

function tokenOf({ body }: LoginAnswer): string {
  assert('token' in body, JSON.stringify(body));
  return body.token;
}

test('the token names its bearer, lives for fifteen minutes and opens the lobby; the gateway takes it', () => {
  const { clock, login } = newLogin();
  const config = { ...readConfig(AllInOneConfig, {}), AUTH_HMAC_SECRET: secret, SNOWSHED_SECRET: secret };
  const authenticator = createAuthenticator({ config, clock, log: createLogger('test', 'silent') });
  const token = tokenOf(login.answer(origin, 'name=Zo%C3%AB%20%F0%9F%8F%94'));
  const who = authenticator.authenticate({ scheme: 'jwt', token });
  assert(typeof who === 'object' && !(who instanceof Promise));
  assert.equal(who.user, 'Zoë 🏔');
  assert.equal(who.expiresAt - who.issuedAt, 900_000 + config.AUTH_CLOCK_SKEW_MS);
  assert.deepEqual(who.rights.rooms?.['lobby'], ['join', 'send', 'watch']);
  authenticator.close();
});

test('only the page of this address is given one', () => {
  const { login } = newLogin();
  const strangers = [
    undefined,
    'null',
    'http://127.0.0.1:7601',
    'https://127.0.0.1:7600',
    'http://evil.example:7600',
  ];
  for (const stranger of strangers) assert.equal(login.answer(stranger, 'name=ann').status, 403);
  assert.equal(login.answer('http://localhost:7600', 'name=ann').status, 200);
});

test('what is no name gets none', () => {
  const { login } = newLogin();
  for (const query of [
    '',
    'name=',
    'name=%20%20',
    'user=ann',
    'name=a%00b',
    'name=a%0Ab',
    `name=${'a'.repeat(41)}`,
  ]) {
    assert.equal(login.answer(origin, query).status, 400, query);
  }
});

test('whatever is asked gets a token or a reason', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, encode) => {
      const { login } = newLogin();
      const { status, body } = login.answer(
        origin,
        encode ? `name=${encodeURIComponent(text.toWellFormed())}` : text,
      );
      assert(status === 200 ? 'token' in body : status === 400 && 'error' in body);
    }),
  );
});

test('a loop is slowed down, and a moment later it goes on', async () => {
  const { clock, login } = newLogin();
  const statuses = Array.from({ length: 200 }, () => login.answer(origin, 'name=ann').status);
  assert.equal(statuses.filter((status) => status === 200).length, 100);
  assert.equal(statuses.at(-1), 429);
  await clock.advance(1_000);
  assert.equal(login.answer(origin, 'name=ann').status, 200);
});
