/**
 * Command line: the options of a command that people run; its help for `--help`, and where it is asked wrongly one
 * line that says why, the help, and exit code 64.
 */

import { type ParseArgsConfig, parseArgs } from 'node:util';

const EXIT_USAGE = 64;

export interface Command {
  readonly name: string;
  readonly help: string;
}

type Parsed<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>;

/** What was asked for, out of the arguments of this process. */
export function askedOf<const Config extends ParseArgsConfig>(
  command: Command,
  config: Config,
): Parsed<Config> {
  if (process.argv.slice(2).includes('--help')) {
    console.log(command.help);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return misused(command, error instanceof Error ? error.message : String(error));
  }
}

/** The number that an option names, if it is one within these bounds. */
export function numberOf(
  command: Command,
  option: string,
  text: string,
  { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number },
): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  const most = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`;
  return misused(command, `--${option} is a number from ${min}${most}, not ${text}`);
}

export function misused({ name, help }: Command, why: string): never {
  console.error(`${name}: ${why}\n\n${help}`);
  process.exit(EXIT_USAGE);
}
