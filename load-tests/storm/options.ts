/** Options: the command line of the storm. */

import { parseArgs } from 'node:util';
import { milliseconds, whole } from '../swarm/options.ts';
import { type Timing, timings } from '../swarm/orders.ts';

export const scenarioNames = ['drain', 'naive', 'overload', 'router', 'nats', 'stopped', 'abuse'] as const;
export type ScenarioName = (typeof scenarioNames)[number];
export const crowdNames = ['forged', 'copies', 'port', 'heedless', 'silent'] as const;
export type CrowdName = (typeof crowdNames)[number];
export const doors = ['law', 'open', 'refuse'] as const;
export type Door = (typeof doors)[number];

export const help = `npm run storm -- [options]

Starts a fleet whose gateways are held down by a CPU quota, and a swarm of real clients; kills gateways and measures how
long the clients take to come back, beside the optimum and the simulation. Needs Linux, root, openssl and a nats-server.

  --scenario NAME  ${scenarioNames.join(', ')} (default drain)
  --sessions N     (default 60000)
  --gateways N     half of them must be able to carry all (default 8)
  --drain TIME     how long the optimum is to be: the quota follows from it (default 70s)
  --minutes N      of the sustained overload (default 5)
  --losses LIST    of drain: half, all, one (default all three)
  --crowds LIST    of abuse: ${crowdNames.join(', ')} (default all)
  --rounds N       of abuse (default 1)
  --door NAME      ${doors.join(', ')} (default law); naive runs the others
  --timing NAME    of the clients: ${timings.join(', ')} (default law)
  --plain          without TLS
  --seed N         of all chance (default 1)
  --json FILE      writes what was measured
  --write          writes the section of docs/storm.md and its pictures
  --help

Exits with 1 where a goal is not met, or where the swarm was what bounded the run.`;

export interface Options {
  readonly scenario: ScenarioName;
  readonly sessions: number;
  readonly gateways: number;
  readonly drainMs: number;
  readonly minutes: number;
  readonly losses: readonly string[];
  readonly crowds: readonly CrowdName[];
  readonly rounds: number;
  readonly door: Door;
  readonly timing: Timing;
  readonly tls: boolean;
  readonly seed: number;
  readonly json: string | undefined;
  readonly write: boolean;
}

const text = (value: string) => ({ type: 'string', default: value }) as const;
const flag = { type: 'boolean', default: false } as const;
const declared = {
  scenario: text('drain'),
  sessions: text('60000'),
  gateways: text('8'),
  drain: text('70s'),
  minutes: text('5'),
  losses: text('half,all,one'),
  crowds: text(crowdNames.join(',')),
  rounds: text('1'),
  door: text('law'),
  timing: text('law'),
  plain: flag,
  seed: text('1'),
  json: { type: 'string' },
  write: flag,
  help: flag,
} as const;

/** What was asked for; a text: what is wrong with it; `undefined`: help. */
export function optionsOf(args: readonly string[]): Options | string | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: declared });
    if (values.help) return undefined;
    const { json, write } = values;
    return {
      scenario: oneOf('scenario', values.scenario, scenarioNames),
      sessions: whole('sessions', values.sessions, 100, 200_000),
      gateways: whole('gateways', values.gateways, 2, 32),
      drainMs: milliseconds('drain', values.drain),
      minutes: Number(values.minutes),
      losses: values.losses.split(',').map((name) => oneOf('losses', name, ['one', 'half', 'all'])),
      crowds: values.crowds.split(',').map((name) => oneOf('crowds', name, crowdNames)),
      rounds: whole('rounds', values.rounds, 1, 20),
      door: oneOf('door', values.door, doors),
      timing: oneOf('timing', values.timing, timings),
      tls: !values.plain,
      seed: whole('seed', values.seed, 0, 2 ** 20),
      json,
      write,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function oneOf<Name extends string>(option: string, value: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found === undefined) throw new Error(`--${option} is one of ${names.join(', ')}, not ${value}`);
  return found;
}
