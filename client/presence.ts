/**
 * Presence: who is attached to the channels this client watches, as whole lists kept up to date.
 *
 * The service tells a full list when a watch begins (in parts where it is long) and changes in between. After
 * each welcome the watches are asked for again, and a new full list is told to the app as what it changes.
 */

import type { ServerMessage } from '#wire/messages.ts';
import type { Member, PresenceChange } from './api.ts';

export type PresenceMessage = Extract<ServerMessage, { type: 'presence' }>;

type Members = ReadonlyMap<string, Member>;

export interface Watched {
  readonly members: Members;
  /** The parts of a new full list that have come so far. */
  readonly parts: Members | undefined;
}

export const unseen: Watched = { members: new Map(), parts: undefined };

/**
 * The list after a message, and what to tell the app (`undefined` while more parts of a full list follow).
 */
export function told(watched: Watched, message: PresenceMessage): [Watched, PresenceChange | undefined] {
  const { channel, present, gone } = message;
  const parts = message.full ? new Map() : watched.parts;
  if (parts === undefined) {
    const members = new Map(watched.members);
    for (const { session } of gone) members.delete(session);
    for (const member of present) members.set(member.session, member);
    return [
      { members, parts: undefined },
      { channel, members: [...members.values()], present, gone },
    ];
  }
  const members = new Map(parts);
  for (const member of present) members.set(member.session, member);
  if (message.more) return [{ members: watched.members, parts: members }, undefined];
  return [{ members, parts: undefined }, changeOf(channel, watched.members, members)];
}

function changeOf(channel: string, before: Members, after: Members): PresenceChange {
  const present = [...after.values()].filter((member) => !same(before.get(member.session), member));
  const gone = [...before.values()].filter(({ session }) => !after.has(session));
  return { channel, members: [...after.values()], present, gone };
}

function same(one: Member | undefined, other: Member): boolean {
  return one !== undefined && JSON.stringify(one.state) === JSON.stringify(other.state);
}
