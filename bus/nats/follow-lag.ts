/**
 * Follow lag: whether a consumer stands still before an end of its stream that is long known.
 *
 * A consumer lives on one server and reads what that server's copy of the stream holds. A server that was frozen may
 * bring its copy up to date without waking the consumers there: these are alive, number their heartbeats well,
 * and bring nothing more. Only the stream's leader knows that there is more. A consumer that has not moved for a while
 * after the leader named an end past it is given up for a new one; each time that does not help, later.
 *
 * Pure but for its own state, which has one owner.
 */

export interface FollowLag {
  head: number;
  /** Since when the head stands there, before an end that is known. */
  sinceMs: number;
  patienceMs: number;
}

const PATIENCE_MS_MIN = 3_000;
const PATIENCE_MS_MAX = 60_000;

export function createFollowLag(nowMs: number): FollowLag {
  return { head: 0, sinceMs: nowMs, patienceMs: PATIENCE_MS_MIN };
}

/** Looks at the head now, and at the end that the stream's leader named last; true: it is stuck. */
export function isStuck(lag: FollowLag, head: number, end: number | undefined, nowMs: number): boolean {
  const caughtUp = end === undefined || head >= end;
  if (caughtUp) lag.patienceMs = PATIENCE_MS_MIN;
  if (caughtUp || head !== lag.head) {
    lag.head = head;
    lag.sinceMs = nowMs;
    return false;
  }
  if (nowMs - lag.sinceMs < lag.patienceMs) return false;
  lag.sinceMs = nowMs;
  lag.patienceMs = Math.min(2 * lag.patienceMs, PATIENCE_MS_MAX);
  return true;
}
