/**
 * Timing: when a client tries again; those of ours ask the SDK's own core, the others keep the pace of what is usual.
 */

import {
  type Reconnect,
  type ReconnectEvent,
  reconnect,
  spreadUntilTold,
  started,
} from '#client/reconnect.ts';
import type { Timing } from './orders.ts';

/** How long an attempt may last, and whether it may last as long as it likes once it is open. */
export interface Patience {
  readonly ms: number;
  readonly staysOnceOpen: boolean;
}

const patiences: { readonly [name in Timing]: Patience } = {
  law: { ms: 10_000, staysOnceOpen: true },
  socketIo: { ms: 20_000, staysOnceOpen: false },
  fixed: { ms: 10_000, staysOnceOpen: false },
  fullJitter: { ms: 10_000, staysOnceOpen: false },
  heedless: { ms: 2_000, staysOnceOpen: false },
};

/** One client's, over all its losses. */
export interface Pace {
  readonly patience: Patience;
  /** Its place in any window it is told. */
  readonly rank: number;
  /** Gives the time of the next attempt, where there is one now. */
  apply(event: ReconnectEvent, nowMs: number): number | undefined;
}

export function paceOf(timing: Timing, nowMs: number, draw: () => number): Pace {
  return timing === 'law' ? new LawfulPace(nowMs, draw) : new StockPace(timing, draw);
}

class LawfulPace implements Pace {
  readonly patience = patiences.law;
  #state: Reconnect;
  readonly #draw: () => number;

  constructor(nowMs: number, draw: () => number) {
    this.#state = started(spreadUntilTold, nowMs, draw);
    this.#draw = draw;
  }

  get rank(): number {
    return this.#state.loss.rank;
  }

  apply(event: ReconnectEvent, nowMs: number): number | undefined {
    const before = this.#state;
    this.#state = reconnect(before, event, nowMs, this.#draw);
    const now = this.#state;
    return now.phase === 'waiting' && now !== before ? now.attemptAtMs : undefined;
  }
}

class StockPace implements Pace {
  readonly patience: Patience;
  readonly #timing: Timing;
  readonly #draw: () => number;
  #failures: number;

  constructor(timing: Timing, draw: () => number) {
    this.patience = patiences[timing];
    this.#timing = timing;
    this.#draw = draw;
    this.#failures = 0;
  }

  get rank(): number {
    return this.#draw();
  }

  apply(event: ReconnectEvent, nowMs: number): number | undefined {
    switch (event.kind) {
      case 'welcomed':
        this.#failures = 0;
        return undefined;
      case 'lost':
        return nowMs + this.#waitMs();
      case 'failed':
        this.#failures++;
        return nowMs + this.#waitMs();
      case 'sentOn':
        return nowMs + event.afterMs;
      default:
        return undefined;
    }
  }

  #waitMs(): number {
    const doubled = 1_000 * 2 ** Math.min(this.#failures, 8);
    switch (this.#timing) {
      case 'socketIo':
        return Math.min(doubled * (0.5 + this.#draw()), 5_000);
      case 'fullJitter':
        return this.#draw() * Math.min(doubled, 30_000);
      case 'heedless':
        return 100 + 100 * this.#draw();
      default:
        return 1_000 + 100 * this.#draw();
    }
  }
}
