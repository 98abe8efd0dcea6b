/**
 * Check: everything that a tool can say about the code without running it, one tool after the other.
 *
 * All of them run even if an early one fails, so that one look shows all there is to mend.
 * `npm run check` runs it; `npm test` begins with it.
 */

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const browserCode = globSync(['client/**/*.ts', 'demo/page/**/*.ts']).length > 0;
const apis = globSync('docs/*api.yaml');

const commands = [
  ['biome', 'check', '--error-on-warnings'],
  ['tsc', '--project', 'tsconfig.json'],
  ...(browserCode ? [['tsc', '--project', 'tsconfig.browser.json']] : []),
  ['tsc', '--project', 'load-tests/k6/tsconfig.json'],
  ['knip', '--no-progress'],
  ['node', 'tools/docs.ts', '--check'],
  ...(apis.length > 0 ? [['redocly', 'lint', ...apis]] : []),
] satisfies string[][];

const failed = commands.filter(([tool = '', ...rest]) => {
  console.log(`check: ${tool} ${rest.join(' ')}`);
  return spawnSync(tool, rest, { stdio: 'inherit', env: toolEnv() }).status !== 0;
});

if (failed.length > 0) {
  console.error(`check: failed: ${failed.map((command) => command.join(' ')).join('; ')}`);
  process.exit(1);
}

/** Redocly would otherwise look for a newer version of itself and report its use on every run. */
function toolEnv(): NodeJS.ProcessEnv {
  return { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
}
