/**
 * Call standing: whether a session is in a call, as its signaling shows it.
 *
 *     offer to or from another user ─answer back─▶ in ─hangup or reject of either─▶ out
 *
 * It counts for a lease after the last frame of the call in either direction, and both directions have to have been heard
 * within it: who is alone in a call is in none. Frames of any kind with the call's id renew it; of a call in which nothing
 * is said for long, clients send one now and then. Two devices of one user make no call.
 *
 * It outlives the gateway in the sealed resume token, by the time until which it counts. After a resume the id of the call
 * is not known, so the first frame of a call says it; but an offer, which may be anybody's, only once it was answered.
 *
 * Pure, though it changes its state in place. `calls.ts` drives it.
 */

export interface CallStanding {
  phase: 'offered' | 'invited' | 'in';
  /** `undefined` after a resume, until a frame says it. */
  call: string | undefined;
  peer: string | undefined;
  /** When a frame of the call was last sent, and last came. */
  sentAtMs: number;
  heardAtMs: number;
  /** A call that was offered meanwhile: it takes the place of this one once it is answered, never in a call itself. */
  next: CallStanding | undefined;
}

/** A frame of a call that passed. */
export interface CallFrame {
  readonly call: string;
  readonly kind: string;
  readonly direction: 'sent' | 'heard';
  /** The other user. */
  readonly peer: string;
}

const ends: ReadonlySet<string> = new Set(['hangup', 'reject']);

/** The standing after a frame between `self` and another user; `undefined`: in no call. */
export function callSeen(
  standing: CallStanding | undefined,
  frame: CallFrame,
  self: string,
  nowMs: number,
): CallStanding | undefined {
  const { call, kind, direction, peer } = frame;
  if (peer === self) return standing;
  if (standing === undefined || (standing.phase !== 'in' && kind === 'offer')) {
    return kind === 'offer' ? offered(call, peer, direction, nowMs) : standing;
  }
  if (standing.call === undefined && (kind === 'offer' || standing.next?.call === call))
    return otherSeen(standing, frame, self, nowMs);
  standing.call ??= call;
  standing.peer ??= peer;
  if (standing.call !== call || standing.peer !== peer) return otherSeen(standing, frame, self, nowMs);
  if (ends.has(kind)) return standing.next;
  if (direction === 'sent') standing.sentAtMs = nowMs;
  else standing.heardAtMs = nowMs;
  const answersIt = direction === 'sent' ? standing.phase === 'invited' : standing.phase === 'offered';
  if (kind === 'answer' && answersIt) standing.phase = 'in';
  return standing;
}

/** Another call beside this one, whose end nobody may have said. Ringing alone ends no call. */
function otherSeen(standing: CallStanding, frame: CallFrame, self: string, nowMs: number): CallStanding {
  if (standing.phase !== 'in') return standing;
  standing.next = callSeen(standing.next, frame, self, nowMs);
  return standing.next?.phase === 'in' ? standing.next : standing;
}

function offered(call: string, peer: string, direction: CallFrame['direction'], nowMs: number): CallStanding {
  const phase = direction === 'sent' ? 'offered' : 'invited';
  return { phase, call, peer, sentAtMs: nowMs, heardAtMs: nowMs, next: undefined };
}

/** What a resume token says: in a call until this time. */
export function callResumed(untilMs: number, leaseMs: number): CallStanding {
  const atMs = untilMs - leaseMs;
  return { phase: 'in', call: undefined, peer: undefined, sentAtMs: atMs, heardAtMs: atMs, next: undefined };
}

/** Until when it counts as it stands; 0: the session is in no call. */
export function inCallUntilMs(standing: CallStanding | undefined, leaseMs: number): number {
  if (standing?.phase !== 'in') return 0;
  return Math.min(standing.sentAtMs, standing.heardAtMs) + leaseMs;
}

/** What is left of it once nothing was said in it for a lease; a call that is offered meanwhile goes on. */
export function callLeft(standing: CallStanding, leaseMs: number, nowMs: number): CallStanding | undefined {
  if (standing.phase === 'in') return inCallUntilMs(standing, leaseMs) > nowMs ? standing : standing.next;
  return nowMs - standing.sentAtMs > leaseMs ? undefined : standing;
}
