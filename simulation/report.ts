/**
 * Report: the table of what was simulated, each figure beside its goal.
 */

import { type Costs, costs } from './costs.ts';
import type { Figures } from './figures.ts';
import { keyOf, type Run } from './runs.ts';
import type { Goal, Scenario } from './scenario.ts';
import { ratio } from './scenarios.ts';

export interface Judged {
  readonly figure: string;
  readonly unit: Goal['unit'];
  /** Absent: it never came to it. */
  readonly value: number | undefined;
  readonly goal: string | undefined;
  /** Absent: it is reported only. */
  readonly met: boolean | undefined;
  /** Whether it is no better than what was reached before, either. */
  readonly worse: boolean;
}

export function judged(goal: Goal, figures: Figures): Judged {
  const value = goal.value(figures);
  const { title: figure, unit, atMost, atLeast } = goal;
  const bound = atMost ?? atLeast;
  if (bound === undefined) return { figure, unit, value, goal: undefined, met: undefined, worse: false };
  const within = (limit: number) =>
    value !== undefined && (atMost === undefined ? rounded(value) >= limit : rounded(value) <= limit);
  const shown = `${atMost === undefined ? '≥' : '≤'} ${bound}`;
  return { figure, unit, value, goal: shown, met: within(bound), worse: !within(goal.held ?? bound) };
}

/** What each stage, and each way of not doing it, is counted with: µs of a core. */
export function costsTable(refusalMicros: number): string {
  const both = [costs('plain', 'es256', refusalMicros), costs('tls', 'es256', refusalMicros)];
  const row = (title: string, ms: (of: Costs) => number) => [
    title,
    ...both.map((it) => (1_000 * ms(it)).toFixed(1)),
  ];
  return table(
    ['µs of one core', 'plain', 'TLS'],
    [
      row('accept, handshake, upgrade', (it) => it.handshakeMs),
      row('set-up with ES256', (it) => it.setUpMs),
      row('set-up with a resume token (those in a call)', (it) => it.resumeMs),
      row('503 in answer to the upgrade', (it) => it.refusalMs),
      row('closed right after it was accepted', (it) => it.dropMs),
      row('refused by the kernel', (it) => it.kernelMs),
    ],
  );
}

export function casesTable(runs: readonly Run[], figuresOf: ReadonlyMap<string, Figures>): string {
  const rows = runs.flatMap((run) => {
    const figures = figuresOf.get(keyOf(run))!;
    const title = `${run.scenario.title} (${seconds(figures.optimumMs)})`;
    return run.scenario.goals.map((goal, i) => {
      const { figure, value, unit, goal: bound, met } = judged(goal, figures);
      const shown = value === undefined ? 'never' : `${number(value)}${unit === '' ? '' : ` ${unit}`}`;
      const verdict = met === undefined ? '' : met ? 'met' : 'NOT MET';
      return [i === 0 ? title : '', figure, shown, bound ?? '', verdict];
    });
  });
  return table(['case (optimum)', 'figure', 'is', 'goal', ''], rows);
}

/** One row per policy; per scenario: 99 % back, all back, attempts, in a call. */
export function comparison(runs: readonly Run[], figuresOf: ReadonlyMap<string, Figures>): string {
  const scenarios = unique(runs.map(({ scenario }) => scenario));
  const policies = unique(runs.map(({ policy }) => policy));
  const rows = policies.map((policy) => [
    policy.title,
    ...scenarios.map((scenario) => {
      const figures = figuresOf.get(keyOf({ scenario, policy }));
      return figures === undefined ? '' : summary(scenario, figures);
    }),
  ]);
  const heads = scenarios.map(
    (scenario) =>
      `${scenario.title} (${optimumOf(
        scenario,
        policies.map((policy) => figuresOf.get(keyOf({ scenario, policy }))),
      )})`,
  );
  return table(['99 % / all back; attempts; worst second; 99 % in a call', ...heads], rows);
}

function optimumOf(_: Scenario, all: readonly (Figures | undefined)[]): string {
  return seconds(all.find((figures) => figures !== undefined)?.optimumMs ?? 0);
}

function summary({ deadForGood }: Scenario, figures: Figures): string {
  const { attempts, goodputMin, inCallMs99, backShare } = figures;
  const [first, all] = [ratio(figures.backMs99, figures), ratio(figures.backMsAll, figures)];
  const ms = deadForGood === 1 ? figures.backMs99 : undefined;
  const back =
    first === undefined
      ? `never (${number(100 * backShare)} % back after ${seconds(figures.lookedAtMs)})`
      : ms !== undefined
        ? seconds(ms)
        : `${number(first)} / ${all === undefined ? 'never' : number(all)}`;
  const goodput = goodputMin === undefined ? '' : `; ${Math.round(100 * goodputMin)} %`;
  const call =
    inCallMs99 === undefined ? '' : Number.isFinite(inCallMs99) ? `; ${seconds(inCallMs99)}` : '; never';
  return `${back}; ${number(attempts)}${goodput}${call}`;
}

export function shortfalls(runs: readonly Run[], figuresOf: ReadonlyMap<string, Figures>): readonly string[] {
  return runs.flatMap((run) =>
    run.scenario.goals
      .map((goal) => judged(goal, figuresOf.get(keyOf(run))!))
      .filter(({ met }) => met === false)
      .map(({ figure, value, goal, unit }) => {
        const is = value === undefined ? 'never' : `${number(value)} ${unit}`.trim();
        return `${run.scenario.title}: ${figure} ${is}, goal ${goal}`;
      }),
  );
}

/** Whether a figure has become worse than it was known to be. */
export function hasRegressed(runs: readonly Run[], figuresOf: ReadonlyMap<string, Figures>): boolean {
  return runs.some((run) =>
    run.scenario.goals.some((goal) => judged(goal, figuresOf.get(keyOf(run))!).worse),
  );
}

function unique<T>(all: readonly T[]): readonly T[] {
  return [...new Set(all)];
}

/** Markdown, with columns of even width. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length), 3));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}

/** Three places below ten, so that a goal of 1.02 is seen to be met. */
function number(value: number): string {
  return value < 10 ? String(rounded(value)) : value.toFixed(value < 100 ? 1 : 0);
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
