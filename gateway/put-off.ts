/**
 * Put off: connections that were accepted and stand behind all others, the newest first.
 *
 * Closed, each would be back in a moment and be accepted once more; held, it waits for as long as its client has patience,
 * and costs a socket. Of those that wait long most have gone, which nobody notices while nothing is read: hence the order,
 * and who has stood there for longer than clients have patience is closed.
 */

import type { Knock } from './seams.ts';

/** Empty once the connection ended. */
interface Place {
  knock: Knock | undefined;
  readonly atMs: number;
}

/** Places given up among the others before they are made anew. */
const SLACK = 1_024;

export function createPutOff() {
  let places: Place[] = [];
  let count = 0;
  return {
    /** How many there are, as far as it was noticed. */
    get count() {
      return count;
    },
    hold(knock: Knock, nowMs: number): void {
      const place: Place = { knock, atMs: nowMs };
      if (places.length > 2 * count + SLACK) places = places.filter((one) => one.knock !== undefined);
      places.push(place);
      count += 1;
      knock.hold(() => {
        if (place.knock === undefined) return;
        place.knock = undefined;
        count -= 1;
      });
    },
    /** Closes those that came before. */
    endBefore(ms: number): void {
      const firstLater = places.findIndex(({ atMs }) => atMs >= ms);
      for (const place of places.splice(0, firstLater < 0 ? places.length : firstLater)) {
        const { knock } = place;
        if (knock === undefined) continue;
        place.knock = undefined;
        count -= 1;
        knock.close();
      }
    },
    /** The newest goes on; false: there is none. */
    letOn(): boolean {
      for (let place = places.pop(); place !== undefined; place = places.pop()) {
        const { knock } = place;
        if (knock === undefined) continue;
        place.knock = undefined;
        count -= 1;
        knock.goOn();
        return true;
      }
      return false;
    },
  };
}
