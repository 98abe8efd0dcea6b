/**
 * Kept: everything that was started for a figure, ended again whatever becomes of the figure.
 */

export interface Keeper {
  /** Ends it with the rest, last started first. */
  keep<T>(started: T, end: (started: T) => unknown): T;
}

export async function withKeeper<T>(act: (keeper: Keeper) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = [];
  const keeper: Keeper = {
    keep(started, end) {
      ends.push(() => end(started));
      return started;
    },
  };
  try {
    return await act(keeper);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
