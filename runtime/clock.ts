/**
 * Clock: time as a value that is handed in, so that tests and the simulation can move it.
 *
 * Only this file touches the timers of the platform. `nowMs` is wall time and may jump; everything
 * that measures how long something took or lasts uses `monotonicMs`.
 */

export type Cancel = () => void;

export interface Clock {
  /** Wall time, Unix milliseconds. */
  nowMs(): number;
  /** Milliseconds since some moment in the past; never goes back. */
  monotonicMs(): number;
  after(ms: number, act: () => void): Cancel;
  every(ms: number, act: () => void): Cancel;
  /** Once, when the events of this turn of the loop have been handled; from within such an act, in the next turn. */
  soon(act: () => void): void;
  /** As `soon`, but from within such an act still in this turn: what passes on needs one turn, and not one for each hand. */
  atEnd(act: () => void): void;
}

/** The clock of the machine. `unref`ed timers: a timer alone keeps no process alive. */
export function createSystemClock(): Clock {
  return {
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    after(ms, act) {
      const timer = setTimeout(act, ms).unref();
      return () => clearTimeout(timer);
    },
    every(ms, act) {
      const timer = setInterval(act, ms).unref();
      return () => clearInterval(timer);
    },
    soon(act) {
      setImmediate(act);
    },
    atEnd: createEnd(),
  };
}

/** What is due at the end of the turn, and what that makes due. */
function createEnd(): (act: () => void) => void {
  const acts: (() => void)[] = [];
  function end(): void {
    let done = 0;
    try {
      while (done < acts.length) acts[done++]!();
    } finally {
      acts.splice(0, done);
      if (acts.length > 0) setImmediate(end);
    }
  }
  return (act) => {
    if (acts.push(act) === 1) setImmediate(end);
  };
}

export interface VirtualClock extends Clock {
  /** Moves time on, running what falls due in order, and lets promises settle between. */
  advance(ms: number): Promise<void>;
  /** Lets wall time jump without the monotonic clock, as NTP does. */
  skewWall(ms: number): void;
}

interface Due {
  atMs: number;
  order: number;
  act: () => void;
}

/** A clock that stands still until `advance` is called. */
export function createVirtualClock(startMs = 1_800_000_000_000): VirtualClock {
  const due = new Map<number, Due>();
  let monotonicMs = 0;
  let skewMs = 0;
  let order = 0;
  function schedule(atMs: number, act: () => void): number {
    due.set(++order, { atMs, order, act });
    return order;
  }
  function earliest(untilMs: number): Due | undefined {
    let first: Due | undefined;
    for (const item of due.values()) {
      if (item.atMs <= untilMs && (first === undefined || item.atMs < first.atMs)) first = item;
    }
    return first;
  }
  return {
    nowMs: () => startMs + skewMs + Math.floor(monotonicMs),
    monotonicMs: () => monotonicMs,
    after(ms, act) {
      const key = schedule(monotonicMs + ms, act);
      return () => due.delete(key);
    },
    every(ms, act) {
      let key = schedule(monotonicMs + ms, function again() {
        key = schedule(monotonicMs + ms, again);
        act();
      });
      return () => due.delete(key);
    },
    soon(act) {
      schedule(monotonicMs, act);
    },
    atEnd(act) {
      schedule(monotonicMs, act);
    },
    async advance(ms) {
      const untilMs = monotonicMs + ms;
      await settled();
      for (let item = earliest(untilMs); item !== undefined; item = earliest(untilMs)) {
        due.delete(item.order);
        monotonicMs = Math.max(monotonicMs, item.atMs);
        item.act();
        await settled();
      }
      monotonicMs = untilMs;
    },
    skewWall(ms) {
      skewMs += ms;
    },
  };
}

/** Until promises that are already decided have run their reactions. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
