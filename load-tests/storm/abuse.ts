/**
 * Abuse: crowds that do not behave, while half of the gateways are lost; what those who behave wait longer for it.
 */

import { type Drain, type Loss, lose, pause, SETTLE_MS } from './acts.ts';
import { lossOf, prepared, refilled } from './drains.ts';
import type { Judged } from './goals.ts';
import type { Options } from './options.ts';
import { type Guests, type Stage, type StageOptions, startStage } from './stage.ts';
import { progress, seconds, tell } from './telling.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export interface Abuse {
  readonly title: string;
  /** As a part of the sessions that behave. */
  readonly share: number;
  readonly crowd: Omit<Guests, 'sessions'>;
  /** All come with the token of one of them who is in a call. */
  readonly replays?: true;
}

const abuses: readonly Abuse[] = [
  {
    title: 'forged resume tokens that claim a call, each second',
    share: 0.1,
    crowd: { timing: 'fixed', greeting: 'forged', atPriority: true },
  },
  {
    title: 'copies of one resume token of a call, each second',
    share: 0.1,
    crowd: { timing: 'fixed', atPriority: true },
    replays: true,
  },
  {
    title: 'a crowd on the port for calls',
    share: 0.1,
    crowd: { timing: 'fixed', greeting: 'proper', atPriority: true },
  },
  {
    title: 'a crowd that comes ten times a second, whatever it is told',
    share: 0.1,
    crowd: { timing: 'heedless', greeting: 'proper', atPriority: false },
  },
  {
    title: 'connections that never say hello',
    share: 1,
    crowd: { timing: 'fixed', greeting: 'none', atPriority: false },
  },
];

export interface Suffered {
  readonly title: string;
  readonly verdict: Verdict;
  readonly medianMs: number;
  readonly by99: number;
  readonly byMedian: number;
  /** What the gateways counted more of while it lasted. */
  readonly counted: Readonly<Record<string, number>>;
}

const LONGER_MAX = 1.2;
const BEFORE_MS = 5_000;
const METRICS = [
  'gateway_faults_total',
  'gateway_door_admitted_total',
  'gateway_door_dropped_total',
  'gateway_door_shunned_total',
] as const;

export interface AbuseOutcome {
  readonly text: string;
  readonly judged: readonly Judged[];
}

export async function abused(options: Options, stageOptions: StageOptions): Promise<AbuseOutcome> {
  const stage = await startStage(stageOptions);
  try {
    const { calm, share } = await prepared(stage, options, undefined);
    const loss = lossOf('half', options);
    const suffered: Suffered[] = [];
    for (const abuse of [undefined, ...abuses]) {
      if (suffered.length > 0) await refilled(stage, options, share);
      const drain = await under(stage, abuse, loss, options);
      suffered.push(sufferedOf(abuse?.title ?? 'nobody', drain, verdictOf(drain.drain, calm), suffered[0]));
      tell(line(suffered.at(-1)!));
    }
    return { text: table(suffered), judged: suffered.slice(1).map(judge) };
  } finally {
    await stage.stop();
  }
}

async function under(stage: Stage, abuse: Abuse | undefined, loss: Loss, { sessions }: Options) {
  const before = await metricsOf(stage);
  const guests = abuse && (await invited(stage, abuse, sessions));
  await guests?.ramp(2_000);
  await pause(BEFORE_MS);
  const drain = await lose(
    stage,
    { ...loss, title: abuse?.title ?? loss.title },
    progress(abuse?.title ?? 'nobody'),
  );
  // Gateways that died took their counts with them: what is left is what the others counted.
  const after = await metricsOf(stage);
  if (guests !== undefined) stage.dismiss(guests);
  await pause(SETTLE_MS);
  return { drain, counted: grown(before, after) };
}

async function invited(stage: Stage, { share, crowd, replays }: Abuse, sessions: number) {
  const replay = replays && (await tokenOfACall(stage));
  return stage.invite({
    sessions: Math.max(20, Math.round(share * sessions)),
    ...crowd,
    ...(replay === undefined ? {} : { replay }),
  });
}

/** Two call each other, and one of them gives away what he came by. */
async function tokenOfACall(stage: Stage): Promise<string> {
  const callers = await stage.invite({ sessions: 4, timing: 'law', pairs: 1, frameEveryMs: 200 });
  await callers.ramp(100);
  await pause(BEFORE_MS);
  const token = await callers.token();
  stage.dismiss(callers);
  if (token === undefined) throw new Error('nobody is in a call whose token could be copied');
  return token;
}

function sufferedOf(
  title: string,
  { drain, counted }: { readonly drain: Drain; readonly counted: Suffered['counted'] },
  verdict: Verdict,
  without: Suffered | undefined,
): Suffered {
  const sorted = [...drain.episode.backMs].sort((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const back99 = verdict.backMs99 ?? Number.POSITIVE_INFINITY;
  // Whose optimum differs, since chance gave those lost another number, is compared in multiples of it.
  const scale = without === undefined ? 1 : without.verdict.optimumMs / verdict.optimumMs;
  return {
    title,
    verdict,
    medianMs,
    by99: without === undefined ? 1 : (back99 * scale) / (without.verdict.backMs99 ?? back99),
    byMedian: without === undefined ? 1 : (medianMs * scale) / without.medianMs,
    counted,
  };
}

async function metricsOf(stage: Stage): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const { process } of stage.gateways()) {
    const text = await (await fetch(`${process.opsUrl}/metrics`)).text();
    for (const [, name, labels, value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
      if (!METRICS.includes(name as (typeof METRICS)[number])) continue;
      const what = /"(.*)"/.exec(labels ?? '')?.[1] ?? /door_(\w+)_total/.exec(name!)?.[1];
      const key = `${process.name} ${what}`;
      sums.set(key, Number(value));
    }
  }
  return sums;
}

function grown(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [key, value] of after) {
    const more = value - (before.get(key) ?? 0);
    const label = key.split(' ')[1]!;
    if (more > 0) counts[label] = (counts[label] ?? 0) + more;
  }
  return counts;
}

function judge({ title, by99, byMedian }: Suffered): Judged {
  const worst = Math.max(by99, byMedian);
  return {
    met: worst <= LONGER_MAX,
    text: `${title}: those who behave wait ${worst.toFixed(2)} times as long, at most ${LONGER_MAX}`,
  };
}

function line({ title, verdict, medianMs, by99, byMedian, counted }: Suffered): string {
  return `${title}: median ${seconds(medianMs)} (× ${byMedian.toFixed(2)}), 99 % ${seconds(verdict.backMs99)} (× ${by99.toFixed(2)}), ${verdict.attempts.toFixed(2)} attempts; ${JSON.stringify(counted)}${verdict.bounded === undefined ? '' : `; ${verdict.bounded}`}`;
}

function table(all: readonly Suffered[]): string {
  const rows = all.map(({ title, verdict, medianMs, by99, byMedian, counted }) => {
    const counts = Object.entries(counted).map(([name, count]) => `${count} × ${name}`);
    const cells = [
      title,
      `${seconds(medianMs)} (× ${byMedian.toFixed(2)})`,
      `${seconds(verdict.backMs99)} (× ${by99.toFixed(2)})`,
    ];
    return `| ${[...cells, seconds(verdict.inCallMsAll), counts.join(', '), verdict.bounded ?? ''].join(' | ')} |`;
  });
  const head = [
    'beside them',
    'median back',
    '99 % back',
    'in a call: all',
    'the gateways left counted',
    'bounded by',
  ];
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows].join('\n');
}
