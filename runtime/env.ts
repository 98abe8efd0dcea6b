/**
 * Environment: the variables this process was started with.
 *
 * Only this file reads `process.env`; everything else is handed what `readConfig` made of it.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

export function environment(): Environment {
  return process.env;
}

/** Tells a native part that reads the environment itself; where the operator has said something, that counts. */
export function setUnlessGiven(name: string, value: string): void {
  process.env[name] ??= value;
}
