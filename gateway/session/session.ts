/**
 * Session: what one flow of a session may do and is doing, as a step function.
 *
 *     step(session, event, at, policy) → effects
 *
 * The step changes the record it is given and nothing else, and reads no clock: the same events give the same
 * effects. The hub (`gateway.ts`) carries the effects out and feeds their results back as events.
 */

import { type Channel, channelParts, roomChannel, userChannel } from '#wire/channels.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Cursor } from '#wire/messages.ts';
import type { FlowMode } from '#wire/nodes.ts';
import type { Identity, SessionRequest } from '../seams.ts';
import { nextDueMs, tooEarlyMs } from './rate.ts';
import type { Moment, Session, SessionEffect, SessionEvent, SessionPolicy } from './record.ts';
import { appendAnswered, refusal, sendRefusedForNow, sendRequested, sweepQueues } from './sending.ts';

export function step(
  session: Session,
  event: SessionEvent,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  const effects = stepped(session, event, at, policy);
  // Answers take a request off the count of those that wait.
  for (const effect of effects)
    if (effect.kind === 'answer' || effect.kind === 'forget') session.pending -= 1;
  return effects;
}

function stepped(session: Session, event: SessionEvent, at: Moment, policy: SessionPolicy): SessionEffect[] {
  switch (event.kind) {
    case 'open':
      return opened(session, event.cursors, policy);
    case 'request':
      return requested(session, event.request, event.traceparent, at, policy);
    case 'attached':
      return attached(session, event.channel, event.watch, event.cursor, at);
    case 'attachRefused':
      return [{ kind: 'close', fault: event.fault }];
    case 'appended':
      return appendAnswered(session, event.channel, event.id, event.outcome, at, policy);
    case 'superseded':
      return superseded(session, event.mode);
    case 'restored':
      session.sendsMoved = false;
      return [];
    case 'refreshed':
      return refreshed(session, event.id, event.result);
    case 'served':
      return [{ kind: 'answer', id: event.id, answer: event.answer }];
    case 'second':
      sweepQueues(session, at.logMs);
      return session.identity.expiresAt <= at.nowMs ? [{ kind: 'close', fault: 'TOKEN_EXPIRED' }] : [];
  }
}

/** Whether a `second` would do anything: of most sessions, who send nothing, it would not. */
export function isDueEachSecond({ queues, identity }: Session, nowMs: number): boolean {
  return (queues !== undefined && queues.size > 0) || identity.expiresAt <= nowMs;
}

/** Own channel first, then the rooms that the cursors name and the rights still allow. */
function opened(session: Session, cursors: readonly Cursor[], policy: SessionPolicy): SessionEffect[] {
  const own = userChannel(session.user);
  const effects: SessionEffect[] = [
    {
      kind: 'attach',
      channel: own,
      watch: false,
      from: cursors.find((cursor) => cursor.channel === own) ?? 'alive',
    },
  ];
  for (const cursor of cursors) {
    const parts = channelParts(cursor.channel);
    if (parts?.kind !== 'room' || session.rooms?.has(cursor.channel)) continue;
    const fault = joinFault(session, parts.name, policy);
    if (fault !== undefined) {
      effects.push({ kind: 'fault', fault });
      continue;
    }
    session.rooms ??= new Map();
    session.rooms.set(cursor.channel, undefined);
    effects.push({ kind: 'attach', channel: cursor.channel, watch: false, from: cursor });
  }
  session.opening = 1 + (session.rooms?.size ?? 0);
  return effects;
}

function joinFault(session: Session, room: string, policy: SessionPolicy): FaultCode | undefined {
  if (!policy.rights.mayJoin(session.identity.rights, room)) return 'FORBIDDEN';
  return (session.rooms?.size ?? 0) >= policy.roomsMax ? 'TOO_MANY_ROOMS' : undefined;
}

function attached(
  session: Session,
  channel: Channel,
  watch: boolean,
  cursor: Cursor,
  at: Moment,
): SessionEffect[] {
  if (session.opening > 0 && !watch) {
    session.cursors.push(cursor);
    session.opening -= 1;
    if (session.opening > 0) return [];
    session.welcomedMs = at.monotonicMs;
    return [{ kind: 'welcome' }];
  }
  const standings = watch ? session.watches : session.rooms;
  const id = standings?.get(channel);
  if (id === undefined) return [];
  standings?.set(channel, undefined);
  return [{ kind: 'answer', id, answer: watch ? { ok: true } : { ok: true, cursor } }];
}

function superseded(session: Session, mode: FlowMode): SessionEffect[] {
  if (mode === 'replace') return [{ kind: 'close', fault: 'REPLACED' }];
  session.sendsMoved = true;
  return [];
}

function refreshed(session: Session, id: string, result: Identity | FaultCode): SessionEffect[] {
  if (typeof result === 'string') return refusal(id, result);
  if (result.user !== session.user) return refusal(id, 'TOKEN_USER_DIFFERS');
  session.identity = result;
  return [{ kind: 'answer', id, answer: { ok: true } }, { kind: 'renew' }];
}

