import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Allotment,
  allotted,
  CREDIT_WINDOW_MS,
  creditsLeft,
  creditsOf,
  creditsPerSecond,
  creditUsed,
  freed,
  mayBegin,
  ROUTER_SILENT_MS,
  triedOut,
} from './credits.ts';

const ceiling = { perSecond: 1_000, gateways: 10 };

function told(window: number, credits: number, term = 7): Allotment {
  return { ...ceiling, term, window, credits };
}

/** Uses all there is at each of the times; gives when, and how many. */
function usedAll(state: ReturnType<typeof creditsOf>, nowMs: number): number {
  const left = creditsLeft(state, nowMs);
  for (let i = 0; i < left; i++) creditUsed(state);
  return left;
}

test('[CREDIT-1] whatever comes when, no window admits more than its credits', () => {
  const news = fc.record({
    passMs: fc.integer({ min: 0, max: 400 }),
    credits: fc.nat(50),
    skip: fc.integer({ min: -2, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(news, { maxLength: 100 }), (all) => {
      const state = creditsOf(ceiling, 0);
      let [nowMs, window, most] = [0, 0, 25];
      const usedOf = new Map<number, number>();
      for (const { passMs, credits, skip } of all) {
        nowMs += passMs;
        window += skip;
        allotted(state, told(window, credits), nowMs);
        most = Math.max(most, credits);
        const count = usedAll(state, nowMs);
        usedOf.set(state.window, (usedOf.get(state.window) ?? 0) + count);
        assert.equal(creditsLeft(state, nowMs), 0);
      }
      for (const count of usedOf.values()) assert(count <= most);
      const sum = [...usedOf.values()].reduce((a, b) => a + b, 0);
      // Windows of its own go on at 250 ms; news may begin one early.
      assert(sum <= most * (nowMs / CREDIT_WINDOW_MS + all.length + 1));
    }),
  );
});

test('[CREDIT-2] news late, twice or out of order allow nothing twice', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 240 }), { minLength: 20, maxLength: 80 }), (delaysMs) => {
      const state = creditsOf(ceiling, 0);
      const news = delaysMs.flatMap((delayMs, window) => [
        { atMs: window * CREDIT_WINDOW_MS + delayMs, window },
        { atMs: window * CREDIT_WINDOW_MS + delayMs + 600, window },
      ]);
      news.sort((a, b) => a.atMs - b.atMs);
      usedAll(state, 0);
      let used = 0;
      for (const { atMs, window } of news) {
        allotted(state, told(window, 20), atMs);
        used += usedAll(state, atMs);
      }
      // One window more than there were, for those that ran ahead of slow news.
      assert(used <= 20 * (delaysMs.length + 4), `${used} of ${20 * delaysMs.length}`);
      assert(used >= 20 * (delaysMs.length - 2), `${used} of ${20 * delaysMs.length}`);
    }),
  );
});

test('[CREDIT-7] news that come after newer ones change nothing', () => {
  const state = creditsOf(ceiling, 0);
  allotted(state, told(5, 10), 0);
  allotted(state, told(4, 40), 1);
  allotted(state, told(5, 40), 2);
  allotted(state, told(9, 40, 6), 3);
  assert.equal(usedAll(state, 4), 10);
});

test('[CREDIT-3] without news the last ones count on; after 3 s it is an even part of the ceiling', () => {
  const state = creditsOf(ceiling, 0);
  allotted(state, told(1, 80), 10);
  const perWindow: number[] = [];
  for (let nowMs = 10; nowMs < 6_000; nowMs += CREDIT_WINDOW_MS) perWindow.push(usedAll(state, nowMs));
  const turn = Math.floor(ROUTER_SILENT_MS / CREDIT_WINDOW_MS) + 1;
  assert.deepEqual(perWindow.slice(0, turn), Array(turn).fill(80));
  assert.deepEqual(perWindow.slice(turn), Array(perWindow.length - turn).fill(25));
});

test('[CREDIT-4] parts of a credit add up: over a minute the even part is used, and never more', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 200, noNaN: true }),
      fc.integer({ min: 1, max: 50 }),
      (perSecond, gateways) => {
        const state = creditsOf({ perSecond, gateways }, 0);
        let used = 0;
        for (let nowMs = 0; nowMs < 60_000; nowMs += 50) used += usedAll(state, nowMs);
        const allowed = (60 * perSecond) / gateways;
        assert(
          used <= allowed + 1 && used >= allowed - 1 - perSecond / gateways / 4,
          `${used} of ${allowed}`,
        );
      },
    ),
  );
});

