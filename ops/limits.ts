/**
 * Limits: the operator's command that sets and shows what the fleet may do, while everything runs.
 *
 *     npm run limits -- --set tokenService=500 --dry-run
 *     npm run limits -- --set tokenService=500
 *     npm run limits -- --clear tokenService
 *
 * What is set stands on the bus, so it outlives every process; routers heed it within a second.
 */

import '#runtime/node-version.ts';
import { parseArgs } from 'node:util';
import { type Bus, BusUnavailable, type LeaseEntry } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import {
  encodeAdmission,
  LIMITS_KEY,
  type LimitName,
  type Limits,
  limitNames,
  readLimits,
} from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { limitedBy } from './fleet.ts';
import { listen } from './listen.ts';
import { commanded, onTheBus } from './on-the-bus.ts';
import { type Counts, limitsText, limitUnits } from './tables.ts';

const help = `Sets and shows limits of the whole fleet, while everything runs.

  npm run limits -- [--set NAME=NUMBER]… [--clear NAME]… [--dry-run] [--json]

${limitNames.map((name) => `  ${name.padEnd(14)}${limitUnits[name]}`).join('\n')}

  --set NAME=NUMBER  this limit, from 0.1 to 1000000; it replaces the one of the routers' configuration
  --clear NAME       back to what is configured
  --dry-run          with --set: holds nobody up, and counts whom it would have held up
  --json             one JSON object, for scripts
  --help             this text

Without --set and --clear it shows what is set, and how many it has held up since the gateways began.
It finds the bus by the same variables as gateways and routers do (NATS_URL, …).
Exit codes: 0 done, 64 wrong usage, 69 the bus does not answer, 78 wrong configuration.
`;

export interface Asked {
  readonly set: Limits;
  readonly clear: readonly LimitName[];
  readonly json: boolean;
}

const VALUE_MIN = 0.1;
const VALUE_MAX = 1_000_000;
const TRIES = 5;
const READ_MS_MAX = 5_000;
/** Every gateway has reported twice by then. */
const LISTEN_MS = 700;

export function limitsAsked(args: readonly string[]): Asked | 'help' | Error {
  const [named, flag] = [{ type: 'string', multiple: true } as const, { type: 'boolean' } as const];
  const options = { set: named, clear: named, 'dry-run': flag, json: flag, help: flag } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) return 'help';
    const dryRun = values['dry-run'] === true;
    if (dryRun && values.set === undefined) return new Error('--dry-run goes with --set');
    const set = Object.assign({}, ...(values.set ?? []).map((text) => limitOf(text, dryRun))) as Limits;
    const clear = (values.clear ?? []).map(nameOf);
    const both = clear.find((name) => set[name] !== undefined);
    if (both !== undefined) return new Error(`${both} is both set and cleared`);
    return { set, clear, json: values.json === true };
  } catch (error) {
    return error as Error;
  }
}

function limitOf(text: string, dryRun: boolean): Limits {
  const [name = '', number, ...more] = text.split('=');
  const value = Number(number);
  if (number === undefined || number.trim() === '' || more.length > 0) {
    throw new Error(`--set ${text}: NAME=NUMBER is expected`);
  }
  if (!(value >= VALUE_MIN && value <= VALUE_MAX)) {
    throw new Error(`--set ${text}: the number has to be from ${VALUE_MIN} to ${VALUE_MAX}`);
  }
  return { [nameOf(name)]: { value, ...(dryRun && { dryRun: true }) } };
}

function nameOf(text: string): LimitName {
  const name = limitNames.find((one) => one === text);
  if (name === undefined) throw new Error(`there is no limit ${text}; there are ${limitNames.join(', ')}`);
  return name;
}

/** What stands after what was asked for. */
export function limitsAfter(before: Limits, { set, clear }: Pick<Asked, 'set' | 'clear'>): Limits {
  const kept = Object.entries({ ...before, ...set }).filter(([name]) => !clear.includes(name as LimitName));
  return Object.fromEntries(kept);
}

function limits(asked: Asked): Promise<number> {
  return onTheBus('limits', async (bus, clock) => {
    const changes = Object.keys(asked.set).length > 0 || asked.clear.length > 0;
    const now = changes ? await written(bus, clock, asked) : (await standing(bus, clock)).limits;
    const counts = await counted(bus, clock);
    if (asked.json) console.log(JSON.stringify({ limits: now, counts: counts ?? null }));
    else console.log(limitsText(now, counts));
    return 0;
  });
}

/** Another operator may write at the same time: then what that one wrote is what is changed. */
async function written(bus: Bus, clock: Clock, asked: Asked): Promise<Limits> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await standing(bus, clock);
    const after = limitsAfter(before.limits, asked);
    const value = encodeAdmission({ v: NODE_VERSION, limits: after });
    const { kind } = await bus.settings.compareAndSet(LIMITS_KEY, value, before.revision);
    if (kind === 'taken') return after;
    if (kind === 'undecided') break;
  }
  throw new BusUnavailable('the limits may not have been written; look at them again');
}

/** What is set now. What cannot be read counts as nothing, and is written over. */
function standing({ settings }: Bus, clock: Clock): Promise<{ limits: Limits; revision: number }> {
  return new Promise((resolve, reject) => {
    clock.after(READ_MS_MAX, () => reject(new BusUnavailable('the limits cannot be read')));
    let found = { limits: {}, revision: 0 };
    const cancel = settings.watch({
      entry({ key, value, revision }: LeaseEntry) {
        if (key !== LIMITS_KEY) return;
        const read = value === undefined ? undefined : readLimits(value);
        found = {
          limits: typeof read === 'object' ? read.limits : {},
          revision: value === undefined ? 0 : revision,
        };
      },
      ready() {
        cancel();
        resolve(found);
      },
    });
  });
}

/** `undefined` where no gateway reports. */
async function counted(bus: Bus, clock: Clock): Promise<Counts | undefined> {
  const listening = listen(bus.post, clock);
  await new Promise<void>((resolve) => clock.after(LISTEN_MS, resolve));
  listening.stop();
  const { heard } = listening;
  if (heard.size === 0) return undefined;
  const [did, would] = [limitedBy(heard, 'limited'), limitedBy(heard, 'wouldLimit')];
  const all = { did: did.all, would: would.all };
  return {
    tokenService: { did: did.fresh, would: would.fresh },
    ...{ log: all, directory: all },
    perAddress: { did: did.perAddress, would: would.perAddress },
    perUser: { did: did.perUser, would: would.perUser },
  };
}

if (import.meta.main) await commanded('limits', help, limitsAsked(process.argv.slice(2)), limits);
