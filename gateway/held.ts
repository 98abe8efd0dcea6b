/**
 * Held: connections that were accepted and wait for their handshake, in the order they came.
 */

import type { Knock, Listener } from './seams.ts';

interface Place {
  /** Empty once the connection ended or went on. */
  knock: Knock | undefined;
  readonly number: number;
}

interface Queue {
  places: Place[];
  first: number;
}

/** Places given up at the front of a queue before it is made anew. */
const SLACK = 1_024;

export function createHeld() {
  const queues: { readonly [name in Listener]: Queue } = {
    main: { places: [], first: 0 },
    call: { places: [], first: 0 },
  };
  let count = 0;
  let number = 0;

  /** The oldest of a queue, after the places that were given up. */
  function head(queue: Queue): Place | undefined {
    for (; queue.first < queue.places.length; queue.first += 1) {
      if (queue.first === SLACK) {
        queue.places = queue.places.slice(SLACK);
        queue.first = 0;
      }
      const place = queue.places[queue.first]!;
      if (place.knock !== undefined) return place;
    }
    return undefined;
  }

  return {
    /** How many there are. */
    get count() {
      return count;
    },
    /** @param gone told if it ends before its first request; `waited`: its turn had not come. */
    hold(knock: Knock, gone: (waited: boolean) => void): void {
      const place: Place = { knock, number: number++ };
      queues[knock.listener].places.push(place);
      count += 1;
      knock.hold(() => {
        const waited = place.knock !== undefined;
        place.knock = undefined;
        if (waited) count -= 1;
        gone(waited);
      });
    },
    /** The oldest by any of these listeners, which is held no more. */
    next(listeners: readonly Listener[]): Knock | undefined {
      let oldest: Place | undefined;
      for (const listener of listeners) {
        const place = head(queues[listener]);
        if (place !== undefined && place.number < (oldest?.number ?? Infinity)) oldest = place;
      }
      const knock = oldest?.knock;
      if (oldest === undefined || knock === undefined) return undefined;
      oldest.knock = undefined;
      count -= 1;
      return knock;
    },
  };
}
