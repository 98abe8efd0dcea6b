/**
 * Directory: who is attached to the channels of one partition, and through which gateways.
 *
 * Soft state: gateways announce what they hold, and announce it again to the next owner. A session that
 * was lost, not left, stays in its place without a flow until its grace time is over, so that neither a
 * reconnect nor a new announcement makes it flicker for those who watch.
 *
 * Pure, though it changes its state in place: a partition holds a hundred thousand sessions. What follows
 * from an operation is told to `events` at once. `owner.ts` drives it.
 */

import type { Attached, DirectoryOp, StateOp } from '#wire/nodes.ts';
import { attach } from './attach.ts';
import { detach, lose } from './detach.ts';
import { listOf } from './place.ts';
import { Registration } from './registration.ts';
import { type Directory, type Now, shareState, tellChanged } from './table.ts';
import { stopWatching, unwatch, watch } from './watch.ts';

/** Begins a registration; what the gateway had before is lost unless it announces it again. */
export function register<Route>(
  directory: Directory<Route>,
  gateway: string,
  id: number,
  route: Route,
  now: Now,
): Registration<Route> {
  unregister(directory, gateway, now);
  const registration = new Registration(gateway, id, route);
  directory.registrations.set(gateway, registration);
  return registration;
}

/** Ends the registration of a gateway: all it held is lost. */
export function unregister<Route>(directory: Directory<Route>, gateway: string, now: Now): void {
  const registration = directory.registrations.get(gateway);
  if (registration === undefined) return;
  directory.registrations.delete(gateway);
  for (const attachment of registration.attachments) lose(directory, attachment, now);
  registration.attachments.clear();
  for (const channel of registration.watched) stopWatching(directory, channel, registration);
  registration.watched.clear();
}

/**
 * Applies one operation; an attach is answered.
 *
 * @param last the position of the channel's last frame, where it is known.
 */
export function apply<Route>(
  directory: Directory<Route>,
  registration: Registration<Route>,
  op: DirectoryOp,
  last: number | undefined,
  now: Now,
): Attached | undefined {
  switch (op.op) {
    case 'attach':
      return op.watch === true
        ? watch(directory, registration, op)
        : attach(directory, registration, op, last, now);
    case 'detach':
      if (op.watch === true) unwatch(directory, registration, op);
      else detach(directory, registration, op, now);
      return undefined;
    case 'state':
      setState(directory, op);
      return undefined;
  }
}

function setState<Route>(directory: Directory<Route>, op: StateOp): void {
  let first = listOf(directory.places.get(op.channel), op.session);
  while (first !== undefined && first.session !== op.session) first = first.next;
  if (first !== undefined && shareState(directory, first, op.state)) tellChanged(directory, first, true);
}
