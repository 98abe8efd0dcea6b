/**
 * Load kit: every script runs under a real k6 against real processes, for seconds, and keeps its thresholds; and one of
 * them is seen to fail where a promise is broken.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { k6Path } from '#tools/k6.ts';
import { type ServiceProcess, startProcess } from '../harness/process.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'snowshed-load-'));

before(() => void k6Path());

function load(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const all = ['load-tests/load.ts', ...args];
  return spawnSync(process.execPath, all, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } });
}

/** Short of each; slow machines get time, since no figure is judged here but the promises. */
const short: Readonly<Record<string, readonly string[]>> = {
  'ramp-and-hold': ['--seconds', '8', '--set', 'SESSIONS=100', '--set', 'RAMP_S=4'],
  'connect-storm': ['--seconds', '6', '--set', 'RATE=30', '--set', 'STAY_S=1'],
  pairs: ['--seconds', '5', '--set', 'CALL_EVERY_S=1'],
  rooms: ['--seconds', '5'],
  'slow-consumer': ['--seconds', '12'],
  'rolling-restart': ['--seconds', '40', '--set', 'PAIRS=10', '--set', 'AWAY_MAX_MS=60000'],
  'bus-away': ['--seconds', '60', '--set', 'PAIRS=5', '--set', 'DELIVERY_P95_MS=60000'],
};
const patient = ['--set', 'DELIVERY_P95_MS=30000', '--set', 'WELCOME_P95_MS=30000'];

for (const [scenario, args] of Object.entries(short)) {
  test(`k6 runs ${scenario}, and its thresholds are met`, () => {
    const summary = join(folder, scenario);
    const { status, stdout, stderr } = load([scenario, '--quiet', '--summary', summary, ...patient, ...args]);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    const { metrics } = JSON.parse(readFileSync(`${summary}.json`, 'utf8'));
    assert(metrics.snowshed_sessions_opened.values.count > 0);
    assert.match(readFileSync(`${summary}.md`, 'utf8'), /\| snowshed_sessions_opened \|/);
  });
}

test('a threshold that is missed is told, and ends the command with 1', () => {
  const args = ['pairs', '--quiet', '--seconds', '3', '--set', 'DELIVERY_P95_MS=0.001'];
  const { status, stdout } = load([...args, '--summary', join(folder, 'missed')]);
  assert.equal(status, 1, stdout);
  assert.match(stdout, /snowshed_delivery_ms .*\*\*missed\*\*/);
  assert.match(stdout, /^MISSED {2}thresholds$/m);
});

/** One of two pods of the k6 operator: it runs half of the virtual users. */
const halfOfTwo = ['--execution-segment', '0:1/2', '--execution-segment-sequence', '0,1/2,1'];
const secret = 'a secret for this test alone, and of no use elsewhere';

function k6(args: readonly string[], variables: Readonly<Record<string, string>>) {
  const given = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const all = ['run', '--quiet', '--no-color', ...args, ...given, 'load-tests/k6/ramp-and-hold.ts'];
  return spawnSync(k6Path(), all, { cwd: root, encoding: 'utf8' });
}

describe('a pod of the k6 operator', () => {
  let service: ServiceProcess;
  before(async () => {
    const ports = { GATEWAY_PORT: '0', GATEWAY_OPS_PORT: '0' };
    service = await startProcess('all-in-one', 'all-in-one/main.ts', { ...ports, AUTH_HMAC_SECRET: secret });
    await service.ready();
  });
  after(() => service?.kill());

  const few = { VUS: '2', SESSIONS: '3', RAMP_S: '1', DURATION_S: '5', WELCOME_P95_MS: '4000' };

  test('judges the part of the sessions that it opens itself', () => {
    const { status, stdout, stderr } = k6(halfOfTwo, { ...few, URLS: service.url, AUTH_HMAC_SECRET: secret });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\| snowshed_sessions_opened \| 3 \|/);
    assert.match(stdout, /\| snowshed_sessions_not_opened \| 0 \| `count==0` \| met \|/);
  });

  test('says why attempts fail: nobody listens, or the token is not taken', () => {
    const briefly = { ...few, DURATION_S: '2', RAMP_S: '0.5', AUTH_HMAC_SECRET: secret };
    const nowhere = k6([], { ...briefly, URLS: 'ws://127.0.0.1:1' });
    assert.equal(nowhere.status, 99, nowhere.stdout);
    assert.match(nowhere.stderr, /cannot connect: .*connection refused/);
    const stranger = k6([], { ...briefly, URLS: service.url, AUTH_HMAC_SECRET: `not ${secret}` });
    assert.equal(stranger.status, 99, stranger.stdout);
    assert.match(stranger.stderr, /not let in: TOKEN_SIGNATURE/);
  });

  test('misses its threshold where there are too few tokens for all of them', () => {
    const TOKENS_FILE = join(folder, 'tokens.json');
    const part = Buffer.from(JSON.stringify({ sub: 'ann' })).toString('base64url');
    writeFileSync(TOKENS_FILE, JSON.stringify([1, 2, 3, 4].map(() => `${part}.${part}.${part}`)));
    const { status, stdout, stderr } = k6([], { ...few, URLS: service.url, TOKENS_FILE });
    assert.equal(status, 99, stdout);
    assert.match(stdout, /snowshed_sessions_not_opened .*\*\*missed\*\*/);
    assert.match(stderr, /TOKENS_FILE has 4 tokens/);
  });
});

test('an archive for the k6 operator fits into a ConfigMap and holds no secret', () => {
  const archive = join(folder, 'pairs.tar');
  const script = join(root, 'load-tests', 'k6', 'pairs.ts');
  const env = { ...process.env, AUTH_HMAC_SECRET: 'not-for-the-archive' };
  const args = ['archive', '--exclude-env-vars', '-O', archive, script];
  const { status, stderr } = spawnSync(k6Path(), args, { encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
  assert(statSync(archive).size < 700_000, 'a ConfigMap holds 1 MiB, in base64');
  assert(!readFileSync(archive).includes('not-for-the-archive'));
});

const misuse: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['a scenario that is not there', ['avalanche'], /no scenario avalanche\n.*ramp-and-hold/s],
  ['an option that is not there', ['pairs', '--avalanche'], /'--avalanche'.*ramp-and-hold/s],
  ['a target that is no WebSocket', ['pairs', '--target', 'http://127.0.0.1'], /ws:\/\/ or wss:\/\//],
  ['a time that is no number', ['pairs', '--seconds', 'soon'], /--seconds soon: a positive number/],
  ['a variable without a value', ['pairs', '--set', 'PAIRS'], /--set PAIRS: NAME=VALUE/],
];
for (const [what, args, message] of misuse) {
  test(`${what} is told, and ends the command with 64`, () => {
    const { status, stderr } = load(args);
    assert.equal(status, 64);
    assert.match(stderr, message);
  });
}

test('a target that does not answer is told, and ends the command with 2', () => {
  const { status, stderr } = load(['pairs', '--target', 'ws://127.0.0.1:9']);
  assert.equal(status, 2);
  assert.match(stderr, /ws:\/\/127\.0\.0\.1:9 does not answer/);
});
