/**
 * Swarm process: a part of a swarm's clients; `swarm.ts` starts it and gives it orders.
 */

import { type Crowd, createCrowd } from './crowd.ts';
import { type Answer, type Order, type OrderMessage, TALLY_MS } from './orders.ts';

/** Sockets and keys throw within Node, several times per connection, and to write down where takes a tenth of all. */
Error.stackTraceLimit = 0;

let crowd: Crowd | undefined;

async function carryOut(order: Order) {
  if (order.order !== 'crowd') return crowd?.carryOut(order);
  crowd = createCrowd(order.options);
  return undefined;
}

function answer(message: Answer): void {
  if (process.connected) process.send?.(message);
}

process.on('message', ({ id, order }: OrderMessage) => {
  carryOut(order).then(
    (result) => answer({ kind: 'done', id, result }),
    (error) => answer({ kind: 'error', id, error: String(error) }),
  );
});
setInterval(() => {
  if (crowd !== undefined) answer({ kind: 'tally', tally: crowd.tally() });
}, TALLY_MS);
process.on('disconnect', () => process.exit(0));
// The steering process ends this one.
process.on('SIGINT', () => {});
