/**
 * Wheel: what each of many clients is to do next, and when; one entry counts per client, in steps of five milliseconds.
 *
 * A later entry replaces an earlier one: that stays where it lies, and is passed over when its time comes.
 */

export const STEP_MS = 5;

export interface Timed {
  /** Step of the entry that counts; -1: none. */
  step: number;
  due(nowMs: number): void;
}

export class Wheel {
  readonly #slots = new Map<number, Timed[]>();
  #step: number;

  constructor(nowMs: number) {
    this.#step = Math.floor(nowMs / STEP_MS);
  }

  enter(timed: Timed, atMs: number): void {
    const step = Math.max(Math.ceil(atMs / STEP_MS), this.#step + 1);
    if (timed.step === step) return;
    timed.step = step;
    const slot = this.#slots.get(step);
    if (slot === undefined) this.#slots.set(step, [timed]);
    else slot.push(timed);
  }

  /** Visits all that are due. */
  turn(nowMs: number): void {
    const until = Math.floor(nowMs / STEP_MS);
    while (this.#step < until) {
      const step = ++this.#step;
      const slot = this.#slots.get(step);
      if (slot === undefined) continue;
      this.#slots.delete(step);
      for (const timed of slot) {
        if (timed.step !== step) continue;
        timed.step = -1;
        timed.due(nowMs);
      }
    }
  }
}
