import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { abandons, CUT_MIN, goesOn, noAbandonment } from './abandonment.ts';
import {
  abandoned,
  begins,
  createDoor,
  type DoorPolicy,
  decideListening,
  handshaken,
  knocked,
} from './door.ts';

const LONGEST_MS = 4_500;

const policy: DoorPolicy = {
  ...{ patienceMs: 10_000, patienceShare: 0.45, handshakeMs: 20, setUpMs: 5, speed: 1 },
  ...{ handshakeShare: 0.4, acceptQueueMax: 512, openMax: 16_384, ceiling: undefined },
};

/** Lets one go on each 10 ms for so long; every `each`th of them has left. */
function passes(
  state = noAbandonment(),
  forMs = 60_000,
  each = Number.POSITIVE_INFINITY,
  fromMs = 0,
): number {
  let nowMs = fromMs;
  for (let i = 1; nowMs < fromMs + forMs; i++) {
    goesOn(state, LONGEST_MS, nowMs);
    if (i % each === 0) abandons(state);
    nowMs += 10;
  }
  return state.cut;
}

test('[ABANDON-1] while nobody leaves, nobody is refused sooner', () => {
  assert.equal(passes(), 1);
});

test('[ABANDON-2] whatever comes and leaves, the wait stays between its bounds', () => {
  const event = fc.record({
    afterMs: fc.integer({ min: 0, max: 40_000 }),
    count: fc.nat(200),
    left: fc.nat(300),
  });
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 30 }),
      fc.constantFrom(1, LONGEST_MS, Infinity),
      (events, longestMs) => {
        const state = noAbandonment();
        let nowMs = 0;
        for (const { afterMs, count, left } of events) {
          nowMs += afterMs;
          for (let i = 0; i < count; i++) goesOn(state, longestMs, nowMs);
          for (let i = 0; i < left; i++) abandons(state);
          assert(state.cut >= CUT_MIN && state.cut <= 1);
        }
      },
    ),
  );
});

test('[ABANDON-3] where one of ten leaves the wait is cut to the least, and is as before once they stay', () => {
  const state = noAbandonment();
  assert.equal(passes(state, 20_000, 10), CUT_MIN);
  assert.equal(passes(state, 60_000, Number.POSITIVE_INFINITY, 20_000), 1);
});

test('[ABANDON-4] a few who leave change nothing, and what was learnt is forgotten after half a minute of calm', () => {
  const state = noAbandonment();
  assert.equal(passes(state, 60_000, 51), 1);
  assert.equal(passes(state, 20_000, 10, 60_000), CUT_MIN);
  goesOn(state, LONGEST_MS, 60_000 + 20_000 + LONGEST_MS + 30_000);
  assert.equal(state.cut, 1);
});

/**
 * Three times as many as can be served come for minutes, to a gateway that looks at its door every 100 ms: each for the first
 * time or again, so that it has between nothing and half a minute left before it gives up.
 *
 * @returns the part of the handshakes that were for nobody, once it is under way.
 */
function overload(learns: boolean): number {
  const door = createDoor(policy, 0);
  const leavesAtMs: number[] = [];
  let [nowMs, chance, all, forNobody] = [0, 0.5, 0, 0];
  for (let arrivals = 0; nowMs < 180_000; arrivals += 15) {
    decideListening(door, 0);
    for (; arrivals >= 1; arrivals -= 1) {
      if (!door.listening.main || !knocked(door, 'main')) continue;
      chance = (chance + Math.SQRT2) % 1;
      leavesAtMs.push(nowMs + 30_000 * chance);
    }
    for (const untilMs = nowMs + 100; nowMs < untilMs; ) {
      const leftAtMs = leavesAtMs.shift();
      if (leftAtMs === undefined) {
        nowMs = untilMs;
        break;
      }
      if (learns) begins(door, nowMs);
      nowMs += policy.handshakeMs;
      handshaken(door, 'main', false);
      if (leftAtMs < nowMs && learns) abandoned(door);
      if (leftAtMs >= nowMs) nowMs += policy.setUpMs;
      if (nowMs < 60_000) continue;
      all += 1;
      if (leftAtMs < nowMs) forNobody += 1;
    }
  }
  return forNobody / all;
}

test('[ABANDON-5] under a load that stays, few handshakes are for nobody; with the longest wait more than one in ten is', () => {
  const [learnt, not] = [overload(true), overload(false)];
  assert(not > 0.1, `${not}`);
  assert(learnt < 0.035, `${learnt}`);
});
