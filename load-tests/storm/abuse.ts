/**
 * Abuse: crowds that do not behave, while everybody's connections break at once; what those who behave wait longer for it.
 *
 * Without and with each crowd in turns, over the same gateways, and each time with is compared to the mean of the times
 * without before and after it. A crowd is there before the connections break, so that gateways meet it in calm as well,
 * and comes from addresses of its own, `PER_ADDRESS` from each.
 */

import { type Calm, type Drain, type Loss, lose, pause, SETTLE_MS, untilUp } from './acts.ts';
import { prepared } from './drains.ts';
import type { Judged } from './goals.ts';
import type { CrowdName, Options } from './options.ts';
import { type Guests, type Stage, type StageOptions, startStage } from './stage.ts';
import { markdownTable, progress, seconds, tell } from './telling.ts';
import { type Verdict, verdictOf } from './verdict.ts';

interface Abuse {
  readonly name: CrowdName;
  /** What each of them does. */
  readonly title: string;
  /** How many there are; below 1: as a part of the sessions that behave. */
  readonly crowd: number;
  readonly guests: Omit<Guests, 'sessions'>;
  /** All come with the token of one of them who is in a call. */
  readonly replays?: true;
  /** Its fault or metric: one of what the gateways must have counted. */
  readonly counted: string;
}

const PER_ADDRESS = 20;
/** Of all that behave, in each crowd but the last. */
const CROWD = 0.1;
const perAddress = PER_ADDRESS;

const abuses: readonly Abuse[] = [
  {
    name: 'forged',
    title: 'forged resume tokens that claim a call, a second after each refusal',
    crowd: CROWD,
    guests: { timing: 'fixed', greeting: 'forged', atPriority: true, perAddress },
    counted: 'fault RESUME_INVALID',
  },
  {
    name: 'copies',
    title: 'copies of one resume token of a call, a second after each end',
    crowd: CROWD,
    guests: { timing: 'fixed', atPriority: true, perAddress },
    replays: true,
    counted: 'fault CALL_REPLAYED',
  },
  {
    name: 'port',
    title: 'the port for calls, by clients in none, each second',
    crowd: CROWD,
    guests: { timing: 'fixed', greeting: 'proper', atPriority: true, perAddress },
    counted: 'fault NOT_IN_CALL',
  },
  {
    name: 'heedless',
    title: 'ten attempts a second, whatever is told, 2 s of patience',
    crowd: CROWD,
    guests: { timing: 'heedless', greeting: 'proper', atPriority: false, perAddress },
    counted: 'gateway_door_opened_total',
  },
  {
    name: 'silent',
    title: 'connections that never say hello, anew a second after each end',
    crowd: 10_000,
    guests: { timing: 'fixed', greeting: 'none', atPriority: false, perAddress },
    counted: 'fault NO_HELLO',
  },
];

const LONGER_MAX = 1.2;
const COMES_MS = 5_000;
const BEFORE_MS = 7_000;
/** In multiples of the optimum. */
const PATIENCE = 4;
const FAULTS = 'gateway_faults_total';
const METRICS = [
  'gateway_door_opened_total',
  'gateway_door_shunned_total',
  'gateway_door_dropped_total',
  'gateway_door_stopped_listening_total',
];

/** One drain: how long it took those who behave. */
interface Taken {
  readonly verdict: Verdict;
  readonly medianMs: number;
  readonly ms99: number;
  /** What the gateways counted, from before the crowd came. */
  readonly counts: ReadonlyMap<string, number>;
  /** Of that, from when the connections broke. */
  readonly countsSince: ReadonlyMap<string, number>;
  /** Of the crowd while it lasted. */
  readonly guests: number;
  readonly attemptsPerSecond: number;
  /** Before it. */
  readonly spreadTold: Drain['spreadTold'];
}

export interface Suffered {
  readonly abuse: Abuse;
  readonly rounds: readonly Taken[];
  /** Medians over the rounds, of what is compared to the times without before and after. */
  readonly byMedian: number;
  readonly by99: number;
}

export interface AbuseOutcome {
  readonly text: string;
  readonly judged: readonly Judged[];
}

