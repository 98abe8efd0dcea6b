import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '#runtime/clock.ts';
import { createOtherWork } from './other-work.ts';

/** A loop whose seconds are what they are told to be. */
function seconds() {
  let [nowMs, idleMs] = [0, 0];
  const clock = { monotonicMs: () => nowMs } as Clock;
  const other = createOtherWork(clock, { idleMs: () => idleMs });
  return {
    share: other.share,
    pass(count: number, { busyMs, doneMs = 0, crowdedMs = 0, calm = true }: Second): void {
      for (let i = 0; i < count; i++) {
        nowMs += 1_000;
        idleMs += 1_000 - busyMs;
        other.crowded(crowdedMs);
        other.measured(doneMs, calm);
      }
    },
  };
}

interface Second {
  readonly busyMs: number;
  readonly doneMs?: number;
  readonly crowdedMs?: number;
  readonly calm?: boolean;
}

test('[DOOR-79] other work is what the loop was busy in calm less what set-ups took', () => {
  const { pass, share } = seconds();
  pass(30, { busyMs: 300, doneMs: 100 });
  assert(Math.abs(share() - 0.2) < 0.01, `${share()}`);
  pass(30, { busyMs: 20 });
  assert(Math.abs(share() - 0.02) < 0.01, `${share()}`);
});

test('[DOOR-80] a second in which a crowd came or ended says nothing of it, nor does one in which somebody waits', () => {
  const { pass, share } = seconds();
  pass(30, { busyMs: 20 });
  const before = share();
  pass(3, { busyMs: 900, doneMs: 40, crowdedMs: 300 });
  pass(3, { busyMs: 900, doneMs: 40, calm: false });
  assert.equal(share(), before);
  pass(1, { busyMs: 100, crowdedMs: 20 });
  assert(share() > before, 'a moment of it does not matter');
  pass(30, { busyMs: 20 });
  assert(Math.abs(share() - 0.02) < 0.01, 'and a crowd is forgotten by the next second');
});
