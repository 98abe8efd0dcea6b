/**
 * Times: what the service tells in milliseconds, as far as it is a time. A timer set to anything else would fire at
 * once, or never be set again.
 */

import type { Spread } from '#wire/messages.ts';

/** `undefined`: it is none. */
export function timeOf(told: unknown): number | undefined {
  return typeof told === 'number' && Number.isFinite(told) && told >= 0 ? told : undefined;
}

export function areWindows(told: Partial<Spread> | undefined): told is Spread {
  return timeOf(told?.gatewayMs) !== undefined && timeOf(told?.fleetMs) !== undefined;
}