export async function abused(options: Options, stageOptions: StageOptions): Promise<AbuseOutcome> {
  const stage = await startStage(stageOptions);
  try {
    const { calm, share } = await prepared(stage, options, undefined);
    const chosen = abuses.filter(({ name }) => options.crowds.includes(name));
    const without = [await taken(stage, undefined, calm, options)];
    const withEach = chosen.map((): { taken: Taken; by99: number; byMedian: number }[] => []);
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, abuse] of chosen.entries()) {
        const before = without.at(-1)!;
        const its = await taken(stage, abuse, calm, options);
        without.push(await taken(stage, undefined, calm, options));
        const than = (of: (one: Taken) => number) => (2 * of(its)) / (of(before) + of(without.at(-1)!));
        const by = { by99: than(({ ms99 }) => ms99), byMedian: than(({ medianMs }) => medianMs) };
        withEach[i]!.push({ taken: its, ...by });
        tell(`${abuse.name}: × ${by.byMedian.toFixed(2)} at the median, × ${by.by99.toFixed(2)} at 99 %`);
      }
    }
    const suffered = chosen.map((abuse, i) => sufferedOf(abuse, withEach[i]!));
    return {
      text: [scene(options, calm, share, stage.allowed(), without), table(without, suffered), NOTES].join(
        '\n\n',
      ),
      judged: [...suffered.flatMap(goalsOf), ...without.flatMap(countsOnly)],
    };
  } finally {
    await stage.stop();
  }
}

function sufferedOf(
  abuse: Abuse,
  rounds: readonly { readonly taken: Taken; readonly by99: number; readonly byMedian: number }[],
): Suffered {
  return {
    abuse,
    rounds: rounds.map((round) => round.taken),
    by99: median(rounds.map(({ by99 }) => by99)),
    byMedian: median(rounds.map(({ byMedian }) => byMedian)),
  };
}

/** The drain after everybody's connections broke, while the crowd is there. */
async function taken(stage: Stage, abuse: Abuse | undefined, calm: Calm, options: Options): Promise<Taken> {
  await untilUp(stage, options.drainMs);
  // By then all that are up have been for so long that a loss is a new one.
  await pause(Math.max(0, SETTLE_MS - COMES_MS - BEFORE_MS));
  const before = await countsOf(stage);
  const guests = abuse && (await invited(stage, abuse, options.sessions));
  await (guests?.ramp(COMES_MS) ?? pause(COMES_MS));
  await pause(BEFORE_MS);
  const atBreak = await countsOf(stage);
  const attempts = guests?.tally().attempts ?? 0;
  const fromMs = performance.now();
  const title = abuse?.name ?? 'nobody';
  const drain = await lose(stage, lossOf(title, guests, options), progress(title));
  const attemptsPerSecond =
    (1_000 * ((guests?.tally().attempts ?? 0) - attempts)) / (performance.now() - fromMs);
  const after = await countsOf(stage);
  const [counts, countsSince] = [grown(before, after), grown(atBreak, after)];
  if (guests !== undefined) stage.dismiss(guests);
  const one = takenOf(drain, calm, {
    counts,
    countsSince,
    attemptsPerSecond,
    guests: abuse === undefined ? 0 : sizeOf(abuse, options.sessions),
  });
  tell(lineOf(title, one));
  return one;
}

function lossOf(name: string, guests: Stage['swarm'] | undefined, { drainMs }: Options): Loss {
  return {
    ...{ name, title: name, killed: 0, replaced: false, msMax: PATIENCE * drainMs },
    async disturb({ swarm }) {
      await Promise.all([swarm.breakAll(), guests?.breakAll()]);
    },
  };
}

function takenOf(
  drain: Drain,
  calm: Calm,
  more: Pick<Taken, 'counts' | 'countsSince' | 'guests' | 'attemptsPerSecond'>,
): Taken {
  const verdict = verdictOf(drain, calm);
  const medianMs = median([...drain.episode.backMs]);
  const { spreadTold } = drain;
  return { ...more, spreadTold, verdict, medianMs, ms99: verdict.backMs99 ?? Number.POSITIVE_INFINITY };
}

function sizeOf({ crowd }: Abuse, sessions: number): number {
  return crowd < 1 ? Math.max(20, Math.round(crowd * sessions)) : crowd;
}

async function invited(stage: Stage, abuse: Abuse, sessions: number) {
  const replay = abuse.replays && (await tokenOfACall(stage));
  return stage.invite({
    sessions: sizeOf(abuse, sessions),
    ...abuse.guests,
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

// What the gateways count.

async function countsOf(stage: Stage): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const { process } of stage.gateways()) {
    const text = await (await fetch(`${process.opsUrl}/metrics`)).text();
    for (const [, name, labels, value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
      const fault = name === FAULTS ? /fault="(\w+)"/.exec(labels ?? '')?.[1] : undefined;
      if (fault === undefined && !METRICS.includes(name!)) continue;
      const key = fault === undefined ? name! : `fault ${fault}`;
      sums.set(key, (sums.get(key) ?? 0) + Number(value));
    }
  }
  return sums;
}

function grown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  const more = [...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)] as const);
  return new Map(more.filter(([, value]) => value > 0));
}

// What is said of it.

