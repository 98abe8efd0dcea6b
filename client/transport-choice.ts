/**
 * Transport choice: WebSocket wherever it gets through, long poll where something in between blocks it.
 *
 * Blocked looks like: attempts fail before they are open, and a poll works. A service that takes nobody just
 * now looks the same at first, so where a WebSocket has opened before on this network it takes more to be
 * convinced. Then the two alternate until one is welcomed.
 *
 * Pure.
 */

import type { Flow } from './flow.ts';

export interface TransportChoice {
  /** WebSockets that failed before they were open, since the last that opened. */
  readonly failures: number;
  /** A WebSocket has opened on this network. */
  readonly webSocketWorked: boolean;
  readonly next: Flow['transport'];
}

export const untried: TransportChoice = { failures: 0, webSocketWorked: false, next: 'websocket' };

const FAILURES_MAX = 2;
const FAILURES_AFTER_SUCCESS_MAX = 4;

export function opened(choice: TransportChoice, transport: Flow['transport']): TransportChoice {
  return transport === 'poll' ? choice : { failures: 0, webSocketWorked: true, next: 'websocket' };
}

/** An attempt ended before it was welcomed. */
export function failed(
  choice: TransportChoice,
  transport: Flow['transport'],
  wasOpen: boolean,
): TransportChoice {
  if (transport === 'poll') return { ...choice, next: 'websocket' };
  if (wasOpen) return choice;
  const failures = choice.failures + 1;
  const blocked = failures >= (choice.webSocketWorked ? FAILURES_AFTER_SUCCESS_MAX : FAILURES_MAX);
  return { ...choice, failures, next: blocked ? 'poll' : 'websocket' };
}
