/**
 * Load: the measuring process's hold on one load process.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Counts, Order, OrderAnswer, OrderMessage } from './orders.ts';

export interface Load {
  readonly pid: number;
  /** Resolves when the order was carried out; rejects with what went wrong. */
  do(order: Order): Promise<Counts | undefined>;
  close(): void;
}

export function startLoad(): Load {
  const child: ChildProcess = fork(join(import.meta.dirname, 'load-process.ts'), {
    serialization: 'advanced',
  });
  const waiting = new Map<
    number,
    { resolve(counts: Counts | undefined): void; reject(error: Error): void }
  >();
  let ordered = 0;
  child.on('message', (answer: OrderAnswer) => {
    const waits = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) waits?.reject(new Error(answer.error));
    else waits?.resolve(answer.counts);
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the load process ended with ${code}`));
  });
  return {
    pid: child.pid!,
    do: (order) =>
      new Promise((resolve, reject) => {
        const id = ++ordered;
        waiting.set(id, { resolve, reject });
        child.send({ id, order } satisfies OrderMessage);
      }),
    close: () => child.disconnect(),
  };
}
