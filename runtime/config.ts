/**
 * Configuration: the environment variables of a process, as one schema says them.
 *
 * A schema is a TypeBox object with one property per variable: an integer, a number, a boolean (`true` or
 * `false`), a text, or one of some words. Defaults are applied, an empty variable counts as not set, and
 * everything that is wrong is said at once: the variable and what is expected, never the value, which may
 * be a secret. `title` of a schema names what a text has to be (`an http or https URL`), `writeOnly` marks a
 * secret; `docs/config.md` and the chart are generated from the same schema.
 */

import assert from 'node:assert/strict';
import type { Static, TObject, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { type Environment, environment } from './env.ts';

/** What contradicts itself in a configuration whose variables are each right, or `undefined`. */
export type ConfigCheck<Config> = (config: Config) => string | undefined;

/** BSD's `EX_CONFIG`: starting again without another configuration is of no use. */
export const EXIT_CONFIG = 78;

/** Everything that is wrong with the environment, one line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`configuration: ${problems.join('; ')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * The configuration in these variables.
 *
 * @param checks look for contradictions between variables, once each of them is right.
 * @throws ConfigError that names every bad variable.
 */
export function readConfig<Schema extends TObject>(
  schema: Schema,
  env: Environment,
  checks: readonly ConfigCheck<Static<Schema>>[] = [],
): Static<Schema> {
  const config: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, property] of Object.entries(schema.properties)) {
    const text = env[name];
    if (text === undefined || text === '') {
      const absent = valueWhenNotSet(schema, name, property);
      if (absent === 'missing') problems.push(`${name} is not set; it has to be ${expectation(property)}`);
      else if (absent.value !== undefined) config[name] = absent.value;
    } else {
      const value = parsed(property, text);
      if (value !== undefined && Check(property, value)) config[name] = value;
      else problems.push(`${name} has to be ${expectation(property)}`);
    }
  }
  if (problems.length === 0) problems.push(...contradictions(config as Static<Schema>, checks));
  if (problems.length > 0) throw new ConfigError(problems);
  return config as Static<Schema>;
}

/** The configuration of this process; where it is wrong, says how on standard error and exits with 78. */
export function configOrExit<Schema extends TObject>(
  schema: Schema,
  checks: readonly ConfigCheck<Static<Schema>>[] = [],
): Static<Schema> {
  try {
    return readConfig(schema, environment(), checks);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    exitMisconfigured(...error.problems);
  }
}

/** What turned out to be wrong only beside what stands there already: says how, and exits with 78. */
export function exitMisconfigured(...problems: readonly string[]): never {
  for (const problem of problems) console.error(`configuration: ${problem}`);
  process.exit(EXIT_CONFIG);
}

/** The items of a list such as `a, b,c`; of `undefined`, none. */
export function commaList(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** What a variable has to be, as the end of a sentence: `an integer from 1 to 65535`. */
export function expectation(property: TSchema): string {
  const schema = property as JsonSchema;
  if (schema.title !== undefined) return schema.title;
  const words = wordsOf(schema);
  if (words !== undefined) return words.length === 1 ? words[0]! : `one of ${words.join(', ')}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') return `an integer${range(schema.minimum, schema.maximum)}`;
  if (schema.type === 'number') return `a number${range(schema.minimum, schema.maximum)}`;
  return `a text${lengthRange(schema.minLength, schema.maxLength)}`;
}

/** The words that an enumeration or a union of literals allows, or `undefined` where it is neither. */
export function wordsOf(schema: JsonSchema): readonly string[] | undefined {
  if (schema.const !== undefined) return [String(schema.const)];
  if (schema.enum !== undefined) return schema.enum.map(String);
  return schema.anyOf?.flatMap((one) => wordsOf(one) ?? []);
}

/** The part of JSON Schema that configuration uses. */
export interface JsonSchema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly writeOnly?: boolean;
}

function valueWhenNotSet(schema: TObject, name: string, property: TSchema): 'missing' | { value: unknown } {
  const fallback = (property as JsonSchema).default;
  if (fallback !== undefined) {
    assert(Check(property, fallback), `the default of ${name} does not fit its own schema`);
    return { value: fallback };
  }
  const required = (schema as { required?: readonly string[] }).required ?? [];
  return required.includes(name) ? 'missing' : { value: undefined };
}

const decimalInteger = /^-?\d{1,16}$/;
const decimalNumber = /^-?\d{1,16}(\.\d{1,16})?$/;

/** The value that a text stands for, or `undefined` where it stands for none of this type. */
function parsed(property: TSchema, text: string): unknown {
  const schema = property as JsonSchema;
  const members = schema.anyOf?.map((one) => one.const) ?? schema.enum;
  if (members !== undefined) return members.find((member) => String(member) === text);
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (schema.type === 'integer') return decimalInteger.test(text) ? Number(text) : undefined;
  if (schema.type === 'number') return decimalNumber.test(text) ? Number(text) : undefined;
  return text;
}

function contradictions<Config>(config: Config, checks: readonly ConfigCheck<Config>[]): readonly string[] {
  return checks.map((check) => check(config)).filter((problem) => problem !== undefined);
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}

function lengthRange(minLength: number | undefined, maxLength: number | undefined): string {
  // An empty text counts as not set, so that at least one character goes without saying.
  const length = range(minLength === 1 ? undefined : minLength, maxLength);
  return length === '' ? '' : `${length.replace('from', 'of')} characters`;
}
