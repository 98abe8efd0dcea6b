/**
 * Changes: what those who watch channels have to be told, gathered over one turn of the event loop.
 *
 * Of a session that changes several times in a turn only the last change counts. A route that needs the
 * whole list of a channel gets that instead of the changes; after a takeover lists wait until the gateways
 * have announced (`settled`), so that nobody seems gone.
 *
 * Pure. `owner.ts` notes and takes them.
 */

import type { Channel } from '#wire/channels.ts';
import type { Member, PresenceEvent } from '#wire/nodes.ts';

interface Change {
  readonly member: Member;
  readonly present: boolean;
}

export interface Changes<Route> {
  /** By channel and session. */
  readonly changed: Map<Channel, Map<string, Change>>;
  /** The routes that need the whole list of a channel. */
  readonly lists: Map<Channel, Set<Route>>;
}

export interface PresenceSource<Route> {
  members(channel: Channel): Iterable<Member>;
  watchers(channel: Channel): Iterable<Route>;
}

export function createChanges<Route>(): Changes<Route> {
  return { changed: new Map(), lists: new Map() };
}

export function noteChange<Route>(
  { changed }: Changes<Route>,
  channel: Channel,
  member: Member,
  present: boolean,
): void {
  let sessions = changed.get(channel);
  if (sessions === undefined) {
    sessions = new Map();
    changed.set(channel, sessions);
  }
  sessions.set(member.session, { member, present });
}

export function noteList<Route>({ lists }: Changes<Route>, channel: Channel, route: Route): void {
  const routes = lists.get(channel);
  if (routes === undefined) lists.set(channel, new Set([route]));
  else routes.add(route);
}

export function hasChanges<Route>({ changed, lists }: Changes<Route>): boolean {
  return changed.size > 0 || lists.size > 0;
}

/**
 * Hands out what was gathered, as JSON text of `PresenceEvent`s of at most about `bytesMax` bytes each.
 *
 * @param settled whether lists would be whole; until then they wait.
 */
export function takeChanges<Route>(
  changes: Changes<Route>,
  source: PresenceSource<Route>,
  settled: boolean,
  bytesMax: number,
  tell: (route: Route, eventJson: string) => void,
): void {
  for (const [channel, sessions] of changes.changed) {
    const parts = changeParts(channel, [...sessions.values()], bytesMax);
    const listed = changes.lists.get(channel);
    for (const route of source.watchers(channel)) {
      if (listed?.has(route) !== true) for (const part of parts) tell(route, part);
    }
  }
  changes.changed.clear();
  if (!settled) return;
  for (const [channel, routes] of changes.lists) {
    const parts = listParts(channel, source.members(channel), bytesMax);
    for (const route of source.watchers(channel)) {
      if (routes.has(route)) for (const part of parts) tell(route, part);
    }
  }
  changes.lists.clear();
}

/** A whole list in parts: the first has `full`, all but the last have `more`. */
export function listParts(channel: Channel, members: Iterable<Member>, bytesMax: number): readonly string[] {
  const groups = grouped(members, bytesMax);
  if (groups.length === 0) groups.push([]);
  return groups.map((present, i) => {
    const event: PresenceEvent = {
      channel,
      ...(i === 0 && { full: true }),
      ...(i < groups.length - 1 && { more: true }),
      present,
      gone: [],
    };
    return JSON.stringify(event);
  });
}

function changeParts(channel: Channel, sessions: readonly Change[], bytesMax: number): readonly string[] {
  const membersWhere = (present: boolean): readonly Member[] =>
    sessions.filter((change) => change.present === present).map(({ member }) => member);
  return [
    ...grouped(membersWhere(true), bytesMax).map((present) => JSON.stringify({ channel, present, gone: [] })),
    ...grouped(membersWhere(false), bytesMax).map((gone) => JSON.stringify({ channel, present: [], gone })),
  ];
}

/** Members in groups whose JSON text has at most about `bytesMax` bytes. */
function grouped(members: Iterable<Member>, bytesMax: number): Member[][] {
  const groups: Member[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const member of members) {
    const size = memberBytes(member);
    if (bytes + size > bytesMax) {
      groups.push([]);
      bytes = 0;
    }
    groups[groups.length - 1]!.push(member);
    bytes += size;
  }
  return groups;
}

/** The members that fit into an answer of so many bytes, and whether they are all. Looks no further. */
export function fittingMembers(
  members: Iterable<Member>,
  bytesMax: number,
): readonly [fitting: readonly Member[], all: boolean] {
  const fitting: Member[] = [];
  let bytes = 0;
  for (const member of members) {
    bytes += memberBytes(member);
    if (bytes > bytesMax) return [fitting, false];
    fitting.push(member);
  }
  return [fitting, true];
}

function memberBytes(member: Member): number {
  return Buffer.byteLength(JSON.stringify(member)) + 1;
}
