/**
 * Attach: a flow of a session comes to a channel, for the first time or announced again.
 *
 * The flows of a session are in an order that their own channel's directory gives: the wall time of the
 * first attach, above whatever this or an owner before has given to the session. Sends go over the
 * youngest flow; its elders are told, and so is a flow that is announced when a younger one is there.
 */

import type { Attached, AttachOp, FlowMode } from '#wire/nodes.ts';
import { Attachment, listOf, type Place, placed, sessionsOf, setLost } from './place.ts';
import type { Registration } from './registration.ts';
import { type Directory, dropLost, hasFlow, type Now, shareState, tellChanged } from './table.ts';

export function attach<Route>(
  directory: Directory<Route>,
  registration: Registration<Route>,
  op: AttachOp,
  last: number | undefined,
  now: Now,
): Attached {
  const place = directory.places.get(op.channel);
  const session = sessionIn(listOf(place, op.session), op, registration);
  if (isFirst(op) && !session.attached && isFull(place, directory.sessionsPerUserMax))
    return { fault: 'TOO_MANY_SESSIONS' };

  const attachment = session.same ?? newAttachment(directory, registration, op);
  if (session.same === undefined) stay(directory, attachment);
  revive(directory, attachment, registration);
  attachment.mode = op.mode ?? attachment.mode;
  attachment.order = orderOf(directory, op, attachment.order, session.orderMax, now);
  const answer: { -readonly [Key in keyof Attached]: Attached[Key] } = {};
  if (last !== undefined) answer.last = last;
  if (attachment.order > 0) {
    answer.order = attachment.order;
    const superseded = settleOrder(directory, attachment);
    if (superseded !== undefined) answer.superseded = superseded;
  }
  const known = session.any?.state;
  if (op.state === undefined && known !== undefined) answer.state = known;
  dropLost(directory, attachment);
  const stateChanged = shareState(directory, attachment, op.state ?? known) && known !== attachment.state;
  if (session.any === undefined || stateChanged) tellChanged(directory, attachment, true);
  return answer;
}

/** The first attach of a flow to its own channel. */
function isFirst(op: AttachOp): boolean {
  return op.mode !== undefined && op.order === undefined;
}

interface SessionView<Route> {
  any: Attachment<Route> | undefined;
  /** The same flow, announced again. */
  same: Attachment<Route> | undefined;
  /** Some flow of the session is attached. */
  attached: boolean;
  orderMax: number;
}

function sessionIn<Route>(
  list: Attachment<Route> | undefined,
  op: AttachOp,
  registration: Registration<Route>,
): SessionView<Route> {
  const view: SessionView<Route> = { any: undefined, same: undefined, attached: false, orderMax: 0 };
  for (let at = list; at !== undefined; at = at.next) {
    if (at.session !== op.session) continue;
    view.any = at;
    if (at.flow === op.flow && at.registration.gateway === registration.gateway) view.same = at;
    if (at.lostAtMs < 0) view.attached = true;
    if (at.order > view.orderMax) view.orderMax = at.order;
  }
  return view;
}

function isFull<Route>(place: Place<Route> | undefined, sessionsMax: number): boolean {
  let attached = 0;
  for (const first of sessionsOf(place)) if (hasFlow(first, first.session)) attached++;
  return attached >= sessionsMax;
}

function newAttachment<Route>(
  directory: Directory<Route>,
  registration: Registration<Route>,
  op: AttachOp,
): Attachment<Route> {
  const attachment = new Attachment(op, registration);
  directory.places.set(op.channel, placed(directory.places.get(op.channel), attachment));
  return attachment;
}

/** With a new flow the session is here again, whatever it said before. */
function stay<Route>({ places }: Directory<Route>, { channel, session }: Attachment<Route>): void {
  for (let at = listOf(places.get(channel), session); at !== undefined; at = at.next)
    if (at.session === session) at.leaving = false;
}

function revive<Route>(
  directory: Directory<Route>,
  attachment: Attachment<Route>,
  registration: Registration<Route>,
): void {
  attachment.registration = registration;
  registration.attachments.add(attachment);
  if (attachment.lostAtMs >= 0) setLost(directory.places.get(attachment.channel)!, attachment, -1);
}

/** A flow keeps the order it was first given; a new one comes after all that may have been given before. */
function orderOf<Route>(
  directory: Directory<Route>,
  op: AttachOp,
  known: number,
  sessionMax: number,
  { wallMs }: Now,
): number {
  if (op.order === undefined && op.mode === undefined) return 0;
  const order =
    op.order ?? (known > 0 ? known : Math.max(Math.floor(wallMs), directory.orderMin + 1, sessionMax + 1));
  if (order > directory.orderMax) directory.orderMax = order;
  return order;
}

/** Tells the elders of the session; gives how the attachment itself was superseded, where it was. */
function settleOrder<Route>(
  { places, events }: Directory<Route>,
  attachment: Attachment<Route>,
): FlowMode | undefined {
  let superseded: FlowMode | undefined;
  for (let at = listOf(places.get(attachment.channel), attachment.session); at !== undefined; at = at.next) {
    if (at === attachment || at.session !== attachment.session || at.lostAtMs >= 0 || at.order === 0)
      continue;
    if (at.order < attachment.order)
      events.superseded(at.registration.route, at.session, at.flow, attachment.mode ?? 'replace');
    else superseded = superseded === 'replace' ? superseded : (at.mode ?? 'replace');
  }
  return superseded;
}
