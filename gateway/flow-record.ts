/**
 * Flow record: what the hub holds of one flow: its connection, the state of its dialect, its session.
 */

import type { Cancel } from '#runtime/clock.ts';
import type { Subscription } from './delivery/subscription.ts';
import type { CallStanding } from './identity/call-standing.ts';
import type { Dialect, Flow, Identity } from './seams.ts';
import type { Session } from './session/record.ts';

export class FlowRecord {
  readonly flow: Flow;
  readonly dialect: Dialect;
  state: unknown = undefined;
  /** Who was authenticated; the session is opened for it. */
  identity: Identity | undefined = undefined;
  session: Session | undefined = undefined;
  subscriptions: Subscription[] = [];
  /** The session's presence state, JSON text. */
  presence: string | undefined = undefined;
  timers: Map<string, Cancel> | undefined = undefined;
  /** Who waits until the flow takes frames again. */
  waiters: ((open: boolean) => void)[] | undefined = undefined;
  /** When a frame of a call last passed, by the monotonic clock; 0: never. */
  callAtMs = 0;
  /** Its part in a call, and until when its resume token says so, Unix milliseconds; 0: it does not. */
  call: CallStanding | undefined = undefined;
  callSealedUntilMs = 0;
  /** The seal of the token by which it came before others. */
  callSeal: string | undefined = undefined;
  heardAtMs = 0;
  /** For how long what it says now was kept by the transport. */
  keptMs = 0;
  /** For how long its first words may have lain unread; see `hearing.ts`. */
  unreadMs = 0;
  /** Where it stands with the door, and when it opened, by the monotonic clock. */
  place: 'silent' | 'waiting' | 'underWay' | 'in' = 'in';
  openedAtMs = 0;
  /** The number of the spread that its client knows. */
  spreadTold = 0;
  /** When the next message would be due at the pace above which it floods. */
  dueMs = 0;
  /** Its session stands, and counts among those that are open. */
  welcomed = false;
  /** Closed, or about to: nothing more is handed to it. */
  ended = false;

  constructor(flow: Flow, dialect: Dialect) {
    this.flow = flow;
    this.dialect = dialect;
  }
}
