/**
 * Look-up: what others ask of the directory; who is on a channel, who watches it, whether a frame finds anybody.
 */

import type { Member } from '#wire/nodes.ts';
import { type Attachment, Crowd, sessionsOf } from './place.ts';
import type { Registration } from './registration.ts';
import { type Directory, memberOf } from './table.ts';

/** Everybody on a channel, the lost in their grace time among them; each session once. */
export function* membersOf<Route>(directory: Directory<Route>, channel: string): Iterable<Member> {
  for (const first of sessionsOf(directory.places.get(channel))) yield memberOf(first);
}

/** Those who watch a channel. */
export function watchersOf<Route>(
  directory: Directory<Route>,
  channel: string,
): Iterable<Registration<Route>> {
  const place = directory.places.get(channel);
  return place instanceof Crowd ? place.watchers.keys() : [];
}

export interface Target {
  readonly channel: string;
  readonly toDevice?: string | undefined;
  readonly toSession?: string | undefined;
  /** The sender's, which does not count. */
  readonly fromSession: string;
}

/** Whether a flow is attached that a frame with this target is for. */
export function isReachable<Route>(directory: Directory<Route>, target: Target): boolean {
  const place = directory.places.get(target.channel);
  if (!(place instanceof Crowd)) return someFlowOf(place, target);
  for (const first of place.sessions.values()) if (someFlowOf(first, target)) return true;
  return false;
}

function someFlowOf<Route>(
  list: Attachment<Route> | undefined,
  { toDevice, toSession, fromSession }: Target,
): boolean {
  for (let at = list; at !== undefined; at = at.next) {
    if (at.lostAtMs >= 0 || at.session === fromSession) continue;
    if (toDevice !== undefined && at.device !== toDevice) continue;
    if (toSession === undefined || at.session === toSession) return true;
  }
  return false;
}
