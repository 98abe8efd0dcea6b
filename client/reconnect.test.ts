import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Reconnect, reconnect, STAYED_UP_MS, started, type Windows } from './reconnect.ts';

const spread: Windows = { gatewayMs: 1_000, fleetMs: 10_000 };
const rank = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const windows = fc.record({
  gatewayMs: fc.integer({ min: 0, max: 60_000 }),
  fleetMs: fc.integer({ min: 0, max: 600_000 }),
});

/** Up for long enough that the next loss is a new one. */
function settled(told: Windows = spread): Reconnect {
  return reconnect(
    started(told, 0, () => 0.5),
    { kind: 'welcomed' },
    0,
    never,
  );
}

function never(): number {
  throw new Error('no rank is drawn here');
}

function lost(told: Windows, nowMs: number, u: number, inCall = false, withinMs?: number): Reconnect {
  return reconnect(settled(told), { kind: 'lost', inCall, withinMs }, nowMs, () => u);
}

function attemptAtMs(state: Reconnect): number {
  assert.equal(state.phase, 'waiting');
  return state.phase === 'waiting' ? state.attemptAtMs : Number.NaN;
}

/** The attempts of one client whose attempts all fail, each after `takesMs`; relative to the loss. */
function attempts(told: Windows, u: number, takesMs: number, count: number, inCall = false): number[] {
  const lossMs = 100_000;
  let state = lost(told, lossMs, u, inCall);
  const at: number[] = [];
  while (at.length < count) {
    const dueMs = attemptAtMs(state);
    at.push(dueMs - lossMs);
    state = reconnect(state, { kind: 'due' }, dueMs, never);
    assert.equal(state.phase, 'trying');
    state = reconnect(state, { kind: 'failed' }, dueMs + takesMs, never);
  }
  return at;
}

test('[RECONNECT-1] the first attempt stands at the rank within the told window, in a call at once', () => {
  fc.assert(
    fc.property(windows, rank, (told, u) => {
      const [first = Number.NaN] = attempts(told, u, 10, 1);
      assert(Math.abs(first - Math.max(u, 1e-4) * told.gatewayMs) < 1e-6);
      assert.equal(attempts(told, u, 10, 1, true)[0], 0);
    }),
  );
});

test('[RECONNECT-2] the arithmetic of the published table', () => {
  const rounded = (list: number[]) => list.map((ms) => Math.round(ms));
  // As docs/client-protocol.md shows it: W1 = 1 s, W2 = 10 s, each attempt fails after 50 ms.
  assert.deepEqual(rounded(attempts(spread, 0.5, 50, 5)), [500, 1_000, 3_500, 5_000, 8_050]);
  assert.deepEqual(rounded(attempts(spread, 0.1, 50, 5)), [100, 700, 1_000, 4_050, 7_100]);
  assert.deepEqual(rounded(attempts(spread, 0.5, 50, 5, true)), [0, 250, 875, 1_250, 1_901]);
  // And the example there: 20 gateways, a million clients, 2,755 set-ups a second each.
  const told = {
    gatewayMs: Math.round((1.25 * 50_000_000) / (19 * 2_755)),
    fleetMs: Math.round((0.7 * 1_000_000_000) / (20 * 2_755)),
  };
  assert.deepEqual(rounded(attempts(told, 0.37, 50, 4)), [442, 884, 3_092, 4_700]);
});

test('[RECONNECT-3] one rank is drawn per loss, and windows only grow: nobody passes another', () => {
  fc.assert(
    fc.property(windows, rank, rank, fc.integer({ min: 0, max: 2_000 }), (told, one, other, takesMs) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)];
      const [lows, highs] = [attempts(told, low, takesMs, 1), attempts(told, high, takesMs, 1)];
      assert(lows[0]! <= highs[0]!);
      for (const list of [attempts(told, low, takesMs, 12), attempts(told, high, takesMs, 12)]) {
        for (let i = 1; i < list.length; i++) assert(list[i]! >= list[i - 1]! + takesMs + 100);
      }
    }),
  );
});

