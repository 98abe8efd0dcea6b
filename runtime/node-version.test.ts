import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const guard = JSON.stringify(join(import.meta.dirname, 'node-version.ts'));

/** Starts the guard in a process that says it is this version of Node. */
function started(version: string) {
  const script = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
    await import(${guard});
    console.log('went on');`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

test('an older Node ends with a sentence that says what to do', () => {
  for (const version of ['22.18.0', '23.11.1']) {
    const { status, stdout, stderr } = started(version);
    assert.deepEqual([status, stdout], [78, '']);
    assert.match(stderr, new RegExp(`^Node ${version} is too old: start through npm .*\\n$`));
  }
});

test('Node 24 and later go on', () => {
  for (const version of ['24.0.0', '26.1.0']) {
    const { status, stdout, stderr } = started(version);
    assert.deepEqual([status, stdout, stderr], [0, 'went on\n', '']);
  }
});
