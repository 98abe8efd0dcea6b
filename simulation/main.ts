/**
 * Simulate: what becomes of an avalanche, under the law and under what is usual (`npm run simulate`).
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createSystemClock } from '#runtime/clock.ts';
import { REFUSAL_MICROS } from './costs.ts';
import type { Figures } from './figures.ts';
import { type Line, plotted } from './plot.ts';
import { baselines, law, policies } from './policies.ts';
import { carryOut, type Progress } from './pool.ts';
import { casesTable, comparison, costsTable, hasRegressed, judged, shortfalls } from './report.ts';
import { keyOf, type Run, runs } from './runs.ts';
import { CLIENTS, fullSize, type Size, scenarios } from './scenarios.ts';

const help = `npm run simulate -- [options]

  --clients N     how many clients are simulated (default ${CLIENTS}); with fewer, each stands for several, so that
                  every drain takes as long as with ${CLIENTS}
  --scenario NAME only this scenario, policy or section (cases, baselines, parts)
  --seed N        of all chance (default 1); the same seed gives the same output
  --refusal US    what the kernel takes to refuse a connect, in microseconds (default ${REFUSAL_MICROS}; measured: 2 to 4)
  --rtt MS        round trip between client and gateway (default ${fullSize.rttMs})
  --believed X    how many times faster than it is the fleet believes itself at first (default ${fullSize.believed})
  --json          figures as JSON
  --plot FILE     draws the slow case (default docs/images/avalanche.svg for a whole run at full size)
  --help

scenarios: ${scenarios(fullSize)
  .map(({ name }) => name)
  .join(', ')}
policies:  ${policies.map(({ name }) => name).join(', ')}

Exits with 1 where a goal is not met, or one that never was is missed by more than it was known to be.`;

const options = parsed();
const size: Size = {
  clients: number('clients', options.clients, 1_000, 10 * CLIENTS),
  refusalMicros: number('refusal', options.refusal, 0, 1_000),
  rttMs: number('rtt', options.rtt, 0, 10_000),
  believed: number('believed', options.believed, 0.05, 20),
};
const seed = number('seed', options.seed, 0, 2 ** 32 - 1);
const chosen = runs(size, options.scenario);
if (chosen.length === 0) fail(`no scenario, policy or section is called ${options.scenario}`);
const clock = createSystemClock();
const beganMs = clock.monotonicMs();
const figures = await carryOut(chosen, size, seed, progressLine());
process.stderr.write(process.stderr.isTTY ? '\r\x1b[K' : '');
write();
draw();
process.stderr.write(`${((clock.monotonicMs() - beganMs) / 1_000).toFixed(0)} s\n`);
process.exitCode = hasRegressed(cases(), figures) ? 1 : 0;

function parsed() {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      options: {
        clients: text(String(CLIENTS)),
        scenario: { type: 'string' },
        seed: text('1'),
        refusal: text(String(REFUSAL_MICROS)),
        rtt: text(String(fullSize.rttMs)),
        believed: text(String(fullSize.believed)),
        json: flag,
        plot: { type: 'string' },
        help: flag,
      },
    });
    if (!values.help) return values;
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  console.log(help);
  process.exit(0);
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  return fail(`--${name} is a number from ${least} to ${most}`);
}

function fail(message: string): never {
  console.error(`simulate: ${message}\n\n${help}`);
  process.exit(64);
}

function cases(): readonly Run[] {
  return chosen.filter(({ section }) => section === 'cases');
}

function write(): void {
  if (options.json) {
    console.log(JSON.stringify({ seed, ...size, runs: chosen.map(asJson) }, undefined, 2));
    return;
  }
  console.log(
    `${size.clients} clients, seed ${seed}; × are multiples of the optimum: all necessary work over all CPU\n`,
  );
  const tell = (title: string, text: string) => console.log(`${title}\n\n${text}\n`);
  tell(
    'What things cost, as measured on real gateways (gateway/door/costs.json)',
    costsTable(size.refusalMicros),
  );
  if (cases().length > 0) tell('The law', casesTable(cases(), figures));
  for (const [section, title] of [
    ['baselines', 'Elsewhere'],
    ['parts', 'The law without one of its parts'],
  ] as const) {
    const its = chosen.filter((run) => run.section === section);
    if (its.length > 0) tell(title, comparison(its, figures));
  }
  const notMet = shortfalls(cases(), figures);
  console.log(
    notMet.length === 0 ? 'All goals are met.' : `Not met:\n${notMet.map((it) => `  ${it}`).join('\n')}`,
  );
}

function asJson(run: Run) {
  const { curves: _, ...rest } = figures.get(keyOf(run))!;
  const goals =
    run.section === 'cases' ? run.scenario.goals.map((goal) => judged(goal, figures.get(keyOf(run))!)) : [];
  return { section: run.section, scenario: run.scenario.name, policy: run.policy.name, ...rest, goals };
}

/** The slow case under the law and what is usual. */
function draw(): void {
  const everything = options.scenario === undefined && size.clients === CLIENTS;
  const path =
    options.plot ?? (everything ? join(import.meta.dirname, '../docs/images/avalanche.svg') : undefined);
  if (path === undefined) return;
  const lines: Line[] = [];
  let ours: Figures | undefined;
  for (const policy of [law, ...baselines]) {
    const its = figures.get(keyOf({ scenario: { name: 'slow' } as Run['scenario'], policy }));
    if (its === undefined) continue;
    if (policy === law) ours = its;
    lines.push({ title: policy.title, curves: its.curves });
  }
  if (ours === undefined) return fail('--plot needs the runs of the scenario slow: add --scenario slow');
  const title = 'A million clients, 20 cores, TLS, four times slower: the whole fleet is lost at 0 s';
  const svg = plotted(lines, { title, clients: size.clients, optimumMs: ours.optimumMs, untilMs: 160_000 });
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, svg);
}

function progressLine(): Progress {
  const all = new Set(chosen.map(keyOf)).size;
  const { isTTY } = process.stderr;
  let toldMs = 0;
  return (done, underWay) => {
    if (clock.monotonicMs() - toldMs < (isTTY ? 100 : 10_000)) return;
    toldMs = clock.monotonicMs();
    const parts = underWay.map(({ key, share }) => `${key} ${Math.round(100 * share)} %`).join(', ');
    const line = `${done} of ${all} runs; ${parts}`;
    process.stderr.write(isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
}
