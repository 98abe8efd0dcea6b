import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { ConfigError, readConfig } from '#runtime/config.ts';
import { identityChecks, identityProperties, journalTooShort } from './config.ts';

const Config = Type.Object(identityProperties);
const secret = 'a secret of more than 32 characters';
const enough = { SNOWSHED_SECRET: secret, AUTH_HMAC_SECRET: secret };

function problems(env: Record<string, string>): readonly string[] {
  try {
    readConfig(Config, env, identityChecks);
    return [];
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.problems;
  }
}

test('a gateway needs one source of keys, and the secret of the resume tokens', () => {
  assert.deepEqual(problems(enough), []);
  assert.deepEqual(problems({}), [
    'give one of AUTH_JWKS_URL, AUTH_PUBLIC_KEY_FILE and AUTH_HMAC_SECRET, and only one',
    'SNOWSHED_SECRET is not set; it has to be a text of at least 32 characters',
  ]);
  assert.equal(problems({ ...enough, AUTH_JWKS_URL: 'https://issuer/jwks' }).length, 1);
  assert.equal(problems({ ...enough, AUTH_HMAC_SECRET: 'short' }).length, 1);
});

test('an address of keys that can never be asked is refused, and no password in it is repeated', () => {
  const at = (AUTH_JWKS_URL: string) => problems({ SNOWSHED_SECRET: secret, AUTH_JWKS_URL });
  for (const url of ['https://issuer/jwks', 'http://[::1]:8080', 'https://issuer?user=me@example.org'])
    assert.deepEqual(at(url), [], url);
  for (const url of ['https://me:hunter2@issuer/jwks', 'https://me@issuer', 'http://[', 'https://a:99999/']) {
    assert.equal(at(url).length, 1, url);
    assert.match(at(url)[0]!, /^AUTH_JWKS_URL has to be (?!.*hunter2)/, url);
  }
});

test('TURN servers come with their secret', () => {
  assert.deepEqual(problems({ ...enough, TURN_URLS: 'turn:a', TURN_SECRET: 'x' }), []);
  for (const half of [{ TURN_URLS: 'turn:a' }, { TURN_SECRET: 'x' }]) {
    assert.deepEqual(problems({ ...enough, ...half }), [
      'TURN_URLS and TURN_SECRET are given together or not at all',
    ]);
  }
});

test('addresses of STUN and TURN servers are lists of their URLs', () => {
  for (const STUN_URLS of ['stun:a', 'stun:a:3478, stuns:b', ' stun:[::1]:3478 ']) {
    assert.deepEqual(problems({ ...enough, STUN_URLS }), []);
  }
  for (const STUN_URLS of ['a', 'turn:a', 'stun:', 'stun:a stun:b', 'stun:a,', 'stun:a,,stun:b']) {
    assert.equal(problems({ ...enough, STUN_URLS }).length, 1, STUN_URLS);
  }
  assert.equal(problems({ ...enough, TURN_URLS: 'stun:a', TURN_SECRET: 'x' }).length, 1);
});

test('revocations are kept as long as any token lives', () => {
  assert.equal(journalTooShort({ AUTH_TOKEN_AGE_MS_MAX: 60_000, JOURNAL_TTL_MS: 60_000 }), undefined);
  assert.match(
    String(journalTooShort({ AUTH_TOKEN_AGE_MS_MAX: 60_001, JOURNAL_TTL_MS: 60_000 })),
    /too early/,
  );
});
