/**
 * Load process: clients of a benchmark, in a process of their own so that their cost is not taken for the servers'.
 *
 * `load.ts` starts it and gives it orders, one after another.
 */

import { type Crowd, closeCrowd, openCrowd } from './crowd.ts';
import type { Counts, Order, OrderAnswer, OrderMessage } from './orders.ts';
import { startTraffic, type Traffic } from './traffic.ts';

const crowds = new Map<string, Crowd>();
let traffic: Traffic | undefined;
/** Frames of different orders have different numbers, since their ids must not repeat. */
let orders = 0;
const NUMBERS_PER_ORDER = 1_000_000;

async function carryOut(order: Order): Promise<Counts | undefined> {
  switch (order.order) {
    case 'open':
      crowds.set(order.crowd, await openCrowd(order, crowds));
      return undefined;
    case 'send':
      traffic = startTraffic(crowdOf(order.crowd), order, ++orders * NUMBERS_PER_ORDER);
      return undefined;
    case 'count':
      return traffic?.count();
    case 'rest':
      await traffic?.rest();
      return traffic?.count();
    case 'close':
      await closeCrowd(crowdOf(order.crowd));
      return undefined;
  }
}

function crowdOf(name: string): Crowd {
  const crowd = crowds.get(name);
  if (crowd === undefined) throw new Error(`no crowd ${name}`);
  return crowd;
}

function answer(message: OrderAnswer): void {
  process.send?.(message);
}

process.on('message', ({ id, order }: OrderMessage) => {
  carryOut(order).then(
    (counts) => answer({ id, counts }),
    (error) => answer({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
