/**
 * Arrivals: in which order what came from other nodes is handed to the program, in both implementations.
 *
 * A request is answered through a promise, everything else by a callback. Whoever awaits the answer runs
 * only when the current turn of the event loop lets go, and must not find then that a message sent after
 * the answer was handled before it. So a message that comes behind an answer waits for the next turn;
 * where no answer is about, nothing waits.
 */

import type { Clock } from '#runtime/clock.ts';

export type Received = (data: Uint8Array, subject: string, reply: string | undefined) => void;
export type Settle = (data: Uint8Array) => void;

export interface Arrivals {
  message(received: Received, data: Uint8Array, subject: string, reply: string | undefined): void;
  answer(settle: Settle, data: Uint8Array): void;
}

type Waiting =
  | { readonly settle: Settle; readonly data: Uint8Array }
  | {
      readonly settle: undefined;
      readonly received: Received;
      readonly data: Uint8Array;
      readonly subject: string;
      readonly reply: string | undefined;
    };

export function createArrivals(clock: Clock): Arrivals {
  let waiting: Waiting[] = [];
  /** An answer was handed over in this turn, and whoever awaits it may not have run yet. */
  let settling = false;

  function answer(settle: Settle, data: Uint8Array): void {
    if (waiting.length > 0) {
      waiting.push({ settle, data });
      return;
    }
    if (!settling) {
      settling = true;
      clock.soon(goOn);
    }
    settle(data);
  }

  function message(received: Received, data: Uint8Array, subject: string, reply: string | undefined): void {
    if (settling) waiting.push({ settle: undefined, received, data, subject, reply });
    else received(data, subject, reply);
  }

  function goOn(): void {
    settling = false;
    const due = waiting;
    waiting = [];
    for (const item of due) {
      if (item.settle !== undefined) answer(item.settle, item.data);
      else message(item.received, item.data, item.subject, item.reply);
    }
  }

  return { message, answer };
}
