/**
 * On the bus: what every operator's command does before and after its own work.
 *
 * Commands find the bus by the same variables as gateways and routers do. They end with codes that scripts can tell
 * apart: what was asked wrongly, a bus that does not answer, a configuration that is wrong.
 */

import Type from 'typebox';
import { busConfigProblem, busProperties } from '#bus/config.ts';
import { BusMisconfigured, connectNatsBus } from '#bus/nats/bus.ts';
import { type Bus, BusUnavailable } from '#bus/seams.ts';
import { type Clock, createSystemClock } from '#runtime/clock.ts';
import { ConfigError, configOrExit, EXIT_CONFIG, exitMisconfigured } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';

export const EXIT_USAGE = 64;
export const EXIT_UNAVAILABLE = 69;

/** Runs the command; gives what the process exits with. */
export async function onTheBus(
  name: string,
  run: (bus: Bus, clock: Clock) => Promise<number>,
): Promise<number> {
  const config = configOrExit(Type.Object(busProperties), [busConfigProblem]);
  const clock = createSystemClock();
  const given = { clock, random: createSystemRandom(), log: createLogger(name, 'silent') };
  try {
    const bus = await connectNatsBus(config, given);
    const code = await run(bus, clock);
    await bus.close();
    return code;
  } catch (error) {
    // A file that a variable names is read here and not before.
    if (error instanceof ConfigError) exitMisconfigured(...error.problems);
    if (!(error instanceof BusUnavailable || error instanceof BusMisconfigured)) throw error;
    console.error(`${name}: ${error.message}`);
    return error instanceof BusUnavailable ? EXIT_UNAVAILABLE : EXIT_CONFIG;
  }
}

/** Prints the help where it was asked for, or what is wrong with what was asked; else runs the command. */
export async function commanded<Asked extends object>(
  name: string,
  help: string,
  asked: Asked | 'help' | Error,
  run: (asked: Asked) => Promise<number>,
): Promise<void> {
  if (asked === 'help') {
    console.log(help);
  } else if (asked instanceof Error) {
    console.error(`${name}: ${asked.message}\n\n${help}`);
    process.exitCode = EXIT_USAGE;
  } else {
    process.exit(await run(asked));
  }
}
