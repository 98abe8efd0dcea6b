/**
 * Place: who is attached to one channel; small for the many, indexed for the crowded.
 *
 * Most channels are a user's own, with one session on one flow, and there are hundreds of thousands of
 * them: such a place is one `Attachment`, the head of a short list, and nothing else. A place that grows
 * past `LIST_MAX` attachments, or is watched, becomes a `Crowd`: sessions by id, gateways counted.
 *
 * Pure data; `directory.ts` says what happens to it.
 */

import type { FlowMode } from '#wire/nodes.ts';
import type { Registration } from './registration.ts';

/** One flow of a session on one channel; or, once lost, what is left of it until the grace time is over. */
export class Attachment<Route> {
  readonly channel: string;
  readonly session: string;
  readonly user: string;
  readonly device: string;
  registration: Registration<Route>;
  readonly flow: number;
  /** The presence state as JSON text; the same on all flows of the session. */
  state: string | undefined;
  /** Of the own channel: its place among the flows of the session, 0 elsewhere. */
  order: number;
  mode: FlowMode | undefined;
  /** The next of the list that it stands in. */
  next: Attachment<Route> | undefined;
  /** When its gateway lost it, by the monotonic clock; −1 while it is attached. */
  lostAtMs: number;
  /** Its session has said goodbye here by another flow: this one is on its way out, and leaves nothing behind. */
  leaving: boolean;

  constructor(
    {
      channel,
      session,
      user,
      device,
      flow,
    }: Pick<Attachment<Route>, 'channel' | 'session' | 'user' | 'device' | 'flow'>,
    registration: Registration<Route>,
  ) {
    this.channel = channel;
    this.session = session;
    this.user = user;
    this.device = device;
    this.registration = registration;
    this.flow = flow;
    this.state = undefined;
    this.order = 0;
    this.mode = undefined;
    this.next = undefined;
    this.lostAtMs = -1;
    this.leaving = false;
  }
}

/** A gateway on a crowded channel, and how many flows it has there. */
interface CrowdGateway<Route> {
  readonly registration: Registration<Route>;
  flows: number;
}

export class Crowd<Route> {
  /** The head of each session's list. */
  readonly sessions = new Map<string, Attachment<Route>>();
  readonly gateways: CrowdGateway<Route>[] = [];
  /** The flows that watch, by gateway. */
  readonly watchers = new Map<Registration<Route>, Set<number>>();
}

export type Place<Route> = Attachment<Route> | Crowd<Route>;

/** A list longer than this is slower than an index. */
export const LIST_MAX = 8;

/** The head of a list in which every attachment of the session stands, perhaps among others. */
export function listOf<Route>(
  place: Place<Route> | undefined,
  session: string,
): Attachment<Route> | undefined {
  return place instanceof Crowd ? place.sessions.get(session) : place;
}

/** The place with one more attachment. */
export function placed<Route>(place: Place<Route> | undefined, added: Attachment<Route>): Place<Route> {
  if (place instanceof Crowd) {
    addToCrowd(place, added);
    return place;
  }
  added.next = place;
  return lengthOf(added) > LIST_MAX ? crowded(added) : added;
}

/** The place without this attachment; `undefined` where nothing is left. */
export function withoutAttachment<Route>(
  place: Place<Route>,
  gone: Attachment<Route>,
): Place<Route> | undefined {
  if (!(place instanceof Crowd)) return unlinked(place, gone);
  const list = unlinked(place.sessions.get(gone.session), gone);
  if (list === undefined) place.sessions.delete(gone.session);
  else place.sessions.set(gone.session, list);
  if (gone.lostAtMs < 0) countGateway(place, gone.registration, -1);
  return leftOver(place);
}

/** The crowd that this place is from now on. */
export function crowded<Route>(place: Place<Route> | undefined): Crowd<Route> {
  if (place instanceof Crowd) return place;
  const crowd = new Crowd<Route>();
  for (let attachment = place; attachment !== undefined; ) {
    const next: Attachment<Route> | undefined = attachment.next;
    addToCrowd(crowd, attachment);
    attachment = next;
  }
  return crowd;
}

/** The crowd, or `undefined` where nobody is left in it. */
export function leftOver<Route>(crowd: Crowd<Route>): Crowd<Route> | undefined {
  return crowd.sessions.size === 0 && crowd.watchers.size === 0 ? undefined : crowd;
}

/** Notes that an attachment was lost, or is attached again through `registration`. */
export function setLost<Route>(place: Place<Route>, attachment: Attachment<Route>, lostAtMs: number): void {
  if (place instanceof Crowd && attachment.lostAtMs < 0 !== lostAtMs < 0) {
    countGateway(place, attachment.registration, lostAtMs < 0 ? 1 : -1);
  }
  attachment.lostAtMs = lostAtMs;
}

/** Of each session the head of a list of its attachments, lost ones among them. */
export function* sessionsOf<Route>(place: Place<Route> | undefined): Iterable<Attachment<Route>> {
  if (place instanceof Crowd) yield* place.sessions.values();
  else for (let at = place; at !== undefined; at = at.next) if (firstOfSession(place!, at)) yield at;
}

function firstOfSession<Route>(head: Attachment<Route>, attachment: Attachment<Route>): boolean {
  let at = head;
  while (at.session !== attachment.session) at = at.next!;
  return at === attachment;
}

/** Appends the routes of the gateways that have flows here, each once, and gives how many there are. */
export function collectRoutes<Route>(place: Place<Route> | undefined, into: Route[]): number {
  if (place === undefined) return 0;
  if (place instanceof Crowd) {
    for (let i = 0; i < place.gateways.length; i++) into[i] = place.gateways[i]!.registration.route;
    return place.gateways.length;
  }
  let count = 0;
  for (let at: Attachment<Route> | undefined = place; at !== undefined; at = at.next) {
    if (at.lostAtMs < 0 && !includes(into, count, at.registration.route))
      into[count++] = at.registration.route;
  }
  return count;
}

function includes<Route>(routes: readonly Route[], count: number, route: Route): boolean {
  for (let i = 0; i < count; i++) if (routes[i] === route) return true;
  return false;
}

function addToCrowd<Route>(crowd: Crowd<Route>, attachment: Attachment<Route>): void {
  attachment.next = crowd.sessions.get(attachment.session);
  crowd.sessions.set(attachment.session, attachment);
  if (attachment.lostAtMs < 0) countGateway(crowd, attachment.registration, 1);
}

function countGateway<Route>(crowd: Crowd<Route>, registration: Registration<Route>, change: 1 | -1): void {
  const { gateways } = crowd;
  const index = gateways.findIndex((gateway) => gateway.registration === registration);
  const gateway = gateways[index];
  if (gateway === undefined) gateways.push({ registration, flows: 1 });
  else gateway.flows += change;
  if (gateway?.flows === 0) gateways.splice(index, 1);
}

function unlinked<Route>(
  list: Attachment<Route> | undefined,
  gone: Attachment<Route>,
): Attachment<Route> | undefined {
  if (list === gone) return gone.next;
  for (let at = list; at !== undefined; at = at.next) {
    if (at.next === gone) {
      at.next = gone.next;
      return list;
    }
  }
  return list;
}

function lengthOf<Route>(list: Attachment<Route>): number {
  let length = 0;
  for (let at: Attachment<Route> | undefined = list; at !== undefined; at = at.next) length++;
  return length;
}
