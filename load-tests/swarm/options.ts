/** Options: the command line of a swarm. */

import { parseArgs } from 'node:util';
import { type Timing, timings } from './orders.ts';

export const help = `npm run swarm -- [options]

Holds many sessions of real clients, from several processes and many addresses of loopback.

  --sessions N    how many (default 2000)
  --ramp TIME     over which they come (default 10s)
  --hold TIME     for which they stay, in which --kill falls (default 20s)
  --url URL       of a gateway, more than once for several; without it a fleet of its own is started
  --secret TEXT   with --url: what the gateways take tokens of (AUTH_HMAC_SECRET)
  --gateways N    of the fleet of its own (default 2)
  --routers N     (default 1)
  --tls           the fleet of its own speaks TLS
  --kill N        kills so many of its own gateways a third into the hold
  --pairs N       pairs that exchange frames, with a check that none is lost or doubled (default 1 of 50 sessions)
  --every TIME    between two frames of one client (default 2s)
  --timing NAME   of clients that come back: ${timings.join(', ')} (default law: the SDK's own)
  --seed N        of all chance (default 1)
  --json FILE     writes the report
  --help

TIME is 500ms, 30s or 2m. Ctrl-C ends it and reports what there is.
Exits with 1 where a session is missing at the end, or a frame was lost or doubled.`;

export interface Options {
  readonly sessions: number;
  readonly rampMs: number;
  readonly holdMs: number;
  readonly urls: readonly string[];
  readonly secret: string | undefined;
  readonly gateways: number;
  readonly routers: number;
  readonly tls: boolean;
  readonly kill: number;
  readonly pairs: number;
  readonly everyMs: number;
  readonly timing: Timing;
  readonly seed: number;
  readonly json: string | undefined;
}

/** What was asked for; a text: what is wrong with it; `undefined`: help. */
export function optionsOf(args: readonly string[]): Options | string | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: declared });
    if (values.help) return undefined;
    return checked(values);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const text = (value: string) => ({ type: 'string', default: value }) as const;
const flag = { type: 'boolean', default: false } as const;
const declared = {
  sessions: text('2000'),
  ramp: text('10s'),
  hold: text('20s'),
  url: { type: 'string', multiple: true },
  secret: { type: 'string' },
  gateways: text('2'),
  routers: text('1'),
  tls: flag,
  kill: text('0'),
  pairs: { type: 'string' },
  every: text('2s'),
  timing: text('law'),
  seed: text('1'),
  json: { type: 'string' },
  help: flag,
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof declared }>>['values'];

function checked(values: Values): Options {
  const sessions = whole('sessions', values.sessions, 2, 1_000_000);
  const gateways = whole('gateways', values.gateways, 1, 100);
  const urls = values.url ?? [];
  if (urls.length > 0 && values.secret === undefined) throw new Error('--url needs --secret');
  const timing = timings.find((name) => name === values.timing);
  if (timing === undefined) throw new Error(`--timing is one of ${timings.join(', ')}`);
  return {
    sessions,
    rampMs: milliseconds('ramp', values.ramp),
    holdMs: milliseconds('hold', values.hold),
    urls,
    secret: values.secret,
    gateways,
    routers: whole('routers', values.routers, 1, 20),
    tls: values.tls,
    kill: whole('kill', values.kill, 0, gateways - 1),
    pairs: whole('pairs', values.pairs ?? String(Math.floor(sessions / 100)), 0, Math.floor(sessions / 2)),
    everyMs: milliseconds('every', values.every),
    timing,
    seed: whole('seed', values.seed, 0, 2 ** 20),
    json: values.json,
  };
}

/** @throws naming the option and its bounds. */
export function whole(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`--${name} is a whole number from ${least} to ${most}, not ${value}`);
}

/** @throws naming the option. */
export function milliseconds(name: string, value: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(value) ?? [];
  if (number === undefined) throw new Error(`--${name} is a time such as 500ms, 30s or 2m, not ${value}`);
  return Number(number) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000);
}
