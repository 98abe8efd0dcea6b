/**
 * Snowshed: one client of the service, joined from flows and the three cores that decide.
 */

import type { ConnectOptions, Snowshed } from './api.ts';

/** Begins to connect at once and stays connected until `close`. */
export function connect(options: ConnectOptions): Snowshed {
  throw new Error(`not connected: ${options.url}`);
}
