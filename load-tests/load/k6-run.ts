/**
 * k6 run: one script under k6, its environment, and whether its thresholds were met.
 */

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { k6Path } from '#tools/k6.ts';

export interface K6Run {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Path without ending: `.json` and `.md` are written. */
  readonly summary: string;
  /** Where Prometheus takes remote writes. */
  readonly prometheus: string | undefined;
  /** Of this run, on every series. */
  readonly name: string;
  readonly quiet: boolean;
}

/** As k6 ends where a threshold was missed. */
const THRESHOLDS_MISSED = 99;

/**
 * @returns whether all thresholds were met.
 * @throws Error if k6 itself failed.
 */
export async function runK6(run: K6Run): Promise<boolean> {
  mkdirSync(dirname(run.summary), { recursive: true });
  const outputs = run.prometheus === undefined ? [] : ['--out', 'experimental-prometheus-rw'];
  const quiet = run.quiet ? ['--quiet'] : [];
  const script = join(import.meta.dirname, '..', 'k6', run.script);
  const args = ['run', '--no-usage-report', ...quiet, ...outputs, '--tag', `testid=${run.name}`, script];
  // Secrets go by the environment, never by the command line.
  const child = spawn(k6Path(), args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      ...(run.prometheus === undefined
        ? {}
        : {
            K6_PROMETHEUS_RW_SERVER_URL: run.prometheus,
            K6_PROMETHEUS_RW_TREND_STATS: 'med,p(95),p(99),max',
          }),
      ...run.env,
      SUMMARY: run.summary,
    },
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? (signal === null ? -1 : -2)));
  });
  if (code !== 0 && code !== THRESHOLDS_MISSED) throw new Error(`k6 ended with ${code}`);
  return code === 0;
}
