import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { readConfig } from '#runtime/config.ts';
import { transportContradiction, transportProperties, webTransportOptions } from './config.ts';

function config(env: Readonly<Record<string, string>>) {
  return readConfig(Type.Object(transportProperties), env, [transportContradiction]);
}

test('the defaults listen on loopback, without TLS, and trust nobody', () => {
  const options = webTransportOptions(config({}), 1_000);
  assert.deepEqual(
    [
      options.host,
      options.port,
      options.loopback,
      options.tls,
      options.trustedProxies,
      options.allowedOrigins,
    ],
    ['127.0.0.1', 7600, true, undefined, [], []],
  );
});

test('lists are read, and what is none is said by the name of its variable', () => {
  const { trustedProxies, allowedOrigins, loopback } = webTransportOptions(
    config({ TRUSTED_PROXIES: '10.0.0.0/8, ::1', ALLOWED_ORIGINS: '*.example.org', GATEWAY_HOST: '0.0.0.0' }),
    1_000,
  );
  assert.deepEqual(
    [trustedProxies, allowedOrigins, loopback],
    [['10.0.0.0/8', '::1'], ['*.example.org'], false],
  );
  assert.throws(() => config({ TRUSTED_PROXIES: '10.0.0.0/99' }), /TRUSTED_PROXIES/);
  assert.throws(() => config({ ALLOWED_ORIGINS: 'https://a.org/path' }), /ALLOWED_ORIGINS/);
  assert.throws(() => config({ GATEWAY_TLS_CERT_FILE: 'x' }), /GATEWAY_TLS_KEY_FILE/);
  assert.throws(() => config({ GATEWAY_IDLE_MS: '4000' }), /GATEWAY_IDLE_MS/);
});
