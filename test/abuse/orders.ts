/**
 * Orders: what an attacker is told, and starting one.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type Order =
  | {
      readonly kind: 'open';
      /** `ws://host:port` */
      readonly url: string;
      readonly count: number;
      /** Loopback addresses to come from, in turn. */
      readonly addresses: readonly string[];
      /** What each sends first: `upgrade` for the whole request of a WebSocket, or a text. */
      readonly first: string;
      /** The text goes out a byte at a time, this far apart, but for what goes at once. */
      readonly tricklesMs?: number;
      readonly charactersAtOnce?: number;
      /** What each says once it was upgraded. */
      readonly hellos?: readonly string[];
    }
  /** Says texts on the connections from one number to another. */
  | { readonly kind: 'say'; readonly from: number; readonly to: number; readonly texts: readonly string[] }
  /** Pings of the WebSocket itself, on all connections. */
  | { readonly kind: 'ping'; readonly times: number }
  | { readonly kind: 'stopReading' }
  /** When frames with this body came. */
  | { readonly kind: 'heard'; readonly body: string }
  | { readonly kind: 'fare' }
  | { readonly kind: 'close' };

/** How the connections fare. */
export interface Fare {
  readonly kind: 'fare';
  readonly open: number;
  readonly welcomed: number;
  /** How often each first line of an answer, or reason of a close, was heard last. */
  readonly said: Readonly<Record<string, number>>;
}

export type Answer = Fare | { readonly kind: 'heard'; readonly atMs: readonly number[] };

export interface Attacker {
  does(order: Exclude<Order, { kind: 'heard' }>): Promise<Fare>;
  /** When frames with this body came, by the wall clock. */
  heard(body: string): Promise<readonly number[]>;
  /** Looks again and again until the connections fare so. */
  until(fares: (fare: Fare) => boolean, timeoutMs: number): Promise<Fare>;
  stop(): void;
}

export function startAttacker(): Attacker {
  const child = fork(join(import.meta.dirname, 'attacker.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let last: Promise<unknown> = Promise.resolve();
  /** One order at a time. */
  function answered(order: Order): Promise<Answer> {
    const answer = last.then(async () => {
      const answers = once(child, 'message');
      child.send(order);
      return ((await answers) as [Answer])[0];
    });
    last = answer;
    return answer;
  }
  const attacker: Attacker = {
    does: (order) => answered(order) as Promise<Fare>,
    async heard(body) {
      const answer = await answered({ kind: 'heard', body });
      return answer.kind === 'heard' ? answer.atMs : [];
    },
    async until(fares, timeoutMs) {
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const fare = await attacker.does({ kind: 'fare' });
        if (fares(fare)) return fare;
        if (performance.now() > endMs) throw new Error(`it did not come to that: ${JSON.stringify(fare)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    stop: () => void child.kill('SIGKILL'),
  };
  return attacker;
}

/** As many loopback addresses. */
export function loopbackAddresses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `127.0.1.${i + 1}`);
}
