/**
 * Table: the state of a directory, and the small moves that its operations are made of.
 *
 * Pure. `attach.ts`, `detach.ts` and `watch.ts` are the operations.
 */

import type { FlowMode, Member } from '#wire/nodes.ts';
import { type Attachment, Crowd, listOf, type Place, withoutAttachment } from './place.ts';
import type { Registration } from './registration.ts';

export interface DirectoryEvents<Route> {
  /** A younger flow took the place, or the sends, of this one. */
  superseded(route: Route, session: string, flow: number, mode: FlowMode): void;
  /** The younger flow is lost: this one has the sends again. */
  restored(route: Route, session: string, flow: number): void;
  /** On a watched channel somebody came or changed (`present`), or went. */
  changed(channel: string, member: Member, present: boolean): void;
  /** A flow of this route began to watch, and needs the whole list. */
  watched(channel: string, route: Route): void;
  /** The last flow of a session was lost: its grace time begins. */
  lost(attachment: Attachment<Route>): void;
}

export interface Directory<Route> {
  readonly places: Map<string, Place<Route>>;
  /** By gateway. */
  readonly registrations: Map<string, Registration<Route>>;
  readonly events: DirectoryEvents<Route>;
  readonly sessionsPerUserMax: number;
  /** Orders given lie above this, as an owner before may have given it. */
  readonly orderMin: number;
  /** The highest order known. */
  orderMax: number;
}

export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function createDirectory<Route>(
  events: DirectoryEvents<Route>,
  sessionsPerUserMax: number,
  orderMin: number,
): Directory<Route> {
  return {
    places: new Map(),
    registrations: new Map(),
    events,
    sessionsPerUserMax,
    orderMin,
    orderMax: orderMin,
  };
}

export function hasFlow<Route>(list: Attachment<Route> | undefined, session: string): boolean {
  for (let at = list; at !== undefined; at = at.next)
    if (at.lostAtMs < 0 && at.session === session) return true;
  return false;
}

/** Gives all flows of the session the same state; whether one of them had another. */
export function shareState<Route>(
  directory: Directory<Route>,
  { channel, session }: Attachment<Route>,
  state: string | undefined,
): boolean {
  let changed = false;
  for (let at = listOf(directory.places.get(channel), session); at !== undefined; at = at.next) {
    if (at.session !== session || at.state === state) continue;
    at.state = state;
    changed = true;
  }
  return changed;
}

/** The session is back: what was left of its lost flows has nothing to keep any more. */
export function dropLost<Route>(directory: Directory<Route>, attachment: Attachment<Route>): void {
  for (let at = listOf(directory.places.get(attachment.channel), attachment.session); at !== undefined; ) {
    const next: Attachment<Route> | undefined = at.next;
    if (at.session === attachment.session && at.lostAtMs >= 0) takeOut(directory, at);
    at = next;
  }
}

export function takeOut<Route>({ places }: Directory<Route>, attachment: Attachment<Route>): void {
  const left = withoutAttachment(places.get(attachment.channel)!, attachment);
  if (left === undefined) places.delete(attachment.channel);
  else places.set(attachment.channel, left);
}

export function tellChanged<Route>(
  { places, events }: Directory<Route>,
  attachment: Attachment<Route>,
  present: boolean,
): void {
  const place = places.get(attachment.channel);
  if (place instanceof Crowd && place.watchers.size > 0)
    events.changed(attachment.channel, memberOf(attachment), present);
}

export function memberOf<Route>({ user, device, session, state }: Attachment<Route>): Member {
  return state === undefined ? { user, device, session } : { user, device, session, state };
}
