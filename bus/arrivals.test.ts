import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createVirtualClock } from '#runtime/clock.ts';
import { createArrivals } from './arrivals.ts';

const nothing = new Uint8Array(0);

test('a message is handed over at once where no answer is about', () => {
  const arrivals = createArrivals(createVirtualClock());
  let came = 0;
  arrivals.message(() => came++, nothing, 'a', undefined);
  assert.equal(came, 1);
});

test('whoever awaits an answer, through however many functions, has run before the next message comes', async () => {
  const items = fc.array(
    fc.oneof(fc.constant('message' as const), fc.record({ awaits: fc.integer({ min: 0, max: 4 }) })),
    { maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(items, async (coming) => {
      const clock = createVirtualClock();
      const arrivals = createArrivals(clock);
      const seen: number[] = [];
      const see = (n: number) => seen.push(n);
      coming.forEach((item, n) => {
        if (item === 'message') arrivals.message(() => see(n), nothing, 'a', undefined);
        else
          arrivals.answer(
            awaited(item.awaits, () => see(n)),
            nothing,
          );
      });
      await clock.advance(1);
      // Answers in a row may be seen in any order when they are awaited through more or fewer functions.
      assert.equal(seen.length, coming.length);
      coming.forEach((item, n) => {
        if (item !== 'message') return;
        assert(seen.slice(0, seen.indexOf(n)).every((before) => before < n));
        assert(seen.slice(seen.indexOf(n)).every((after) => after >= n));
      });
    }),
  );
});

/** Settles a promise, and calls `see` when so many functions have awaited it. */
function awaited(functions: number, see: () => void): () => void {
  let settle: () => void = () => undefined;
  let promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  for (let n = 0; n < functions; n++) promise = (async (inner) => inner)(promise);
  void promise.then(see);
  return settle;
}
