/**
 * Other work: the part of its time that the loop gives to anything but handshakes and set-ups.
 *
 * In calm it is what the loop was busy less what set-ups cost, as believed. In a crowd the two cannot be told apart, so what
 * was last known in calm counts on; where a crowd came or ended, an error in that cost would be taken for other work.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Loop } from '#runtime/loop.ts';

const GAIN = 0.2;
/** Set-ups always get some of the time. */
const SHARE_MAX = 0.9;
/** Calm is still what a crowd took no more of than this. */
const CROWDED_SHARE_MAX = 0.05;

export function createOtherWork(clock: Clock, loop: Loop) {
  let share = 0;
  let atMs = clock.monotonicMs();
  let idleMs = loop.idleMs();
  let crowdedMs = 0;
  return {
    share: () => share,
    /** The loop was busy with a crowd for so long. */
    crowded(ms: number): void {
      crowdedMs += ms;
    },
    /**
     * @param doneMs what handshakes and set-ups took since it was last asked.
     * @param calm nobody waits now.
     */
    measured(doneMs: number, calm: boolean): void {
      const [nowMs, nowIdleMs] = [clock.monotonicMs(), loop.idleMs()];
      const passedMs = nowMs - atMs;
      if (calm && passedMs > 0 && crowdedMs <= CROWDED_SHARE_MAX * passedMs) {
        const otherMs = Math.max(0, passedMs - (nowIdleMs - idleMs) - doneMs);
        share += GAIN * (Math.min(SHARE_MAX, otherMs / passedMs) - share);
      }
      atMs = nowMs;
      idleMs = nowIdleMs;
      crowdedMs = 0;
    },
  };
}
