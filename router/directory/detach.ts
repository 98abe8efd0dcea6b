/**
 * Detach: a flow goes, by its own word or because it was lost.
 *
 * The last flow of a session that was lost leaves the session in its place, without a flow, until it comes
 * back or `expire` finds its grace time over. Goodbye is said by one flow and meant by the session: an elder that
 * has not noticed yet that it was replaced, or a second flow, is closed, and leaves nothing behind when it is lost.
 */

import type { DetachOp } from '#wire/nodes.ts';
import { type Attachment, listOf, setLost } from './place.ts';
import type { Registration } from './registration.ts';
import { type Directory, dropLost, hasFlow, type Now, takeOut, tellChanged } from './table.ts';

export function detach<Route>(
  directory: Directory<Route>,
  registration: Registration<Route>,
  op: DetachOp,
  now: Now,
): void {
  let attachment = listOf(directory.places.get(op.channel), op.session);
  while (
    attachment !== undefined &&
    !(
      attachment.registration === registration &&
      attachment.flow === op.flow &&
      attachment.session === op.session
    )
  ) {
    attachment = attachment.next;
  }
  if (attachment === undefined || attachment.lostAtMs >= 0) return;
  registration.attachments.delete(attachment);
  if (op.left) leave(directory, attachment);
  else lose(directory, attachment, now);
}

function leave<Route>(directory: Directory<Route>, attachment: Attachment<Route>): void {
  const { places, events } = directory;
  remove(directory, attachment);
  for (let at = listOf(places.get(attachment.channel), attachment.session); at !== undefined; at = at.next) {
    if (at.session !== attachment.session || at.lostAtMs >= 0 || cameInPlaceOf(at, attachment)) continue;
    at.leaving = true;
    if (at.order > 0) events.superseded(at.registration.route, at.session, at.flow, 'replace');
  }
}

/** Whether a flow was opened instead of this one, so that a late word of this one is not the session's. */
function cameInPlaceOf<Route>(at: Attachment<Route>, { order }: Attachment<Route>): boolean {
  return at.order > order && at.mode !== 'add';
}

/** A flow was lost. The last one of a session stays in its place for the grace time, unless the session is leaving. */
export function lose<Route>(
  directory: Directory<Route>,
  attachment: Attachment<Route>,
  { monotonicMs }: Now,
): void {
  const place = directory.places.get(attachment.channel)!;
  setLost(place, attachment, monotonicMs);
  if (hasFlow(listOf(place, attachment.session), attachment.session)) {
    takeOut(directory, attachment);
    restoreSends(directory, attachment);
  } else if (attachment.leaving) remove(directory, attachment);
  else directory.events.lost(attachment);
}

/** The sends of a session go back to the youngest flow that is left, if the one that had them is lost. */
function restoreSends<Route>({ places, events }: Directory<Route>, lost: Attachment<Route>): void {
  if (lost.order === 0) return;
  let youngest: Attachment<Route> | undefined;
  for (let at = listOf(places.get(lost.channel), lost.session); at !== undefined; at = at.next) {
    if (at.session !== lost.session || at.lostAtMs >= 0) continue;
    if (youngest === undefined || at.order > youngest.order) youngest = at;
  }
  if (youngest !== undefined && youngest.order < lost.order)
    events.restored(youngest.registration.route, youngest.session, youngest.flow);
}

/** The grace time of a lost attachment is over, unless its session came back. */
export function expire<Route>(
  directory: Directory<Route>,
  attachment: Attachment<Route>,
  graceMs: number,
  nowMs: number,
): void {
  if (attachment.lostAtMs < 0 || attachment.lostAtMs + graceMs > nowMs) return;
  const place = directory.places.get(attachment.channel);
  if (isIn(listOf(place, attachment.session), attachment)) remove(directory, attachment);
}

/** Takes a flow out; with the last one goes the session, and what was left of its lost flows. */
function remove<Route>(directory: Directory<Route>, attachment: Attachment<Route>): void {
  takeOut(directory, attachment);
  if (hasFlow(listOf(directory.places.get(attachment.channel), attachment.session), attachment.session))
    return;
  dropLost(directory, attachment);
  tellChanged(directory, attachment, false);
}

function isIn<Route>(list: Attachment<Route> | undefined, attachment: Attachment<Route>): boolean {
  for (let at = list; at !== undefined; at = at.next) if (at === attachment) return true;
  return false;
}
