/**
 * Sending: from a `send` of the client to an append, and from the log's outcome to its answer.
 *
 * The frame is stamped with its sender here and nowhere else, out of the verified identity. Its message id names user,
 * device, channel, id and content, so that a repeat is stored once, also from a fresh session, and another
 * frame under an old id is not mistaken for it.
 *
 * Pure but for the record it is given.
 */

import { crc32 } from 'node:zlib';
import { type Channel, channelParts } from '#wire/channels.ts';
import { type EnvelopeHeader, encodeEnvelope } from '#wire/envelope.ts';
import type { FaultCode } from '#wire/faults.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import type { OutboundFrame, SessionRequest } from '../seams.ts';
import type { AppendOutcome, Moment, Session, SessionEffect, SessionPolicy } from './record.ts';
import {
  emptySendQueue,
  givenBack,
  givenUp,
  isInQueue,
  isOver,
  offered,
  type PendingSend,
  refusedBefore,
  refusedOf,
  type SendQueue,
  settled,
} from './sends.ts';

/** The clocks of a node and of the log may differ by this much after estimation. */
const LOG_CLOCK_ERROR_MS = 250;
/** What lay unread for less is taken at its word: repeats are recognized for longer than they may come. */
const UNREAD_MS_MAX = 1_000;
const ASKED_ANEW_MAX = 4;

export type SendRequest = Extract<SessionRequest, { op: 'send' }>;

export function sendRequested(
  session: Session,
  request: SendRequest,
  traceparent: string,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  const fault = sendFault(session, request.frame, policy);
  if (fault !== undefined) {
    const known = session.queues?.get(request.frame.to.channel);
    if (known !== undefined) givenUp(known, request.frame.id);
    return refusal(request.frame.id, fault);
  }
  if (session.sendsMoved) return sendRefusedForNow(session, request.frame, 'MOVED', undefined, at, policy);
  const frame = ofItsAge(request.frame, at);
  if (frame.volatile) return published(session, frame, traceparent, at, policy);
  const queue = queueOf(session, frame.to.channel);
  const repeatMs = repeatMsOf(frame, policy);
  const unreadMs = unreadMsMax(session, queue, frame.id, at);
  if (repeatMs <= unreadMs) {
    givenUp(queue, frame.id);
    return refusal(frame.id, 'SEND_EXPIRED');
  }
  if (!at.busUp || isAskedAnew(queue, frame.id, unreadMs))
    return sendRefusedForNow(session, request.frame, 'UNDECIDED', policy.retryAfterMs, at, policy);
  const lessMs = unreadMs > UNREAD_MS_MAX ? unreadMs : 0;
  const send = pendingSend(session, frame, traceparent, repeatMs - lessMs, at, policy);
  const verdict = offered(queue, send, at.logMs);
  if (verdict.kind === 'refused')
    return refusal(frame.id, verdict.fault, retryAfterOf(verdict.fault, policy));
  if (verdict.kind === 'repeat') return [{ kind: 'forget' }];
  return verdict.kind === 'append' ? [appendEffect(frame.to.channel, send)] : [];
}

/**
 * For how long a send may have lain unread, so that it is older than the client said. Given a time too long it could be
 * stored after repeats stop being recognized; given one too short, its repeat would be found stored, and acknowledged,
 * where what was stored came too late to exist. So the client is asked to send it again, with its age. A send was not
 * written before its flow was welcomed, unless it was read before, nor a repeat before it was refused; one that is under
 * way will be answered.
 */
function unreadMsMax(session: Session, queue: SendQueue, id: string, at: Moment): number {
  if (at.unreadMs === 0 || isInQueue(queue, id)) return 0;
  const sinceRefusedMs = at.logMs - (refusedOf(queue, id)?.refusedMs ?? 0);
  return Math.min(at.unreadMs, sinceWelcomeMs(session, at), sinceRefusedMs);
}