function goalsOf({ abuse, byMedian, by99, rounds }: Suffered): readonly Judged[] {
  const worst = Math.max(by99, byMedian);
  const bounded = rounds.find(({ verdict }) => verdict.bounded !== undefined)?.verdict.bounded;
  const counted = rounds.every(({ counts }) => (counts.get(abuse.counted) ?? 0) > 0);
  return [
    {
      met: worst <= LONGER_MAX && bounded === undefined,
      text: `${abuse.title}: those who behave wait ${worst.toFixed(2)} times as long, at most ${LONGER_MAX}${bounded === undefined ? '' : `; does not count: ${bounded}`}`,
    },
    { met: counted, text: `${abuse.title}: counted as ${abuse.counted}` },
  ];
}

/** What others are compared to has to count as well. */
function countsOnly({ verdict: { bounded } }: Taken): readonly Judged[] {
  return bounded === undefined
    ? []
    : [{ met: false, text: `with nobody beside them: does not count: ${bounded}` }];
}

function lineOf(
  title: string,
  { verdict, medianMs, ms99, attemptsPerSecond, countsSince, spreadTold }: Taken,
): string {
  const { usedShare, costMicros, attempts, inCallMsAll, bounded } = verdict;
  const counted = [...countsSince].map(([name, count]) => `${count} ${name}`).join(', ');
  return `${title}: median ${seconds(medianMs)}, 99 % ${seconds(ms99)}, in a call ${seconds(inCallMsAll)}; ${attempts.toFixed(2)} attempts, ${(100 * usedShare).toFixed(0)} % of the CPU allowed used, ${costMicros.toFixed(0)} µs per set-up, told ${spreadTold.gatewayMs} and ${spreadTold.fleetMs} ms; the crowd ${attemptsPerSecond.toFixed(0)}/s; ${counted}${bounded === undefined ? '' : `; DOES NOT COUNT: ${bounded}`}`;
}

function scene(
  { sessions, gateways, rounds, tls }: Options,
  { costMicros }: Calm,
  share: number,
  allowed: number,
  without: readonly Taken[],
): string {
  const range = (of: (one: Taken) => number) => {
    const sorted = without.map(of).sort((a, b) => a - b);
    return `${seconds(median(sorted))} (${seconds(sorted[0])} to ${seconds(sorted.at(-1))})`;
  };
  return [
    `${sessions} sessions over ${tls ? 'TLS 1.3' : 'plain TCP'} on ${gateways} gateways, each held to ${(100 * share).toFixed(2)} % of a core: together they set up ${((1e6 * allowed) / costMicros).toFixed(0)} a second in calm. All connections break at once, while the gateways live on. In ${rounds === 1 ? 'turns' : `${rounds} rounds of turns`} with nobody beside them and with each crowd, which comes within ${COMES_MS / 1_000} s, ${(COMES_MS + BEFORE_MS) / 1_000} s before, from addresses of its own, ${PER_ADDRESS} of it from each.`,
    `Without any crowd, ${without.length} times: half were back after ${range(({ medianMs }) => medianMs)}, 99 % after ${range(({ ms99 }) => ms99)}.`,
  ].join('\n');
}

function table(without: readonly Taken[], suffered: readonly Suffered[]): string {
  const head = [
    'beside them',
    'crowd',
    'its attempts per second',
    'half back',
    '99 % back',
    'in a call: all',
    'the gateways counted',
  ];
  const mid = (rounds: readonly Taken[], of: (one: Taken) => number) => median(rounds.map(of));
  const times = (rounds: readonly Taken[]) => ({
    medianMs: seconds(mid(rounds, ({ medianMs }) => medianMs)),
    ms99: seconds(mid(rounds, ({ ms99 }) => ms99)),
    inCall: seconds(mid(rounds, ({ verdict }) => verdict.inCallMsAll ?? Number.POSITIVE_INFINITY)),
  });
  const nobody = times(without);
  return markdownTable(head, [
    ['nobody', '', '', nobody.medianMs, nobody.ms99, nobody.inCall, ''],
    ...suffered.map(({ abuse, rounds, byMedian, by99 }) => {
      const its = times(rounds);
      return [
        abuse.title,
        String(mid(rounds, ({ guests }) => guests)),
        mid(rounds, ({ attemptsPerSecond }) => attemptsPerSecond).toFixed(0),
        `${its.medianMs} (× ${byMedian.toFixed(2)})`,
        `${its.ms99} (× ${by99.toFixed(2)})`,
        its.inCall,
        countedOf(rounds.at(-1)!),
      ];
    }),
  ]);
}

/** Over all, and while those who behave came back. */
function countedOf({ counts, countsSince }: Taken): string {
  return [...counts].map(([name, count]) => `${count} (${countsSince.get(name) ?? 0}) ${name}`).join(', ');
}

const NOTES =
  '× is the median over the rounds of the time with the crowd over the mean of the times without it, before and after. What was counted is of the last round, from before the crowd came to the end of the drain, those who behave included; in brackets: of it, after the connections broke.';

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
