/** Tests of the build: what only the machine can say against a configuration. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

test('a limit of open files that leaves none for clients ends the process with 78, and says so', () => {
  const command = 'ulimit -n 512 && exec "$0" all-in-one/main.ts';
  const env = { PATH: process.env['PATH'] ?? '', GATEWAY_PORT: '0', GATEWAY_OPS_PORT: '0' };
  const options = { cwd: root, env, encoding: 'utf8', timeout: 20_000, killSignal: 'SIGKILL' } as const;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath], options);
  assert.equal(status, 78, stdout + stderr);
  assert.match(stdout, /"problems":\["of the 512 files that this process may have open, /);
});
