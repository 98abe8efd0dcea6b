/**
 * Crediting: what routers deal of the shared ceilings, put into the door's hands; and whom a ceiling makes wait.
 */

import type { Clock } from '#runtime/clock.ts';
import type { LabelledTally } from '#runtime/tally.ts';
import type { DoorNews } from '#wire/admission.ts';
import { allotted, type Credits, creditsLeft, freed, triedOut } from './door/credits.ts';
import type { Door } from './door/door.ts';

export function createCrediting(door: Door, clock: Clock, would: LabelledTally) {
  const limited = { fresh: 0, all: 0 };
  const wouldLimit = { fresh: 0, all: 0 };
  const kinds = [['fresh', door.credits] as const, ['all', door.creditsOfAll] as const];

  function countOf(kind: 'fresh' | 'all', credits: Credits, nowMs: number): void {
    if (creditsLeft(credits, nowMs) >= 1) return;
    (credits.dryRun ? wouldLimit : limited)[kind] += 1;
    if (credits.dryRun) would.inc('wait-for-credit');
  }

  return {
    credited({ term, window, credits }: DoorNews): void {
      // Absent: the router is still learning, and the gateway goes on by itself.
      if (credits === undefined) return;
      for (const [kind, own] of kinds) {
        const told = credits[kind];
        if (told === undefined) freed(own);
        else allotted(own, { ...told, term, window, gateways: credits.gateways }, clock.monotonicMs());
        triedOut(own, told?.dryRun === true);
      }
    },
    /** One who begins to wait: whether it is for a credit, or would be where a ceiling is only tried out. */
    count(needsCredit: boolean): void {
      const nowMs = clock.monotonicMs();
      if (needsCredit) countOf('fresh', door.credits, nowMs);
      countOf('all', door.creditsOfAll, nowMs);
    },
    state: () => ({
      limited: { ...limited },
      wouldLimit: { ...wouldLimit },
      credits: { fresh: perWindow(door.credits), all: perWindow(door.creditsOfAll) },
    }),
  };
}

/** Where there is a ceiling. */
function perWindow({ ceiling, credits }: Credits): number | undefined {
  return ceiling === undefined ? undefined : Math.floor(credits);
}