/** The first poll of a flow may bring sends: these were written before, and nobody knows how long. */
function sinceWelcomeMs({ welcomedMs }: Session, { monotonicMs, keptMs }: Moment): number {
  const sinceMs = monotonicMs - keptMs - welcomedMs;
  return sinceMs < 0 ? Number.POSITIVE_INFINITY : sinceMs;
}

/** A send says how old it was when it was written. */
function ofItsAge(frame: OutboundFrame, { keptMs }: Moment): OutboundFrame {
  return keptMs > 0 ? { ...frame, ageMs: frame.ageMs + keptMs } : frame;
}

/** A gateway that stands still again and again asks a few times, and then gives the send less time. */
function isAskedAnew(queue: SendQueue, id: string, unreadMs: number): boolean {
  return unreadMs > UNREAD_MS_MAX && (refusedOf(queue, id)?.times ?? 0) < ASKED_ANEW_MAX;
}

function retryAfterOf(fault: FaultCode, policy: SessionPolicy): number | undefined {
  return fault === 'SEND_ID_REUSED' ? undefined : policy.retryAfterMs;
}

function sendFault(session: Session, frame: OutboundFrame, policy: SessionPolicy): FaultCode | undefined {
  if (frame.ttlMs !== undefined && frame.ttlMs > policy.ttlMsMax) return 'TTL_TOO_LONG';
  const parts = channelParts(frame.to.channel);
  if (parts === undefined) return 'INVALID';
  const allowed =
    parts.kind === 'room'
      ? policy.rights.maySendRoom(session.identity.rights, parts.name)
      : policy.rights.maySendUser(session.identity.rights, parts.name, session.user);
  return allowed ? undefined : 'FORBIDDEN';
}

/** Refuses a send that may come again soon: it keeps its place before those sent after it. */
export function sendRefusedForNow(
  session: Session,
  frame: OutboundFrame,
  fault: FaultCode,
  retryAfterMs: number | undefined,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  if (!frame.volatile) {
    const endMs = Math.ceil(at.logMs + repeatMsOf(ofItsAge(frame, at), policy));
    refusedBefore(queueOf(session, frame.to.channel), frame.id, fault, endMs, at.logMs);
  }
  return refusal(frame.id, fault, retryAfterMs);
}

/** For how long the frame may still be sent again. */
function repeatMsOf({ ttlMs, ageMs }: OutboundFrame, policy: SessionPolicy): number {
  return Math.min(policy.repeatMsMax, ttlMs ?? policy.ttlMsDefault) - ageMs;
}

function published(
  session: Session,
  frame: OutboundFrame,
  traceparent: string,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  if (!at.busUp) return refusal(frame.id, 'UNAVAILABLE', policy.retryAfterMs);
  const ttlMs = frame.ttlMs ?? policy.ttlMsDefault;
  const data = encodeEnvelope(header(session, frame, traceparent, ttlMs, undefined, at, policy), frame.body);
  return [
    { kind: 'publish', channel: frame.to.channel, data },
    { kind: 'answer', id: frame.id, answer: { ok: true } },
  ];
}

/** The frame stamped and encoded. */
function pendingSend(
  session: Session,
  frame: OutboundFrame,
  traceparent: string,
  repeatMs: number,
  at: Moment,
  policy: SessionPolicy,
): PendingSend {
  const ttlMs = (frame.ttlMs ?? policy.ttlMsDefault) - frame.ageMs;
  const notAfter = Math.ceil(at.logMs + repeatMs);
  const data = encodeEnvelope(header(session, frame, traceparent, ttlMs, notAfter, at, policy), frame.body);
  const endMs = Math.ceil(at.logMs + repeatMsOf(frame, policy));
  return { id: frame.id, messageId: messageId(session, frame), data, ttlMs, notAfter, endMs };
}

