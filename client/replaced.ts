/**
 * Replaced: whether a client whose flow was replaced comes back, or leaves the session to whoever replaced it.
 *
 * What a client has given up may lie in a gateway that stands still, come through late and take the place of the flow
 * that goes on. So it comes back: once in 20 s, and three times at once; more often it is another client that has the
 * session. Of two such clients the one that was replaced first has its last time first, so that the younger stays.
 */

const EVERY_MS = 20_000;
const AHEAD_MS_MAX = 60_000;

/** Gives the function that is asked at each replacement, and says whether to come back from it. */
export function replacements(): (nowMs: number) => boolean {
  let dueMs = -Infinity;
  return (nowMs) => {
    dueMs = Math.max(dueMs, nowMs) + EVERY_MS;
    return dueMs <= nowMs + AHEAD_MS_MAX;
  };
}
