import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Fleet, startFleet } from '#test/harness/fleet.ts';
import { gatewaysAt, tokensOf } from './exchange.ts';

const secret = 'exchange-exchange-exchange-exchange-48-chars-xx';

test('a name stands for all of its addresses, each of them once', async () => {
  const resolve = async (name: string) =>
    name === 'gateways' ? ['10.0.0.1', '10.0.0.2', 'fd00::1'] : [name];
  assert.deepEqual(await gatewaysAt(['ws://gateways:7600'], resolve), [
    'ws://10.0.0.1:7600',
    'ws://10.0.0.2:7600',
    'ws://[fd00::1]:7600',
  ]);
  assert.deepEqual(await gatewaysAt(['wss://10.0.0.1', 'wss://[fd00::2]', 'wss://10.0.0.1'], resolve), [
    'wss://10.0.0.1',
    'wss://[fd00::2]',
  ]);
  await assert.rejects(
    gatewaysAt(['ws://10.0.0.1:7600'], resolve),
    /stands for 1 gateways, and two are needed/,
  );
});

test('given tokens are taken as they are; without them and without a secret there are none', () => {
  const config = { EXCHANGE_URL: 'ws://x', EXCHANGE_MS_MAX: 1 };
  assert.deepEqual(tokensOf({ ...config, TOKEN_A: 'a', TOKEN_B: 'b', AUTH_HMAC_SECRET: secret }, 0), [
    'a',
    'b',
  ]);
  assert.equal(tokensOf({ ...config, TOKEN_A: 'a' }, 0), undefined);
});

describe('against a fleet', () => {
  let fleet: Fleet;
  before(async () => {
    const env = {
      AUTH_HMAC_SECRET: secret,
      SNOWSHED_SECRET: secret,
      AUTH_ISSUER: 'https://issuer.example.org',
      AUTH_AUDIENCE: 'signaling',
    };
    fleet = await startFleet({ gateways: 2, routers: 1, env });
  });
  after(() => fleet.stop());

  test('two clients at two gateways exchange a frame', async () => {
    const { status, stdout } = await exchange({ EXCHANGE_URL: fleet.urls().join(',') });
    assert.match(stdout, /have exchanged a frame, in \d+ ms/);
    assert.equal(status, 0);
  });

  test('a token that the gateways do not take fails it, and the reason is said', async () => {
    const wrong = { EXCHANGE_URL: fleet.urls().join(','), AUTH_AUDIENCE: 'else', EXCHANGE_MS_MAX: '2000' };
    const { status, stderr } = await exchange(wrong);
    assert.notEqual(status, 0);
    assert.match(stderr, /^exchange: \S/);
  });

  function exchange(env: Readonly<Record<string, string>>) {
    return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      const main = join(import.meta.dirname, 'exchange.ts');
      const child = spawn(process.execPath, [main], { env: { ...fleet.env, ...env }, stdio: 'pipe' });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (bytes) => {
        stdout += bytes;
      });
      child.stderr.on('data', (bytes) => {
        stderr += bytes;
      });
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
  }
});