function header(
  session: Session,
  frame: OutboundFrame,
  traceparent: string,
  ttlMs: number,
  notAfter: number | undefined,
  at: Moment,
  policy: SessionPolicy,
): EnvelopeHeader {
  const { to } = frame;
  // An absent field is `undefined` here and left out by the encoding. In this order a router finds what it needs first.
  return {
    v: NODE_VERSION,
    channel: to.channel,
    ttlMs,
    notAfter,
    tell: frame.tellIfUnreachable ? policy.gateway : undefined,
    id: frame.id,
    toDevice: to.device,
    toSession: to.session,
    from: { user: session.user, device: session.device, session: session.id },
    kind: frame.kind,
    format: frame.format,
    call: frame.call,
    at: Math.floor(at.logMs - frame.ageMs),
    traceparent,
  } as EnvelopeHeader;
}

/** `<user>/<device>/<channel>/<id>/<short hash of what is sent>`, one-to-one and in ASCII. */
function messageId(session: Session, frame: OutboundFrame): string {
  const { device = '', session: toSession = '', channel } = frame.to;
  const surroundings = crc32(`${frame.kind}\n${device}\n${toSession}\n${frame.call ?? ''}\n${frame.format}`);
  const hash = crc32(frame.body, surroundings).toString(36);
  return `${part(session.user)}/${part(session.device)}/${part(channel)}/${frame.id}/${hash}-${frame.body.length}`;
}

const plain = /^[\w.@:-]*$/;

function part(name: string): string {
  return plain.test(name) ? name : encodeURIComponent(name);
}

function appendEffect(channel: Channel, send: PendingSend, again = false): SessionEffect {
  return {
    kind: 'append',
    channel,
    id: send.id,
    messageId: send.messageId,
    data: send.data,
    ttlMs: send.ttlMs,
    again,
  };
}

/** The log has answered the append under way of this channel, or has not. */
export function appendAnswered(
  session: Session,
  channel: Channel,
  id: string,
  outcome: AppendOutcome,
  at: Moment,
  policy: SessionPolicy,
): SessionEffect[] {
  const queue = session.queues?.get(channel);
  const send = queue?.underWay;
  if (queue === undefined || send === undefined || send.id !== id) return [];
  switch (outcome.kind) {
    case 'stored': {
      const believed = at.logMs <= send.notAfter - LOG_CLOCK_ERROR_MS;
      const effects: SessionEffect[] = believed
        ? [accepted(id, outcome.position)]
        : refusal(id, 'SEND_EXPIRED');
      return withNext(channel, queue, effects);
    }
    case 'refused':
      return returned(queue, outcome.fault, at, policy);
    case 'undecided':
      if (at.logMs > send.notAfter) return withNext(channel, queue, refusal(id, 'SEND_EXPIRED'));
      if (at.busUp) return [appendEffect(channel, send, true)];
      return returned(queue, 'UNDECIDED', at, policy);
  }
}

function accepted(id: string, position: number): SessionEffect {
  return { kind: 'answer', id, answer: { ok: true, position } };
}

function withNext(channel: Channel, queue: SendQueue, effects: SessionEffect[]): SessionEffect[] {
  const next = settled(queue);
  // A queue that is empty now stands until the next sweep: who sends once often sends again.
  if (next !== undefined) effects.push(appendEffect(channel, next));
  return effects;
}

function returned(queue: SendQueue, fault: FaultCode, at: Moment, policy: SessionPolicy): SessionEffect[] {
  return givenBack(queue, fault, at.logMs).flatMap((send) => refusal(send.id, fault, policy.retryAfterMs));
}

/** Forgets channels of which nothing is owed any more. */
export function sweepQueues({ queues }: Session, logMs: number): void {
  if (queues === undefined) return;
  for (const [channel, queue] of queues) if (isOver(queue, logMs)) queues.delete(channel);
}

function queueOf(session: Session, channel: Channel): SendQueue {
  session.queues ??= new Map();
  const known = session.queues.get(channel);
  if (known !== undefined) return known;
  const queue = emptySendQueue();
  session.queues.set(channel, queue);
  return queue;
}

export function refusal(id: string, fault: FaultCode, retryAfterMs?: number): SessionEffect[] {
  return [
    { kind: 'answer', id, answer: { ok: false, fault, retryAfterMs } },
    { kind: 'fault', fault },
  ];
}
