/**
 * Share: which of two kinds of work the loop does next, so that each gets its part of the CPU while both wait.
 *
 * Handshakes alone would fill the gateway with open flows of which none is set up; set-ups alone would let
 * those outside run out of patience. The balance is the CPU the first got above its part while both waited;
 * who is behind is served. What one kind leaves unused goes to the other and is not owed afterwards.
 *
 * Pure, though it changes its state in place. `door.ts` drives it.
 */

export interface Share {
  /** The part of handshakes, from 0 to 1; 1 serves them first. */
  readonly ofHandshakes: number;
  balanceMs: number;
}

export type Stage = 'handshake' | 'setUp';

/** Longer than any single piece of work, so that one long piece is made good, but no long past is. */
const BALANCE_MS_MAX = 50;

export function evenShare(ofHandshakes: number): Share {
  return { ofHandshakes, balanceMs: 0 };
}

/** What is done next; `undefined`: nothing waits. */
export function nextStage(share: Share, handshakesWait: boolean, setUpsWait: boolean): Stage | undefined {
  if (!handshakesWait) return setUpsWait ? 'setUp' : undefined;
  if (!setUpsWait) return 'handshake';
  return share.balanceMs <= 0 ? 'handshake' : 'setUp';
}

/** @param bothWaited whether the other kind waited meanwhile. */
export function charged(share: Share, stage: Stage, spentMs: number, bothWaited: boolean): void {
  if (!bothWaited) {
    share.balanceMs = 0;
    return;
  }
  const { ofHandshakes, balanceMs } = share;
  const moved =
    stage === 'handshake' ? balanceMs + spentMs * (1 - ofHandshakes) : balanceMs - spentMs * ofHandshakes;
  share.balanceMs = Math.min(Math.max(moved, -BALANCE_MS_MAX), BALANCE_MS_MAX);
}
