/**
 * Transport choice: WebSocket wherever it gets through, long poll where something in between blocks it.
 *
 * Blocked looks like: attempts fail before anything has come, be they open or not, and a poll works. A service that
 * takes nobody just now looks the same at first, so where a WebSocket has worked before on this network it takes more
 * to be convinced. Then the two alternate until one is welcomed.
 *
 * Pure.
 */

import type { Flow } from './flow.ts';

export interface TransportChoice {
  /** WebSockets that failed before anything had come, since the last by which something came. */
  readonly failures: number;
  /** Something has come by a WebSocket on this network. */
  readonly webSocketWorked: boolean;
  readonly next: Flow['transport'];
}

export const untried: TransportChoice = { failures: 0, webSocketWorked: false, next: 'websocket' };

const FAILURES_MAX = 2;
const FAILURES_AFTER_SUCCESS_MAX = 4;

/** Something came. */
export function worked(choice: TransportChoice, transport: Flow['transport']): TransportChoice {
  return transport === 'poll' ? choice : { failures: 0, webSocketWorked: true, next: 'websocket' };
}

/** An attempt ended before it was welcomed. */
export function failed(
  choice: TransportChoice,
  transport: Flow['transport'],
  hadWorked: boolean,
): TransportChoice {
  if (transport === 'poll') return { ...choice, next: 'websocket' };
  if (hadWorked) return choice;
  const failures = choice.failures + 1;
  const blocked = failures >= (choice.webSocketWorked ? FAILURES_AFTER_SUCCESS_MAX : FAILURES_MAX);
  return { ...choice, failures, next: blocked ? 'poll' : 'websocket' };
}
