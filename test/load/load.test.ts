/**
 * Load kit: every script runs under a real k6 against real processes, for seconds, and keeps its thresholds; and one of
 * them is seen to fail where a promise is broken.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { k6Path } from '#tools/k6.ts';

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
