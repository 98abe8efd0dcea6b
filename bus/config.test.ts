/** Tests of the bus's configuration: which addresses are some, and that what is none is said at the start. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { ConfigError, readConfig } from '#runtime/config.ts';
import { busConfigProblem, busProperties, natsServers } from './config.ts';

function servers(NATS_URL: string): readonly string[] {
  return natsServers(readConfig(Type.Object(busProperties), { NATS_URL }, [busConfigProblem]));
}

test('NATS_URL is a list of addresses, with or without a scheme; what stands empty in it is none', () => {
  assert.deepEqual(servers('nats://a:4222, tls://b.example.org ,c:4222,'), [
    'nats://a:4222',
    'tls://b.example.org',
    'c:4222',
  ]);
  for (const one of ['127.0.0.1', '[::1]:4222', '::1', 'nats://[::1]:4222', 'nats://me:secret@a:4222'])
    assert.deepEqual(servers(one), [one]);
});

test('what no server can be reached by is refused, and never repeated, as there may be a password in it', () => {
  const wrong = [',', ' ', ' , ', '%%%', 'nats://', 'nats://:4222', 'nats://a:99999', 'nats://a b:4222'];
  const otherPrograms = ['ws://a:80', 'wss://a', 'http://a:4222'];
  for (const one of [...wrong, ...otherPrograms, 'nats://a:4222,%%%']) {
    assert.throws(
      () => servers(one),
      (error) =>
        error instanceof ConfigError && /^configuration: NATS_URL has to be [^%]*$/.test(error.message),
      one,
    );
  }
});
