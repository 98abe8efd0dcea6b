/**
 * Figures: what is read off one run, while it runs and at its end.
 */

/** One point of the curves. */
export const BIN_MS = 100;
/** Goodput is looked at in any second, ten bins. */
const SECOND_BINS = 10;

export interface Figures {
  /** All necessary work over all CPU, or over the shared ceiling where that is less. */
  readonly optimumMs: number;
  /** Absent: not within the time looked at. */
  readonly backMs99: number | undefined;
  readonly backMsAll: number | undefined;
  readonly backShare: number;
  /** Attempts per client that was lost. */
  readonly attempts: number;
  /** The worst second until 99 % are back: set-ups times their cost, over the CPU there was. */
  readonly goodputMin: number | undefined;
  readonly inCallMs99: number | undefined;
  /** Attempts given up for time after they were open. */
  readonly openTimeouts: number;
  readonly handshakeTimeouts: number;
  readonly moved: number;
  readonly newcomerMsMax: number | undefined;
  readonly lookedAtMs: number;
  readonly curves: Curves;
}

/** Per bin of 100 ms. */
export interface Curves {
  readonly attempts: readonly number[];
  readonly setUps: readonly number[];
  readonly away: readonly number[];
}

export class Records {
  readonly attempts: number[] = [];
  readonly setUps: number[] = [];
  readonly away: number[] = [];
  /** CPU in milliseconds. */
  readonly #cpuMs: number[] = [];
  /** Of it, what went into set-ups that came to their end. */
  readonly #worksMs: number[] = [];
  attemptsInAll = 0;
  openTimeouts = 0;
  handshakeTimeouts = 0;
  moved = 0;
  #attempts = 0;
  #setUps = 0;
  #workMs = 0;
  #cpu = 0;

  attempted(): void {
    this.#attempts += 1;
    this.attemptsInAll += 1;
  }

  setUp(costMs: number): void {
    this.#setUps += 1;
    this.#workMs += costMs;
  }

  /** At the end of every millisecond. */
  passed(nowMs: number, cpu: number, away: number): void {
    this.#cpu += cpu;
    if (nowMs % BIN_MS !== BIN_MS - 1) return;
    this.attempts.push(this.#attempts);
    this.setUps.push(this.#setUps);
    this.#worksMs.push(this.#workMs);
    this.#cpuMs.push(this.#cpu);
    this.away.push(away);
    this.#attempts = this.#setUps = this.#workMs = this.#cpu = 0;
  }

  goodputMin(fromMs: number, untilMs: number): number | undefined {
    let least: number | undefined;
    for (let from = Math.ceil(fromMs / BIN_MS); (from + SECOND_BINS) * BIN_MS <= untilMs; from++) {
      let [done, cpu] = [0, 0];
      for (let i = from; i < from + SECOND_BINS; i++) {
        done += this.#worksMs[i]!;
        cpu += this.#cpuMs[i]!;
      }
      if (cpu > 0) least = Math.min(least ?? Number.POSITIVE_INFINITY, done / cpu);
    }
    return least;
  }
}

/** The value that the share lies at or below. */
export function percentile(values: Float32Array, share: number): number | undefined {
  if (values.length === 0) return undefined;
  values.sort();
  return values[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)];
}
