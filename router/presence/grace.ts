/**
 * Grace: how long a lost session stays present; a queue, as the time is the same for all.
 *
 * Pure. `owner.ts` asks it each tick who is due.
 */

export interface Grace<Item> {
  readonly graceMs: number;
  items: { readonly item: Item; readonly dueMs: number }[];
  /** The first that has not been taken. */
  first: number;
}

export function createGrace<Item>(graceMs: number): Grace<Item> {
  return { graceMs, items: [], first: 0 };
}

export function startGrace<Item>(grace: Grace<Item>, item: Item, nowMs: number): void {
  grace.items.push({ item, dueMs: nowMs + grace.graceMs });
}

/** Takes the next item whose time is over, or gives `undefined`. */
export function nextDue<Item>(grace: Grace<Item>, nowMs: number): Item | undefined {
  const next = grace.items[grace.first];
  if (next === undefined || next.dueMs > nowMs) return undefined;
  grace.first++;
  if (grace.first * 2 > grace.items.length) {
    grace.items = grace.items.slice(grace.first);
    grace.first = 0;
  }
  return next.item;
}
