/**
 * Environment: the variables this process was started with.
 *
 * Only this file reads `process.env`; everything else is handed what `readConfig` made of it.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

export function environment(): Environment {
  return process.env;
}
