/**
 * Test runner: `node:test` over every `*.test.ts`, two files at a time, then one by one what needs the
 * machine to itself (`test/e2e`, `test/abuse`), then two at a time what mostly waits (`test/chaos`), with one summary
 * at the end.
 *
 * `node tools/test.ts [--units] [PREFIX…]`: all, the units beside the code alone, or the files whose
 * path begins so. What builds large programs of others (`test/cluster`, `test/load`) runs only when named. It fetches nats-server first, and Prometheus and a Chromium are there before what needs them begins.
 */

import { globSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { seed } from '#test/setup.ts';
import { chromiumPath } from './chromium.ts';
import { natsServerPath } from './nats-server.ts';
import { prometheusPaths } from './prometheus.ts';

interface Stage {
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly fileMsMax: number;
}

/** One of the lines with which node:test ends a run. */
const closingCount = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;
const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { units: { type: 'boolean', default: false } },
});

const files = testFiles();
const alone = files.filter(needsTheMachine);
const isChaos = (file: string) => file.startsWith('test/chaos/');
/** The longest begin first, so that none of them runs on by itself at the end. */
const longest = ['bus', 'chaos', 'mutants', 'starved'].map((name) => `test/chaos/${name}.test.ts`);
const chaos = alone.filter(isChaos).sort((a, b) => Number(longest.includes(b)) - Number(longest.includes(a)));
const stages: readonly Stage[] = [
  { files: files.filter((file) => !needsTheMachine(file)), concurrency: 2, fileMsMax: 300_000 },
  { files: alone.filter((file) => !isChaos(file)), concurrency: 1, fileMsMax: 900_000 },
  { files: chaos, concurrency: 2, fileMsMax: 900_000 },
];

try {
  if (files.length === 0) throw new Error('no test file matches');
  natsServerPath();
  if (alone.length > 0) chromiumPath();
  if (files.some((file) => file.startsWith('test/observation/'))) prometheusPaths();
} catch (error) {
  console.error(`tools/test: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
console.log(`${files.length} files, seed of the properties FAST_CHECK_SEED=${seed}`);

const reporter = new spec();
reporter.pipe(process.stdout);
for await (const event of events(stages)) reporter.write(event);
reporter.end();

/** They need programs that take minutes to build. */
function runsOnDemand(file: string): boolean {
  return ['test/cluster/', 'test/load/'].some((folder) => file.startsWith(folder));
}

/** Units first, so that what is broken in the small is read before what is broken at large. */
function testFiles(): readonly string[] {
  const exclude = ['node_modules/**', '.tools/**', '.cache/**', ...(values.units ? ['test/**'] : [])];
  const found = globSync('**/*.test.ts', { cwd: root, exclude });
  const wanted = found.filter((file) =>
    positionals.length === 0 ? !runsOnDemand(file) : positionals.some((p) => file.startsWith(p)),
  );
  return wanted.sort(
    (a, b) => Number(a.startsWith('test/')) - Number(b.startsWith('test/')) || (a < b ? -1 : 1),
  );
}

function needsTheMachine(file: string): boolean {
  return ['test/e2e/', 'test/chaos/', 'test/abuse/', 'test/cluster/', 'test/load/'].some((folder) =>
    file.startsWith(folder),
  );
}

/** The events of all stages as if they were one run: the counts that end each stage are added up. */
async function* events(stages: readonly Stage[]): AsyncGenerator<TestEvent> {
  const sums = new Map<string, number>();
  for (const { files, concurrency, fileMsMax } of stages) {
    if (files.length === 0) continue;
    const execArgv = ['--import', join(root, 'test', 'setup.ts')];
    const paths = files.map((file) => join(root, file));
    // What a test that failed has left open, such as a server, would keep its file from ending, and the run with it.
    const options = { files: paths, concurrency, timeout: fileMsMax, forceExit: true, execArgv, cwd: root };
    for await (const event of run(options)) {
      const [, name, value] =
        (event.type === 'test:diagnostic' && closingCount.exec(event.data.message)) || [];
      if (name === undefined) yield event;
      else sums.set(name, (sums.get(name) ?? 0) + Number(value));
    }
  }
  for (const [name, sum] of sums)
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${sum}`, level: 'info' } };
  const ran = (sums.get('tests') ?? 0) - (sums.get('skipped') ?? 0);
  if (ran <= 0 || (sums.get('fail') ?? 0) + (sums.get('cancelled') ?? 0) > 0) process.exitCode = 1;
}
