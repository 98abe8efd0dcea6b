/**
 * Doors: the operator's command that shows how the doors of all gateways stand.
 *
 *     npm run doors -- --watch
 *
 * It hears what gateways report every 250 ms, and changes nothing.
 */

import '#runtime/node-version.ts';
import { parseArgs } from 'node:util';
import type { Clock } from '#runtime/clock.ts';
import { type FleetState, fleetState } from './fleet.ts';
import { listen } from './listen.ts';
import { commanded, EXIT_UNAVAILABLE, onTheBus } from './on-the-bus.ts';
import { fleetText } from './tables.ts';

const help = `Shows how the doors of all gateways stand: who listens, who waits, and how long it will take.

  npm run doors -- [--watch] [--json] [--seconds N]

  --watch      again every second, until interrupted
  --json       one JSON object (with --watch: one a line), for scripts
  --seconds N  listens for so long before it shows anything; default 1.5
  --help       this text

It finds the bus by the same variables as gateways and routers do (NATS_URL, …).
Exit codes: 0 shown, 64 wrong usage, 69 the bus does not answer or no gateway was heard, 78 wrong configuration.
`;

interface Asked {
  readonly watch: boolean;
  readonly json: boolean;
  readonly listenMs: number;
}

const LISTEN_MS = 1_500;
const LISTEN_SECONDS_MAX = 600;
const AGAIN_MS = 1_000;

export function doorsAsked(args: readonly string[]): Asked | 'help' | Error {
  const flag = { type: 'boolean' } as const;
  const options = { watch: flag, json: flag, seconds: { type: 'string' }, help: flag } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) return 'help';
    const seconds = values.seconds === undefined ? LISTEN_MS / 1_000 : Number(values.seconds);
    if (!(seconds > 0 && seconds <= LISTEN_SECONDS_MAX)) {
      return new Error(`--seconds has to be a number up to ${LISTEN_SECONDS_MAX}`);
    }
    return { watch: values.watch === true, json: values.json === true, listenMs: 1_000 * seconds };
  } catch (error) {
    return error as Error;
  }
}

function doors({ watch, json, listenMs }: Asked): Promise<number> {
  return onTheBus('doors', async (bus, clock) => {
    const listening = listen(bus.post, clock);
    await passed(clock, listenMs);
    show(fleetState(listening.heard, clock.monotonicMs()), listening.unreadable, json, watch);
    while (watch) {
      listening.beginAnew();
      await passed(clock, AGAIN_MS);
      show(fleetState(listening.heard, clock.monotonicMs()), listening.unreadable, json, true);
    }
    listening.stop();
    return listening.heard.size > 0 ? 0 : EXIT_UNAVAILABLE;
  });
}

function show(state: FleetState, unreadable: number, json: boolean, watch: boolean): void {
  if (json) return console.log(JSON.stringify(state));
  if (watch && process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[H');
  console.log(fleetText(state));
  if (unreadable > 0) console.error(`doors: ${unreadable} messages could not be read (another release?)`);
}

function passed(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

if (import.meta.main) await commanded('doors', help, doorsAsked(process.argv.slice(2)), doors);