test('[RECONNECT-4] past the window of the fleet attempts draw closer to the end expected, up to 6 seconds apart, and after it by a sixteenth of the time since the loss at most', () => {
  fc.assert(
    fc.property(rank, fc.integer({ min: 0, max: 2_000 }), windows, (u, takesMs, told) => {
      const { fleetMs } = told;
      const list = attempts(told, u, takesMs, 40);
      const past = list.filter((atMs) => atMs + takesMs + 100 > Math.max(u, 1e-4) * fleetMs * 1.001);
      for (let i = 1; i < past.length; i++) {
        const sinceMs = past[i - 1]! + takesMs;
        const aheadMs = past[i]! - sinceMs;
        const endMs = fleetMs / 0.7;
        const farMs = 0.3 * Math.min(Math.abs(endMs - sinceMs), fleetMs);
        const stepMs = sinceMs > endMs ? Math.min(farMs, sinceMs / 16) : farMs;
        const leastMs = Math.min(Math.max(0.3 * fleetMs, 1_000), 6_000);
        assert(Math.abs(aheadMs - Math.max(leastMs, stepMs, sinceMs / 50)) < 1e-3);
      }
      assert(past.length > 5);
    }),
  );
});

test('[RECONNECT-14] in a call the steps past the window of the fleet are short, and each longer than the one before', () => {
  fc.assert(
    fc.property(rank, fc.integer({ min: 0, max: 2_000 }), (u, takesMs) => {
      const inCall = attempts(spread, u, takesMs, 60, true).filter((atMs) => atMs > u * spread.fleetMs * 0.3);
      for (let i = 1; i < inCall.length; i++) {
        assert(inCall[i]! - inCall[i - 1]! >= 500 + takesMs);
        assert(inCall[i]! / inCall[i - 1]! >= 1.149);
      }
    }),
  );
});

test('[RECONNECT-15] a fleet that was away for a minute is asked by all within a third of what its return takes, and of an hour within a fiftieth', () => {
  for (const away of [60_000, 3_600_000]) {
    for (let u = 0.05; u < 1; u += 0.1) {
      const next = attempts(spread, u, 50, 400).find((atMs) => atMs >= away)!;
      assert(next - away <= Math.max(0.3 * spread.fleetMs, away / 50) + 50);
    }
  }
});

test('[RECONNECT-5] lost clients come back evenly over the window of one gateway', () => {
  const firsts = Array.from({ length: 1_000 }, (_, i) => attempts(spread, (i + 0.5) / 1_000, 10, 1)[0]!);
  for (let from = 0; from < 1_000; from += 100) {
    const inside = firsts.filter((atMs) => atMs >= from && atMs < from + 100).length;
    assert.equal(inside, 100);
  }
});

test('[RECONNECT-6] a welcome that did not stay goes on with the loss it came from; one that did ends it', () => {
  fc.assert(
    fc.property(rank, fc.integer({ min: 0, max: 2 * STAYED_UP_MS }), (u, upMs) => {
      const before = reconnect(lost(spread, 100_000, u), { kind: 'due' }, 102_000, never);
      const up = reconnect(before, { kind: 'welcomed' }, 102_000, never);
      let draws = 0;
      const again = reconnect(up, { kind: 'lost', inCall: false }, 102_000 + upMs, () => {
        draws++;
        return 0.25;
      });
      const stayed = upMs >= STAYED_UP_MS;
      assert.equal(draws, stayed ? 1 : 0);
      assert.equal(again.loss.atMs, stayed ? 102_000 + upMs : 100_000);
      if (stayed) assert.equal(attemptAtMs(again), 102_000 + upMs + 250);
      else assert(attemptAtMs(again) >= 102_000 + upMs + 100);
    }),
  );
});

test('[RECONNECT-7] who is told over how long to come back does so, even when sent on at once', () => {
  fc.assert(
    fc.property(
      rank,
      fc.integer({ min: 250, max: 100_000 }),
      fc.integer({ min: 0, max: 20_000 }),
      (u, withinMs, upMs) => {
        const up = reconnect(
          reconnect(lost(spread, 100_000, u), { kind: 'due' }, 101_000, never),
          { kind: 'welcomed' },
          101_000,
          never,
        );
        const nowMs = 101_000 + upMs;
        const away = reconnect(up, { kind: 'lost', inCall: false, withinMs }, nowMs, () => u);
        const waitMs = attemptAtMs(away) - nowMs;
        assert(Math.abs(waitMs - Math.max(u, 1e-4) * withinMs) < 1e-6);
      },
    ),
  );
});

