/**
 * Held: connections that were accepted and wait for their handshake, in the order they came.
 */

import type { Knock, Listener } from './seams.ts';

/** Empty once the connection ended. */
interface Place {
  knock: Knock | undefined;
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

  function taken({ places, first }: Queue): Knock | undefined {
    const place = places[first]!;
    const { knock } = place;
    place.knock = undefined;
    if (knock !== undefined) count -= 1;
    return knock;
  }

  return {
    /** How many there are. */
    get count() {
      return count;
    },
    /** @param gone told if it ends before its turn. */
    hold(knock: Knock, gone: () => void): void {
      const place: Place = { knock };
      queues[knock.listener].places.push(place);
      count += 1;
      knock.hold(() => {
        if (place.knock === undefined) return;
        place.knock = undefined;
        count -= 1;
        gone();
      });
    },
    /** The oldest, which is held no more. */
    next(listener: Listener): Knock | undefined {
      const queue = queues[listener];
      while (queue.first < queue.places.length) {
        const knock = taken(queue);
        queue.first += 1;
        if (queue.first === SLACK) {
          queue.places = queue.places.slice(SLACK);
          queue.first = 0;
        }
        if (knock !== undefined) return knock;
      }
      return undefined;
    },
  };
}
