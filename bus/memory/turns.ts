/**
 * Turns: what has to be told at the end of the turn of the event loop, in the order it came about.
 *
 * For what is rare; the log and the post, where every frame passes, have arrays of their own.
 */

import type { Clock } from '#runtime/clock.ts';

export interface Turns {
  push(act: () => void): void;
}

export function createTurns(clock: Clock): Turns {
  let acts: (() => void)[] = [];
  function run(): void {
    const due = acts;
    acts = [];
    for (const act of due) act();
  }
  return {
    push(act) {
      if (acts.push(act) === 1) clock.soon(run);
    },
  };
}
