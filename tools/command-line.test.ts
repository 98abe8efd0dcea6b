/** Every command that people run says how it is used, and what it was asked wrongly. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
const commands = [
  ...['chaos', 'fuzz', 'bench', 'storm', 'swarm', 'load', 'rolling', 'simulate'],
  ...['doors', 'limits', 'revoke'],
];

async function run(command: string, args: readonly string[]): Promise<{ code: number; said: string }> {
  const [, main] = /^node (\S+\.ts)$/.exec(scripts[command] ?? '') ?? [];
  assert(main !== undefined, `${command} is no script of package.json`);
  const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? -1))),
  ]);
  return { code, said: out + err };
}

describe('commands', { concurrency: 2 }, () => {
  for (const command of commands) {
    test(`npm run ${command} has help, and says what is wrong with an option that is not there`, async () => {
      const usage = new RegExp(`npm run ${command} -- `);
      const help = await run(command, ['--help']);
      assert.equal(help.code, 0, help.said);
      assert.match(help.said, usage);
      const wrong = await run(command, ['--avalanche']);
      assert.equal(wrong.code, 64, wrong.said);
      assert.match(wrong.said, new RegExp(`^${command}: .*'--avalanche'`));
      assert.match(wrong.said, usage);
      assert.doesNotMatch(wrong.said, /^ {4}at /m);
    });
  }
});