test('[RECONNECT-8] a flow closed again and again right after its welcome is not tried in a tight loop', () => {
  let state = settled();
  let nowMs = 100_000;
  const at: number[] = [];
  for (let i = 0; i < 20; i++) {
    state = reconnect(state, { kind: 'lost', inCall: false, withinMs: 0 }, nowMs, () => 0.3);
    nowMs = attemptAtMs(state);
    at.push(nowMs);
    state = reconnect(reconnect(state, { kind: 'due' }, nowMs, never), { kind: 'welcomed' }, nowMs, never);
  }
  for (let i = 1; i < at.length; i++) assert(at[i]! - at[i - 1]! >= 100);
  assert(at.at(-1)! - at[0]! > 10_000);
});

test('[RECONNECT-9] nobody comes before the time the service named, and not all at that very moment', () => {
  fc.assert(
    fc.property(rank, fc.integer({ min: 0, max: 600_000 }), (u, afterMs) => {
      const trying = reconnect(lost(spread, 100_000, u), { kind: 'due' }, 102_000, never);
      const refused = reconnect(trying, { kind: 'failed', afterMs }, 102_000, never);
      assert(attemptAtMs(refused) > 102_000 - 1e-6 + afterMs * (1 + u / 4));
      const hurried = reconnect(refused, { kind: 'networkChanged' }, 102_001, never);
      assert(attemptAtMs(hurried) > 102_000 - 1e-6 + afterMs);
    }),
  );
});

test('[RECONNECT-10] another network shortens the wait, never lengthens it', () => {
  fc.assert(
    fc.property(windows, rank, fc.integer({ min: 1, max: 20 }), (told, u, failures) => {
      let state = lost(told, 100_000, u);
      let nowMs = 0;
      for (let i = 0; i < failures; i++) {
        nowMs = attemptAtMs(state);
        state = reconnect(reconnect(state, { kind: 'due' }, nowMs, never), { kind: 'failed' }, nowMs, never);
      }
      const hurried = reconnect(state, { kind: 'networkChanged' }, nowMs + 1, never);
      assert(attemptAtMs(hurried) <= attemptAtMs(state));
      assert(attemptAtMs(hurried) >= nowMs);
      assert(attemptAtMs(hurried) <= nowMs + 1 + Math.max(told.gatewayMs, 250));
    }),
  );
});

test('[RECONNECT-11] a first connect tries at once, then grows like every other', () => {
  let state = started(spread, 5_000, () => 0.5);
  assert.equal(state.phase, 'trying');
  const at: number[] = [];
  let nowMs = 5_000;
  for (let i = 0; i < 5; i++) {
    state = reconnect(state, { kind: 'failed' }, nowMs + 50, never);
    nowMs = attemptAtMs(state);
    at.push(Math.round(nowMs - 5_000));
    state = reconnect(state, { kind: 'due' }, nowMs, never);
  }
  assert.deepEqual(at, [1_000, 3_500, 5_000, 8_050, 11_100]);
});

test('[RECONNECT-13] who is sent on to another gateway comes when it was told, and its loss goes on as it was', () => {
  fc.assert(
    fc.property(windows, rank, fc.nat(60_000), fc.nat(1_000), (told, u, waitedMs, afterMs) => {
      const trying = reconnect(lost(told, 100_000, u), { kind: 'due' }, 200_000, never);
      const nowMs = 200_000 + waitedMs;
      const sent = reconnect(trying, { kind: 'sentOn', afterMs }, nowMs, never);
      assert.equal(attemptAtMs(sent), nowMs + afterMs);
      assert.deepEqual(sent.loss, trying.loss);
      assert.equal(reconnect(sent, { kind: 'due' }, nowMs + afterMs, never).phase, 'trying');
    }),
  );
});

test('[RECONNECT-12] events out of their phase change nothing', () => {
  const up = settled();
  for (const event of [
    { kind: 'due' },
    { kind: 'failed' },
    { kind: 'networkChanged' },
    { kind: 'sentOn', afterMs: 1 },
    { kind: 'welcomed' },
  ] as const) {
    assert.equal(reconnect(up, event, 1, never), up);
  }
  const waiting = lost(spread, 100_000, 0.5);
  assert.equal(reconnect(waiting, { kind: 'due' }, 100_001, never), waiting);
  assert.equal(reconnect(waiting, { kind: 'failed' }, 100_001, never), waiting);
});
