/**
 * Owner: one partition while this router owns it; joins directory, forwarding and presence.
 *
 *     log, volatile ──▶ forward ──▶ directory: which gateways ──▶ deliveries
 *                          └ nobody, and the sender asked ──▶ verdicts ──▶ unreachable
 *     attach, detach ─▶ directory ──▶ superseded, presence changes ──▶ deliveries
 *
 * Everything happens at once, on the event loop; what came together leaves together at the end of the turn.
 */

import type { LogEntry } from '#bus/seams.ts';
import { type Channel, channelOfBusToken } from '#wire/channels.ts';
import {
  decodeHeader,
  type EnvelopeHeader,
  isAlive,
  keptMsOf,
  type Life,
  landedInTime,
  plainLife,
} from '#wire/envelope.ts';
import type { ControlEvent, FlowMode, Member } from '#wire/nodes.ts';
import { channelTokenOf, volatileSubjectsOf } from '#wire/subjects.ts';
import { expire } from './directory/detach.ts';
import { isReachable, membersOf, watchersOf } from './directory/look-up.ts';
import { type Attachment, collectRoutes } from './directory/place.ts';
import { createDirectory, type Directory, type DirectoryEvents, type Now } from './directory/table.ts';
import { addControl, addEntry, addPresence, type Deliveries, type Route } from './forwarding/deliveries.ts';
import {
  createForgottenPositions,
  type ForgottenPositions,
  noteKept,
} from './forwarding/forgotten-positions.ts';
import { createLastPositions, type LastPositions, notePosition } from './forwarding/last-positions.ts';
import {
  createVerdicts,
  holdVerdict,
  judgedUpTo,
  takeHeld,
  type Unheard,
  type Verdicts,
} from './forwarding/verdicts.ts';
import type { Hearing } from './hearing.ts';
import type { Standing, Start } from './partitions/holder.ts';
import {
  type Changes,
  createChanges,
  hasChanges,
  noteChange,
  noteList,
  type PresenceSource,
  takeChanges,
} from './presence/changes.ts';
import { createGrace, type Grace, nextDue, startGrace } from './presence/grace.ts';
import type { RouterDeps } from './seams.ts';

export interface Owner {
  readonly partition: number;
  readonly term: number;
  readonly epoch: string;
  readonly context: OwnerContext;
  readonly takenAtMs: number;
  readonly inherited: boolean;
  readonly directory: Directory<Route>;
  readonly last: LastPositions;
  readonly forgotten: ForgottenPositions;
  /** Everything up to here was forwarded. */
  position: number;
  /** Where the log ended when the partition was taken: to who begins with the present, nothing up to here is new. */
  readonly endAtFirst: number;
  /** Frames up to here are not judged again. */
  readonly judged: number;
  readonly verdicts: Verdicts;
  readonly changes: Changes<Route>;
  readonly presence: PresenceSource<Route>;
  readonly grace: Grace<Attachment<Route>>;
  /** Whether lists of presence are whole. */
  settled: boolean;
  stop(): void;
}

/** What all owners of a router share. */
export interface OwnerContext extends RouterDeps {
  readonly deliveries: Deliveries;
  readonly hearing: Hearing;
  /** The owner has presence to tell at the end of the turn. */
  tellSoon(owner: Owner): void;
  readonly counts: FrameCounts;
  /** How many channels each owner may remember the last position of. */
  positionsMax(): number;
  lapse(partition: number): void;
}

/** Tallies of metrics, as every frame counts in one of them. */
export interface FrameCounts {
  readonly logged: Count;
  readonly volatile: Count;
  readonly forwarded: Count;
  readonly malformed: Count;
  readonly version: Count;
  readonly late: Count;
  readonly expired: Count;
}

interface Count {
  inc(value?: number): void;
}

/** Nobody is called unreachable, and no list waits, past this time after a takeover. */
export const SETTLING_MS = 3_000;
/** One frame in so many tells how far behind the log it was handed on. */
const LAG_SAMPLE = 16;
/** Every gateway that lives has beaten by then. */
const HEARING_MS = 1_500;

export function startOwner(context: OwnerContext, partition: number, term: number, start: Start): Owner {
  const { bus, clock, config } = context;
  const owner: Owner = {
    ...{ partition, term, context, takenAtMs: clock.monotonicMs(), inherited: start.inherited },
    epoch: bus.log.epoch(partition),
    directory: createDirectory(directoryEvents(), config.ROUTER_SESSIONS_PER_USER_MAX, start.orderMin),
    last: createLastPositions(start.from),
    forgotten: createForgottenPositions(),
    position: start.from,
    endAtFirst: start.end,
    judged: start.judged,
    verdicts: createVerdicts(config.ROUTER_UNREACHABLE_HELD_MAX),
    changes: createChanges(),
    presence: {
      members: (channel) => membersOf(owner.directory, channel),
      watchers: (channel) => routesOf(watchersOf(owner.directory, channel)),
    },
    grace: createGrace(config.PRESENCE_GRACE_MS),
    settled: false,
    stop: () => undefined,
  };
  function directoryEvents(): DirectoryEvents<Route> {
    return {
      superseded: (route, session, flow, mode) => tellSuperseded(owner, route, session, flow, mode),
      restored: (route, session, flow) => tellRestored(owner, route, session, flow),
      changed: (channel, member, present) => presenceChanged(owner, channel, member, present),
      watched: (channel, route) => watchBegan(owner, channel, route),
      lost: (attachment) => startGrace(owner.grace, attachment, attachment.lostAtMs),
    };
  }
  owner.stop = listen(owner, start.from);
  return owner;
}