test('[CREDIT-5] another router begins to count anew, and what was used stays used', () => {
  const state = creditsOf(ceiling, 0);
  allotted(state, told(500, 30), 0);
  assert.equal(usedAll(state, 1), 30);
  allotted(state, told(1, 30, 8), 2);
  assert.equal(usedAll(state, 3), 0);
  allotted(state, told(501, 30), 4);
  assert.equal(state.term, 8);
  allotted(state, told(2, 30, 8), 252);
  assert.equal(usedAll(state, 253), 30);
});

test('[CREDIT-8] after 3 s of silence a router whose term is older is heard', () => {
  const state = creditsOf(ceiling, 0);
  allotted(state, told(5, 40), 0);
  allotted(state, told(1, 10, 6), ROUTER_SILENT_MS);
  assert.equal(state.term, 7);
  allotted(state, told(2, 10, 6), ROUTER_SILENT_MS + 1);
  assert.equal(state.term, 6);
  assert.equal(usedAll(state, ROUTER_SILENT_MS + 2), 10);
});

test('[CREDIT-9] credits that go round are used once, however late the news of each window come', () => {
  const delays = fc.array(fc.tuple(fc.nat(240), fc.nat(240)), { minLength: 40, maxLength: 120 });
  fc.assert(
    fc.property(delays, fc.integer({ min: 1, max: 30 }), (delaysMs, perWindow) => {
      const fleet = [creditsOf(ceiling, 0), creditsOf(ceiling, 0)];
      for (const state of fleet) usedAll(state, 0);
      let used = 0;
      for (let nowMs = 0; nowMs < delaysMs.length * CREDIT_WINDOW_MS; nowMs += 5) {
        const window = Math.floor(nowMs / CREDIT_WINDOW_MS);
        const intoMs = nowMs - window * CREDIT_WINDOW_MS;
        for (const [i, state] of fleet.entries()) {
          const isDue = intoMs <= delaysMs[window]![i]! && delaysMs[window]![i]! < intoMs + 5;
          if (isDue) allotted(state, told(window, window % 2 === i ? perWindow : 0), nowMs);
          used += usedAll(state, nowMs);
        }
      }
      // What they had before the first news, and what runs ahead of the last.
      assert(used <= perWindow * (delaysMs.length + 2) + 50, `${used} of ${perWindow * delaysMs.length}`);
      assert(used >= perWindow * (delaysMs.length - 4) - 50, `${used} of ${perWindow * delaysMs.length}`);
    }),
  );
});

test('[CREDIT-6] where nothing is shared, nothing is counted', () => {
  assert.equal(creditsLeft(creditsOf(undefined, 0), 1e9), Number.POSITIVE_INFINITY);
});

test('[CREDIT-10] what was set up while nothing was shared is not owed when a ceiling comes', () => {
  for (const before of [undefined, ceiling]) {
    const state = creditsOf(before, 0);
    if (before !== undefined) assert.equal(usedAll(state, 0), 25);
    freed(state);
    for (let i = 0; i < 1_000; i++) creditUsed(state);
    allotted(state, told(50, 20), 10_000);
    assert.equal(usedAll(state, 10_001), 20);
    assert.equal(usedAll(state, 10_001 + CREDIT_WINDOW_MS), 20);
  }
});

test('[CREDIT-11] what went beyond a ceiling that was tried out is not owed when it counts', () => {
  const state = creditsOf(undefined, 0);
  for (let window = 0; window < 40; window++) {
    const nowMs = window * CREDIT_WINDOW_MS;
    allotted(state, told(window, 20), nowMs);
    triedOut(state, true);
    for (let i = 0; i < 30; i++) {
      assert(mayBegin(state, nowMs));
      creditUsed(state);
    }
  }
  triedOut(state, false);
  const nowMs = 40 * CREDIT_WINDOW_MS;
  assert.equal(usedAll(state, nowMs), 20);
  assert.equal(mayBegin(state, nowMs), false);
});

test('[CREDIT-12] a gateway that the odd credits pass by for a window counts with its even part, and tells nobody that it takes for ever', () => {
  const state = creditsOf(undefined, 0);
  allotted(state, { ...told(1, 0), perSecond: 2, gateways: 2 }, 0);
  assert.equal(creditsPerSecond(state), 1);
  allotted(state, { ...told(2, 1), perSecond: 2, gateways: 2 }, CREDIT_WINDOW_MS);
  assert.equal(creditsPerSecond(state), 4);
});
