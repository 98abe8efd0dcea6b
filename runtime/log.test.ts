import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const log = JSON.stringify(join(import.meta.dirname, 'log.ts'));

function linesOf(level: string, script: string): readonly Record<string, unknown>[] {
  const program = `import { createLogger } from ${log}; const log = createLogger('gateway', '${level}'); ${script}`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(run.stderr, '');
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('a line says when, how severe, who, what happened and the fields', () => {
  const [line] = linesOf('info', `log.info({ event: 'session.resumed', awayMs: 7 }, 'session resumed');`);
  const { time, ...rest } = line!;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: 'info',
    name: 'gateway',
    event: 'session.resumed',
    awayMs: 7,
    msg: 'session resumed',
  });
});

test('an error is written with its message and cause', () => {
  const [line] = linesOf(
    'info',
    `log.error({ event: 'x', err: new Error('a', { cause: new Error('b') }) }, 'x');`,
  );
  assert.match(String((line!['err'] as { message: string }).message), /a: b/);
});

test('less severe lines than asked for are not written', () => {
  const script = `log.debug({ event: 'a' }, 'a'); log.info({ event: 'b' }, 'b'); log.warn({ event: 'c' }, 'c');`;
  assert.deepEqual(
    linesOf('warn', script).map((line) => line['event']),
    ['c'],
  );
  assert.deepEqual(linesOf('silent', script), []);
});

test('the last lines before an exit are written', () => {
  const lines = linesOf(
    'info',
    `for (let n = 0; n < 3000; n++) log.info({ event: 'n', n }, 'n'); process.exit();`,
  );
  assert.equal(lines.length, 3000);
  assert.equal(lines.at(-1)?.['n'], 2999);
});
