/**
 * Scenarios: what can happen in a storm, and what each is to show.
 */

import { randomBytes } from 'node:crypto';
import type { Timing } from '../swarm/orders.ts';
import { abused } from './abuse.ts';
import { pause } from './acts.ts';
import { lossOf, type Played, play } from './drains.ts';
import { disturbedGoals, type Judged, ledgerGoals, lossGoals } from './goals.ts';
import type { Door, Options } from './options.ts';
import { overloaded } from './overload.ts';
import { naiveTable, playedSection } from './section.ts';
import type { Stage, StageOptions } from './stage.ts';
import { tell } from './telling.ts';

export interface Outcome {
  readonly scenario: Options['scenario'];
  /** Markdown. */
  readonly text: string;
  /** Goals that were not met. */
  readonly missed: readonly string[];
  readonly pictures: readonly { readonly name: string; readonly svg: string }[];
  readonly played: readonly Played[];
}

/** @param partly told what there is so far, where a scenario has several parts. */
export function perform(options: Options, partly: (outcome: Outcome) => void): Promise<Outcome> {
  switch (options.scenario) {
    case 'drain':
      return drain(options);
    case 'naive':
      return naive(options, partly);
    case 'abuse':
      return judgedBy(options, abused(options, stageOptions(options)));
    case 'overload':
      return judgedBy(options, overloaded(options, stageOptions(options)));
    default:
      return disturbed(options, disturbances[options.scenario]);
  }
}

async function drain(options: Options): Promise<Outcome> {
  const losses = options.losses.map((name) => lossOf(name, options));
  const played = await play(options, stageOptions(options), losses);
  return outcomeOf(options, played);
}

function outcomeOf(options: Options, played: Played, goalsOf = lossGoals): Outcome {
  const { text, pictures, judged } = playedSection(options, played, goalsOf);
  const missed = [...judged, ...ledgerGoals(played.ledger)]
    .filter(({ met }) => !met)
    .map((it: Judged) => it.text);
  return { scenario: options.scenario, text, missed, pictures, played: [played] };
}

/** What a server does that knows no door, and clients that know no law. */
const variants: readonly { readonly door: Door; readonly timing: Timing; readonly title: string }[] = [
  { door: 'law', timing: 'law', title: 'the law' },
  { door: 'open', timing: 'socketIo', title: 'takes all, Socket.IO timing' },
  { door: 'refuse', timing: 'fullJitter', title: '503 over a limit, full jitter to 30 s' },
  { door: 'open', timing: 'fullJitter', title: 'takes all, full jitter to 30 s' },
  { door: 'open', timing: 'fixed', title: 'takes all, each second' },
];
/** Whom this does not bring back is not waited for: in multiples of the optimum. */
const NAIVE_PATIENCE = 1.5;

async function naive(options: Options, partly: (outcome: Outcome) => void): Promise<Outcome> {
  const played: Played[] = [];
  for (const { door, timing, title } of variants) {
    tell(`--- ${title}`);
    const its = { ...options, door, timing };
    const loss = { ...lossOf('half', its, NAIVE_PATIENCE), title };
    played.push(await play(its, stageOptions(its), [loss], played[0]));
    partly(comparedOf(options, played));
  }
  return comparedOf(options, played);
}

function comparedOf(options: Options, played: readonly Played[]): Outcome {
  const { text, pictures } = naiveTable(options, played);
  const judged = played.slice(0, 1).flatMap(({ results }) => results.flatMap(lossGoals));
  const missed = judged.filter(({ met }) => !met).map((it) => it.text);
  return { scenario: 'naive', text, missed, pictures, played };
}

/** Into the drain, and how long what is done then lasts. */
const DISTURBED_AFTER_SHARE = 0.3;
const AWAY_MS = 20_000;

async function judgedBy(
  { scenario }: Options,
  outcome: Promise<{ readonly text: string; readonly judged: readonly Judged[] }>,
): Promise<Outcome> {
  const { text, judged } = await outcome;
  const missed = judged.filter(({ met }) => !met).map((it) => it.text);
  const verdict =
    missed.length === 0 ? 'All goals are met.' : `Not met:\n\n${missed.map((it) => `- ${it}`).join('\n')}`;
  return { scenario, text: `${text}\n\n${verdict}`, missed, pictures: [], played: [] };
}

async function disturbed(options: Options, act: Disturbance): Promise<Outcome> {
  const loss = {
    ...lossOf('half', options),
    title: act.title,
    async disturb(stage: Stage) {
      await pause(DISTURBED_AFTER_SHARE * options.drainMs);
      await act.do(stage);
    },
  };
  const played = await play(options, stageOptions(options), [loss]);
  return outcomeOf(options, played, disturbedGoals(act.outageMs));
}

interface Disturbance {
  readonly title: string;
  readonly outageMs: number;
  do(stage: Stage): Promise<void>;
}

const disturbances: { readonly [name in 'router' | 'nats' | 'stopped']: Disturbance } = {
  router: {
    title: 'half of the gateways are killed; a router is killed in mid-drain',
    // Its partitions are taken over within this.
    outageMs: 5_000,
    do: ({ scene }) => scene.fleet.routers[0]!.kill(),
  },
  nats: {
    title: 'half of the gateways are killed; NATS is away for 20 s in mid-drain',
    outageMs: AWAY_MS,
    async do({ scene }) {
      await scene.fleet.nats!.kill();
      await pause(AWAY_MS);
      await scene.fleet.nats!.start();
    },
  },
  stopped: {
    title: 'half of the gateways are killed; one of the others is stopped (SIGSTOP) for 20 s in mid-drain',
    outageMs: AWAY_MS,
    async do(stage) {
      const [{ process }] = stage.gateways() as [ReturnType<Stage['gateways']>[number]];
      process.signal('SIGSTOP');
      await pause(AWAY_MS);
      process.signal('SIGCONT');
    },
  },
};

function stageOptions({ sessions, gateways, tls, timing, seed, door }: Options): StageOptions {
  return {
    ...{ sessions, gateways, routers: 2, tls, timing, seed },
    pairs: Math.max(1, Math.round(sessions / 200)),
    secret: randomBytes(32).toString('base64url'),
    env: { GATEWAY_DOOR: door },
  };
}