/** Follows the log and the volatile frames; gives what ends it. */
function listen(owner: Owner, from: number): () => void {
  const { bus, lapse } = owner.context;
  const follow = bus.log.follow(owner.partition, from, {
    entry: (entry) => forwardEntry(owner, entry),
    head(position) {
      if (position > owner.position) owner.position = position;
    },
    epochChanged: () => lapse(owner.partition),
  });
  const unsubscribe = bus.post.subscribe(volatileSubjectsOf(owner.partition), (data, subject) =>
    forwardVolatile(owner, data, subject),
  );
  return () => {
    follow.stop();
    unsubscribe();
  };
}

export function standingOf(owner: Owner): Standing {
  return {
    position: owner.position,
    judged: judgedUpTo(owner.verdicts, owner.position),
    orderMax: owner.directory.orderMax,
  };
}

// Frames.

function forwardEntry(owner: Owner, { channel, position, storedAtMs, data }: LogEntry): void {
  owner.position = position;
  notePosition(owner.last, channel, position, owner.context.positionsMax());
  owner.context.counts.logged.inc();
  if (position > owner.judged && position % LAG_SAMPLE === 0) observeLag(owner.context, storedAtMs);
  forward(owner, channel, position, storedAtMs, data);
}

function observeLag({ metrics, bus }: OwnerContext, storedAtMs: number): void {
  metrics.lagSeconds.observe(Math.max(0, bus.log.nowMs() - storedAtMs) / 1000);
}

function forwardVolatile(owner: Owner, data: Uint8Array, subject: string): void {
  const { counts, bus } = owner.context;
  const channel = channelOfBusToken(channelTokenOf(subject));
  counts.volatile.inc();
  if (channel === undefined) counts.malformed.inc();
  else forward(owner, channel, 0, bus.log.nowMs(), data);
}

/** Reused for every frame: the routes it goes to. */
const routes: Route[] = [];

function forward(
  owner: Owner,
  channel: Channel,
  position: number,
  storedAtMs: number,
  data: Uint8Array,
): void {
  const { deliveries, counts } = owner.context;
  const count = collectRoutes(owner.directory.places.get(channel), routes);
  const plain = plainLife(data, channel);
  // Seen before by an owner before: noted for those who attach, and for nothing else.
  if (count === 0 && position > 0 && position <= owner.judged)
    return noteDeath(owner, channel, position, storedAtMs, plain);
  const header = plain === undefined ? soundHeader(owner, channel, data) : undefined;
  const life = plain ?? header;
  if (!mayForward(owner, life, position, storedAtMs)) return;
  noteDeath(owner, channel, position, storedAtMs, life);
  if (count > 0) {
    const channelJson = JSON.stringify(channel);
    for (let i = 0; i < count; i++) addEntry(deliveries, routes[i]!, channelJson, position, storedAtMs, data);
    counts.forwarded.inc(count);
  }
  if (header?.tell !== undefined && (position === 0 || position > owner.judged))
    judge(owner, header, position);
}

/** The header of a frame to this channel; what is none is counted. */
function soundHeader({ context }: Owner, channel: Channel, data: Uint8Array): EnvelopeHeader | undefined {
  const { counts } = context;
  const header = decodeHeader(data);
  if (typeof header === 'string') (header === 'ENVELOPE_VERSION' ? counts.version : counts.malformed).inc();
  else if (header.channel !== channel) counts.malformed.inc();
  else return header;
  return undefined;
}

/**
 * Whether the frame exists; one that does not is counted. One that has outlived its time is counted too, and goes on all the
 * same: only the gateways know who should have had it, and say that it is missing.
 */
function mayForward(owner: Owner, life: Life | undefined, position: number, storedAtMs: number): boolean {
  const { counts, bus } = owner.context;
  if (life === undefined) return false;
  if (position === 0) return true;
  if (!landedInTime(life, storedAtMs)) {
    counts.late.inc();
    return false;
  }
  if (!isAlive(life, storedAtMs, bus.log.nowMs())) counts.expired.inc();
  return true;
}

