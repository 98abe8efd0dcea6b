/**
 * Rights: what the `snowshed` claim of a token allows; everything else is forbidden.
 *
 *     {"rooms": {"team-*": ["join", "send", "watch"]}, "users": {"send": ["*"], "watch": ["bob"]}}
 *
 * A pattern that ends in `*` stands for every name that begins with what is before it, any other for
 * itself; where several fit a name, what one of them allows is allowed. A user may always send to and watch
 * itself, that is, its own devices. Pure; asked for every frame sent.
 */

import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { type Channel, channelParts } from '#wire/channels.ts';
import { NAME_BYTES_MAX } from '#wire/limits.ts';
import type { Rights } from '../seams.ts';

type RoomRight = 'join' | 'send' | 'watch';

/** Bytes of the claim's JSON text: it stands in every resume token too, which has to fit `TOKEN_CHARS_MAX`. */
export const RIGHTS_BYTES_MAX = 4_096;

const Pattern = Type.String({ minLength: 1, maxLength: NAME_BYTES_MAX + 1 });
const RoomRights = Type.Array(
  Type.Union([Type.Literal('join'), Type.Literal('send'), Type.Literal('watch')]),
);
export const RightsClaim = Type.Object({
  rooms: Type.Optional(Type.Record(Type.String(), RoomRights)),
  users: Type.Optional(
    Type.Object({ send: Type.Optional(Type.Array(Pattern)), watch: Type.Optional(Type.Array(Pattern)) }),
  ),
});

const validator = Compile(RightsClaim);

/** What an absent claim allows. */
export const noRights: Rights = Object.freeze({});

/** The rights in a claim, or `undefined` where it is not as the schema says or too long. Unknown fields are left out. */
export function rightsOfClaim(claim: unknown): Rights | undefined {
  if (claim === undefined) return noRights;
  if (!validator.Check(claim)) return undefined;
  const { rooms, users }: Static<typeof RightsClaim> = claim;
  const rights: Rights = {
    ...(rooms !== undefined && { rooms }),
    ...(users !== undefined && { users: usersPart(users) }),
  };
  return Buffer.byteLength(JSON.stringify(rights)) <= RIGHTS_BYTES_MAX ? rights : undefined;
}

export function mayJoin(rights: Rights, room: string): boolean {
  return roomRight(rights, room, 'join');
}

export function maySendRoom(rights: Rights, room: string): boolean {
  return roomRight(rights, room, 'send');
}

export function maySendUser(rights: Rights, user: string, self: string): boolean {
  return user === self || someCovers(rights.users?.send, user);
}

/** Whether the presence of a channel may be asked for and watched. */
export function mayWatch(rights: Rights, channel: Channel, self: string): boolean {
  const parts = channelParts(channel);
  if (parts === undefined) return false;
  if (parts.kind === 'room') return roomRight(rights, parts.name, 'watch');
  return parts.name === self || someCovers(rights.users?.watch, parts.name);
}

function roomRight(rights: Rights, room: string, right: RoomRight): boolean {
  const rooms = rights.rooms;
  if (rooms === undefined) return false;
  for (const pattern in rooms) {
    if (covers(pattern, room) && rooms[pattern]!.includes(right)) return true;
  }
  return false;
}

function someCovers(patterns: readonly string[] | undefined, name: string): boolean {
  if (patterns === undefined) return false;
  for (const pattern of patterns) if (covers(pattern, name)) return true;
  return false;
}

/** Whether a pattern stands for a name. */
export function covers(pattern: string, name: string): boolean {
  if (!pattern.endsWith('*')) return pattern === name;
  return name.startsWith(pattern.slice(0, -1));
}

function usersPart({
  send,
  watch,
}: {
  readonly send?: string[];
  readonly watch?: string[];
}): Rights['users'] & object {
  return { ...(send !== undefined && { send }), ...(watch !== undefined && { watch }) };
}