/** Counts, meters and serves a request of the client. */
function requested(
  session: Session,
  request: SessionRequest,
  traceparent: string,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  session.pending += 1;
  const early = tooEarlyMs(policy.rate, session.dueMs, at.monotonicMs);
  if (early > 0) {
    session.refusals += 1;
    if (session.refusals > policy.refusalsMax) return [{ kind: 'close', fault: 'FLOOD' }];
    return refusedForNow(session, request, 'RATE_LIMITED', Math.ceil(early), at, policy);
  }
  session.dueMs = nextDueMs(policy.rate, session.dueMs, at.monotonicMs);
  // One for one, so that a flow far above its rate gets to the bound although some of its messages pass.
  if (session.refusals > 0) session.refusals -= 1;
  if (session.pending > policy.pendingMax) {
    return refusedForNow(session, request, 'TOO_MANY_PENDING', policy.retryAfterMs, at, policy);
  }
  return served(session, request, traceparent, at, policy);
}

/** Refuses what may come again soon. The hub asks it too, where a user or an address is over its rate. */
export function refusedForNow(
  session: Session,
  request: SessionRequest,
  fault: FaultCode,
  retryAfterMs: number,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  return request.op === 'send'
    ? sendRefusedForNow(session, request.frame, fault, retryAfterMs, at, policy)
    : refusal(request.id, fault, retryAfterMs);
}

function served(
  session: Session,
  request: SessionRequest,
  traceparent: string,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  switch (request.op) {
    case 'send':
      return sendRequested(session, request, traceparent, at, policy);
    case 'join':
      return joined(session, request, policy);
    case 'leave':
      return left(session, request.id, request.room);
    case 'refresh':
      return [{ kind: 'authenticate', id: request.id, credential: request.credential }];
    case 'presence.set':
      return [
        { kind: 'state', state: request.state },
        { kind: 'answer', id: request.id, answer: { ok: true } },
      ];
    case 'presence.get':
      return mayWatch(session, request.channel, policy)
        ? [{ kind: 'members', id: request.id, channel: request.channel }]
        : refusal(request.id, 'FORBIDDEN');
    case 'presence.watch':
      return watched(session, request.id, request.channel, policy);
    case 'presence.unwatch':
      return unwatched(session, request.id, request.channel);
    case 'ice':
      return [{ kind: 'ice', id: request.id }];
  }
}

function mayWatch(session: Session, channel: Channel, policy: SessionPolicy): boolean {
  return (
    channelParts(channel) !== undefined &&
    policy.rights.mayWatch(session.identity.rights, channel, session.user)
  );
}

/**
 * Joining a room that stands is answered once it is attached anew from the cursor given. Without one it may be the repeat of
 * a join that another flow has answered: it stays as it is, since from now on would leave out what has not come yet.
 */
function joined(
  session: Session,
  request: Extract<SessionRequest, { op: 'join' }>,
  policy: SessionPolicy,
): SessionEffect[] {
  const channel = roomChannel(request.room);
  const effects: SessionEffect[] = [];
  if (session.rooms?.has(channel)) {
    const waiting = session.rooms.get(channel);
    if (waiting !== undefined) return askedTwice(request.id, waiting);
    if (request.cursor === undefined && policy.rights.mayJoin(session.identity.rights, request.room))
      return [{ kind: 'stands', id: request.id, channel }];
    effects.push({ kind: 'detach', channel, watch: false });
    session.rooms.delete(channel);
  }
  const fault = joinFault(session, request.room, policy);
  if (fault !== undefined) return [...effects, ...refusal(request.id, fault)];
  session.rooms ??= new Map();
  session.rooms.set(channel, request.id);
  effects.push({ kind: 'attach', channel, watch: false, from: request.cursor ?? 'now' });
  return effects;
}

/** The one answer of a repeat is the one that is to come. */
function askedTwice(id: string, waiting: string): SessionEffect[] {
  return id === waiting ? [{ kind: 'forget' }] : refusal(id, 'TOO_MANY_PENDING');
}

function left(session: Session, id: string, room: string): SessionEffect[] {
  const channel = roomChannel(room);
  if (!session.rooms?.has(channel)) return refusal(id, 'NOT_JOINED');
  return [{ kind: 'detach', channel, watch: false }, ...ended(session.rooms, channel, id)];
}

function watched(session: Session, id: string, channel: Channel, policy: SessionPolicy): SessionEffect[] {
  if (!mayWatch(session, channel, policy)) return refusal(id, 'FORBIDDEN');
  session.watches ??= new Map();
  const effects: SessionEffect[] = [];
  if (session.watches.has(channel)) {
    const waiting = session.watches.get(channel);
    if (waiting !== undefined) return askedTwice(id, waiting);
    effects.push({ kind: 'detach', channel, watch: true });
  } else if (session.watches.size >= policy.watchesMax) {
    return refusal(id, 'TOO_MANY_WATCHES');
  }
  session.watches.set(channel, id);
  effects.push({ kind: 'attach', channel, watch: true, from: 'now' });
  return effects;
}

function unwatched(session: Session, id: string, channel: Channel): SessionEffect[] {
  if (!session.watches?.has(channel)) return refusal(id, 'NOT_JOINED');
  return [{ kind: 'detach', channel, watch: true }, ...ended(session.watches, channel, id)];
}

/** Takes a channel out; a request that still waited for it is answered first. */
function ended(standings: Map<Channel, string | undefined>, channel: Channel, id: string): SessionEffect[] {
  const waiting = standings.get(channel);
  standings.delete(channel);
  const effects = waiting === undefined ? [] : refusal(waiting, 'NOT_JOINED');
  effects.push({ kind: 'answer', id, answer: { ok: true } });
  return effects;
}
