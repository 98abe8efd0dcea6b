/**
 * Settings: what a load script is told by its environment (`k6 run -e NAME=value`), with defaults for a laptop.
 *
 *     URLS             gateways or balancers, with commas           ws://127.0.0.1:7600
 *     VUS, PAIRS, …    how much; each script says which it takes
 *     DURATION_S       how long, in seconds
 *     AUTH_HMAC_SECRET, AUTH_ISSUER, AUTH_AUDIENCE   tokens are signed here, with the secret of the deployment
 *     TOKENS_FILE      or taken from a JSON array of tokens, one a session
 */

export const durationMs = amount('DURATION_S', 30) * 1_000;
export const vus = amount('VUS', 2);
export const urls: readonly string[] = (__ENV['URLS'] ?? 'ws://127.0.0.1:7600').split(',');

/** A positive number out of the environment. */
export function amount(name: string, otherwise: number): number {
  const value = Number(__ENV[name] ?? otherwise);
  if (!(value > 0)) throw new Error(`${name}=${__ENV[name]} is not a positive number`);
  return value;
}

/** Any of the gateways; another one at the next attempt, as a balancer would choose. */
export function anyUrl(): string {
  return urls[Math.floor(Math.random() * urls.length)]!;
}

/** Every virtual user does one thing for the whole time, and what it opened ends it. */
export function onceForEach(extraMs: number) {
  return {
    executor: 'per-vu-iterations',
    vus,
    iterations: 1,
    maxDuration: `${Math.ceil((durationMs + extraMs) / 1_000)}s`,
  } as const;
}
