/**
 * Verdicts: which frames found nobody; held back while nobody can know.
 *
 * A frame with `tell` that finds no flow attached is unreachable. Right after a takeover that would be
 * wrong of everybody whose gateway has not announced yet, so such frames wait, a bounded number of them,
 * and are judged once all have.
 *
 * Pure. `owner.ts` holds frames, and judges them when the partition is settled.
 */

/** A frame that asked to be told of. */
export interface Unheard {
  readonly channel: string;
  /** 0: volatile. */
  readonly position: number;
  readonly id: string;
  readonly fromSession: string;
  readonly toDevice: string | undefined;
  readonly toSession: string | undefined;
  /** The gateway to tell. */
  readonly tell: string;
}

export interface Verdicts {
  held: Unheard[];
  readonly heldMax: number;
}

export function createVerdicts(heldMax: number): Verdicts {
  return { held: [], heldMax };
}

/** Holds a frame until the partition is settled. Past the bound it is let go without a verdict: `false`. */
export function holdVerdict(verdicts: Verdicts, frame: Unheard): boolean {
  if (verdicts.held.length >= verdicts.heldMax) return false;
  verdicts.held.push(frame);
  return true;
}

/** Takes what was held, to be judged now. */
export function takeHeld(verdicts: Verdicts): readonly Unheard[] {
  const { held } = verdicts;
  verdicts.held = [];
  return held;
}

/** The position up to which every frame was judged, where forwarding has come to `position`. */
export function judgedUpTo({ held }: Verdicts, position: number): number {
  for (const frame of held) if (frame.position > 0) return frame.position - 1;
  return position;
}
