/** Tests of the one-process mode's configuration: nothing has to be given, and nothing given is taken lightly. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, readConfig } from '#runtime/config.ts';
import type { Environment } from '#runtime/env.ts';
import { AllInOneConfig, allInOneChecks, makesTokens } from './config.ts';
import { pageOrigins } from './pages.ts';

const secret = 'x'.repeat(32);

function read(env: Environment): AllInOneConfig {
  return readConfig(AllInOneConfig, env, allInOneChecks);
}

test('without any variable it stays on this machine, in memory, and makes its own tokens', () => {
  const config = read({});
  assert.equal(config.GATEWAY_HOST, '127.0.0.1');
  assert.equal(config.NATS_URL, undefined);
  assert.equal(makesTokens(config), true);
  assert.deepEqual(pageOrigins(config, 7600), [
    'http://localhost:7600',
    'http://127.0.0.1:7600',
    'http://[::1]:7600',
  ]);
});

test('with an issuer named, it makes none', () => {
  assert.equal(makesTokens(read({ AUTH_HMAC_SECRET: secret })), false);
  assert.equal(makesTokens(read({ AUTH_JWKS_URL: 'https://issuer.example/jwks' })), false);
});

test('where others can come, tokens for everybody have to be asked for by name', () => {
  assert.throws(() => read({ GATEWAY_HOST: '0.0.0.0' }), ConfigError);
  assert.throws(() => read({ GATEWAY_HOST: '::' }), ConfigError);
  assert.equal(makesTokens(read({ GATEWAY_HOST: '0.0.0.0', AUTH_HMAC_SECRET: secret })), false);
  const open = read({ GATEWAY_HOST: '0.0.0.0', DEMO_ORIGIN: 'https://demo.example.org' });
  assert.deepEqual(pageOrigins(open, 7600), ['https://demo.example.org']);
});

test('the demo’s origin counts as browsers say it, however it was written', () => {
  const at = (DEMO_ORIGIN: string) => pageOrigins(read({ GATEWAY_HOST: '0.0.0.0', DEMO_ORIGIN }), 7600);
  assert.deepEqual(at('https://Demo.example.org:443'), ['https://demo.example.org']);
  assert.deepEqual(at('http://demo.example.org:8080'), ['http://demo.example.org:8080']);
  for (const none of ['https://[', 'https://demo.example.org:99999'])
    assert.throws(() => at(none), ConfigError);
});

test('half an issuer is a contradiction and not the demo’s login', () => {
  assert.throws(() => read({ AUTH_ISSUER: 'https://issuer.example' }), ConfigError);
  assert.throws(() => read({ AUTH_AUDIENCE: 'calls' }), ConfigError);
  assert.throws(() => read({ AUTH_HMAC_SECRET: secret, AUTH_PUBLIC_KEY_FILE: 'keys.pem' }), ConfigError);
});

test('the checks of gateway and bus hold here too', () => {
  assert.throws(() => read({ GATEWAY_TLS_CERT_FILE: 'cert.pem' }), ConfigError);
  assert.throws(() => read({ LOG_STREAMS: '8', LOG_PARTITIONS: '4' }), ConfigError);
  assert.throws(() => read({ TURN_URLS: 'turn:turn.example.org' }), ConfigError);
  assert.throws(() => read({ AUTH_JWKS_URL: 'http://[' }), ConfigError);
  assert.throws(
    () => read({ ADMISSION_SPREAD_MS_MIN: '5000', ADMISSION_SPREAD_MS_MAX: '4999' }),
    ConfigError,
  );
  read({ ADMISSION_SPREAD_MS_MIN: '5000', ADMISSION_SPREAD_MS_MAX: '5000' });
  assert.throws(() => read({ DEMO_ORIGIN: 'https://demo.example.org/page' }), ConfigError);
});

test('two things that are to listen on one port are named before they try', () => {
  const both = (env: Environment) => () => read(env);
  assert.throws(
    both({ GATEWAY_PRIORITY_PORT: '7600' }),
    /GATEWAY_PORT and GATEWAY_PRIORITY_PORT are the same/,
  );
  assert.throws(both({ GATEWAY_PORT: '7601' }), /GATEWAY_PORT and GATEWAY_OPS_PORT are the same/);
  read({ GATEWAY_PORT: '0', GATEWAY_OPS_PORT: '0' });
  read({ GATEWAY_PORT: '7601', GATEWAY_OPS_HOST: '127.0.0.2' });
});