/** Of a frame that exists it is noted when the log will forget it. */
function noteDeath(
  { context, forgotten }: Owner,
  channel: Channel,
  position: number,
  storedAtMs: number,
  life: Life | undefined,
): void {
  if (position === 0 || life === undefined || !landedInTime(life, storedAtMs)) return;
  const keptMs = keptMsOf(life.ttlMs, context.bus.log.ttlMsMax);
  noteKept(forgotten, channel, position, storedAtMs, keptMs, forgottenMax(context));
}

/** Beside the positions of living channels. */
export function forgottenMax({ positionsMax }: Pick<OwnerContext, 'positionsMax'>): number {
  return positionsMax() / 4;
}

// Unreachable.

function judge(owner: Owner, header: EnvelopeHeader, position: number): void {
  const fromSession = header.from.session;
  if (
    isReachable(owner.directory, {
      channel: header.channel,
      toDevice: header.toDevice,
      toSession: header.toSession,
      fromSession,
    })
  )
    return;
  const { channel, id, toDevice, toSession, tell = '' } = header;
  const unheard: Unheard = { channel, position, id, fromSession, toDevice, toSession, tell };
  const { unreachable } = owner.context.metrics;
  if (canJudge(owner)) tellUnreachable(owner, unheard);
  else unreachable.inc({ verdict: holdVerdict(owner.verdicts, unheard) ? 'held' : 'let-go' });
}

/** Whether every gateway that lives has announced whom it holds, and had the time to. */
function canJudge(owner: Owner): boolean {
  return owner.context.clock.monotonicMs() - owner.takenAtMs >= SETTLING_MS && allAnnounced(owner);
}

function allAnnounced({ context, directory }: Owner): boolean {
  if (directory.registrations.size < context.hearing.gateways.size) return false;
  for (const registration of directory.registrations.values()) if (!registration.complete) return false;
  return true;
}

function tellUnreachable({ context, directory }: Owner, { tell, id, fromSession }: Unheard): void {
  const route = directory.registrations.get(tell)?.route;
  if (route === undefined) return;
  context.metrics.unreachable.inc({ verdict: 'told' });
  const event: ControlEvent = { kind: 'unreachable', session: fromSession, id };
  addControl(context.deliveries, route, JSON.stringify(event));
}

function judgeHeld(owner: Owner): void {
  if (owner.verdicts.held.length === 0 || !canJudge(owner)) return;
  for (const unheard of takeHeld(owner.verdicts)) {
    if (!isReachable(owner.directory, unheard)) tellUnreachable(owner, unheard);
  }
}

// Presence.

function tellSuperseded(
  { context }: Owner,
  route: Route,
  session: string,
  flow: number,
  mode: FlowMode,
): void {
  context.metrics.superseded.inc();
  const event: ControlEvent = { kind: 'superseded', session, flow, mode };
  addControl(context.deliveries, route, JSON.stringify(event));
}

function tellRestored({ context }: Owner, route: Route, session: string, flow: number): void {
  const event: ControlEvent = { kind: 'restored', session, flow };
  addControl(context.deliveries, route, JSON.stringify(event));
}

function presenceChanged(owner: Owner, channel: Channel, member: Member, present: boolean): void {
  noteChange(owner.changes, channel, member, present);
  owner.context.tellSoon(owner);
}

function watchBegan(owner: Owner, channel: Channel, route: Route): void {
  noteList(owner.changes, channel, route);
  if (owner.settled) owner.context.tellSoon(owner);
}

function* routesOf(registrations: Iterable<{ readonly route: Route }>): Iterable<Route> {
  for (const { route } of registrations) yield route;
}

/** Tells those who watch what changed in this turn. */
export function tellPresence(owner: Owner): void {
  const { deliveries, metrics } = owner.context;
  takeChanges(owner.changes, owner.presence, owner.settled, deliveries.bytesMax, (route, eventJson) => {
    metrics.presenceEvents.inc();
    addPresence(deliveries, route, eventJson);
  });
}

/** Each tick, and when a gateway has announced everything. */
export function tickOwner(owner: Owner, { monotonicMs }: Now): void {
  for (
    let lost = nextDue(owner.grace, monotonicMs);
    lost !== undefined;
    lost = nextDue(owner.grace, monotonicMs)
  ) {
    expire(owner.directory, lost, owner.grace.graceMs, monotonicMs);
  }
  if (!owner.settled && isSettled(owner, monotonicMs)) {
    owner.settled = true;
    if (hasChanges(owner.changes)) owner.context.tellSoon(owner);
  }
  judgeHeld(owner);
}

/** Whether lists of presence are whole: all have announced whom they hold, or had the time to. */
function isSettled(owner: Owner, nowMs: number): boolean {
  const sinceMs = nowMs - owner.takenAtMs;
  if (sinceMs >= SETTLING_MS) return true;
  return (
    owner.directory.registrations.size > 0 &&
    allAnnounced(owner) &&
    (!owner.inherited || sinceMs >= HEARING_MS)
  );
}
