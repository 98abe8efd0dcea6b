/**
 * Micro-benchmarks: every `*.bench.ts`, each in a process of its own so that none warms up another (`npm run bench:micro`).
 *
 * `node tools/bench.ts [PREFIX…]` takes all, or those whose path begins so. A benchmark file only
 * registers its cases (`bench` of mitata); this runs them.
 */

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run } from 'mitata';

const root = join(import.meta.dirname, '..');
const [first, ...rest] = process.argv.slice(2);

if (first === '--one') {
  await import(pathToFileURL(join(root, rest[0] ?? '')).href);
  await run();
} else {
  const prefixes = process.argv.slice(2);
  const exclude = ['node_modules/**', '.tools/**'];
  const files = globSync('**/*.bench.ts', { cwd: root, exclude }).sort();
  const failed = files
    .filter((file) => prefixes.length === 0 || prefixes.some((prefix) => file.startsWith(prefix)))
    .filter((file) => {
      console.log(`\n${file}`);
      const args = ['--expose-gc', '--allow-natives-syntax', import.meta.filename, '--one', file];
      return spawnSync(process.execPath, args, { stdio: 'inherit', cwd: root }).status !== 0;
    });
  process.exitCode = failed.length > 0 ? 1 : 0;
}
