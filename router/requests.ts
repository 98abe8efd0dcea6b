/**
 * Requests: what gateways ask of a router; attach, beat, presence.
 *
 * Answered at once and in the order they came. Gateways are trusted, as the bus authenticates them; still
 * a request that cannot be read ends nothing but itself.
 */

import { type Channel, partitionOf } from '#wire/channels.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { isAttachRequest, isBeat, isPresenceRequest } from '#wire/node-checks.ts';
import {
  type AttachAnswer,
  type Attached,
  type BeatAnswer,
  decodeNodeMessage,
  encodeNodeMessage,
  type PartitionAnswer,
  type PartitionOps,
  type PresenceAnswer,
} from '#wire/nodes.ts';
import { apply, register } from './directory/directory.ts';
import { membersOf } from './directory/look-up.ts';
import { collectRoutes } from './directory/place.ts';
import type { Registration } from './directory/registration.ts';
import type { Now } from './directory/table.ts';
import { flush, openRoute, type Route } from './forwarding/deliveries.ts';
import { forgottenPositionOf, noteUnread } from './forwarding/forgotten-positions.ts';
import { lastPositionOf } from './forwarding/last-positions.ts';
import { heard } from './hearing.ts';
import { forgottenMax, type Owner, type OwnerContext, tickOwner } from './owner.ts';
import { fittingMembers } from './presence/changes.ts';

export interface RequestContext extends OwnerContext {
  readonly router: string;
  /** The partitions that this router owns and may answer for at this moment. */
  owners(): Iterable<Owner>;
  owner(partition: number): Owner | undefined;
  registrationId(): number;
  now(): Now;
}

export function answerAttach(context: RequestContext, data: Uint8Array): Uint8Array | undefined {
  const request = decoded(context, data, isAttachRequest);
  if (request === undefined) return undefined;
  const now = context.now();
  const ended = context.metrics.attachSeconds.startTimer();
  heard(context.hearing, request.gateway, now.monotonicMs, false);
  const partitions = request.partitions.map((ops) => answerPartition(context, request.gateway, ops, now));
  const answer = encodedAnswer(context, { v: NODE_VERSION, router: context.router, partitions });
  ended();
  return answer;
}

function answerPartition(
  context: RequestContext,
  gateway: string,
  ops: PartitionOps,
  now: Now,
): PartitionAnswer {
  const { partition } = ops;
  const owner = context.owner(partition);
  const registration =
    owner === undefined || owner.term !== ops.term
      ? undefined
      : registrationFor(context, owner, gateway, ops, now);
  if (owner === undefined || registration === undefined) {
    context.metrics.faults.inc({ fault: 'STALE' });
    return { partition, stale: true };
  }
  for (const [channel, position] of ops.unread ?? []) tellUnread(context, owner, channel, position);
  const attached = applied(context, owner, registration, ops, now);
  if (ops.complete === true && !registration.complete) {
    registration.complete = true;
    tickOwner(owner, now);
  }
  const { term, epoch, position, endAtFirst, last } = owner;
  return {
    partition,
    term,
    registration: registration.id,
    epoch,
    head: Math.max(position, endAtFirst),
    floor: last.floor,
    attached,
  };
}

function registrationFor(
  context: RequestContext,
  owner: Owner,
  gateway: string,
  ops: PartitionOps,
  now: Now,
): Registration<Route> | undefined {
  if (ops.begin === true) {
    const id = context.registrationId();
    context.metrics.registrations.inc();
    return register(
      owner.directory,
      gateway,
      id,
      openRoute(context.deliveries, gateway, owner.partition, owner.term, id),
      now,
    );
  }
  const registration = owner.directory.registrations.get(gateway);
  return registration?.id === ops.registration ? registration : undefined;
}

function applied(
  context: RequestContext,
  owner: Owner,
  registration: Registration<Route>,
  { ops }: PartitionOps,
  now: Now,
): Attached[] {
  const attached: Attached[] = [];
  for (const op of ops) {
    const last = op.op === 'attach' ? lastPositionOf(owner.last, op.channel) : undefined;
    const answer = apply(owner.directory, registration, op, last, now);
    if (answer === undefined) continue;
    const forgotten = registration.complete ? undefined : forgottenIn(context, owner, op.channel);
    attached.push(forgotten === undefined ? answer : { ...answer, forgotten });
    if (answer.fault !== undefined) context.metrics.faults.inc({ fault: answer.fault });
  }
  context.metrics.ops.inc(ops.length);
  return attached;
}

/**
 * Whoever is attached should have had it. A number is left out, so that their gateways announce them anew, and are told
 * that it is missing as those are that announce from here on.
 */
function tellUnread(context: RequestContext, owner: Owner, channel: Channel, position: number): void {
  if (!noteUnread(owner.forgotten, channel, position, context.bus.log.nowMs(), forgottenMax(context))) return;
  const count = collectRoutes(owner.directory.places.get(channel), routes);
  for (let i = 0; i < count; i++) routes[i]!.number += 1;
}

/** Reused. */
const routes: Route[] = [];

/** Only a gateway that announces all it holds may have been cut off. */
function forgottenIn(context: RequestContext, { forgotten }: Owner, channel: Channel): number | undefined {
  return forgottenPositionOf(forgotten, channel, context.bus.log.nowMs(), forgottenMax(context));
}

/** Presence states make an answer larger than its request; where it does not fit, they are left out. */
function encodedAnswer({ bus, metrics }: RequestContext, answer: AttachAnswer): Uint8Array | undefined {
  const bytes = encodeNodeMessage(answer);
  if (bytes.length <= bus.post.payloadBytesMax) return bytes;
  const lean = encodeNodeMessage({ ...answer, partitions: answer.partitions.map(withoutStates) });
  if (lean.length <= bus.post.payloadBytesMax) return lean;
  metrics.faults.inc({ fault: 'TOO_LARGE' });
  return undefined;
}

function withoutStates(partition: PartitionAnswer): PartitionAnswer {
  if ('stale' in partition) return partition;
  return { ...partition, attached: partition.attached.map(({ state: _, ...rest }) => rest) };
}

export function answerBeat(context: RequestContext, data: Uint8Array): Uint8Array | undefined {
  const beat = decoded(context, data, isBeat);
  if (beat === undefined) return undefined;
  heard(context.hearing, beat.gateway, context.now().monotonicMs, true);
  // So that no number is named that has not been sent.
  flush(context.deliveries);
  const partitions: [number, number, number, number][] = [];
  for (const { partition, term, directory } of context.owners()) {
    const registration = directory.registrations.get(beat.gateway);
    partitions.push([partition, term, registration?.id ?? 0, registration?.route.number ?? 0]);
  }
  const answer: BeatAnswer = { v: NODE_VERSION, router: context.router, partitions };
  return encodeNodeMessage(answer);
}

export function answerPresence(context: RequestContext, data: Uint8Array): Uint8Array | undefined {
  const request = decoded(context, data, isPresenceRequest);
  if (request === undefined) return undefined;
  const owner = context.owner(partitionOf(request.channel, context.bus.log.partitions));
  // Before all have announced, a list would say that those who are about to be announced are gone.
  if (owner === undefined || !owner.settled) return encodeNodeMessage({ v: NODE_VERSION, stale: true });
  const [members, all] = fittingMembers(
    membersOf(owner.directory, request.channel),
    context.deliveries.bytesMax,
  );
  const answer: PresenceAnswer = { v: NODE_VERSION, members, ...(!all && { truncated: true }) };
  return encodeNodeMessage(answer);
}

/** The request, if it is of a version and shape that are known; else what is wrong with it is counted. */
function decoded<Message extends { readonly v: number }>(
  { metrics }: RequestContext,
  data: Uint8Array,
  isSound: (value: unknown) => value is Message,
): Message | undefined {
  const message = decodeNodeMessage<{ readonly v?: unknown }>(data);
  const isLater = typeof message?.v === 'number' && message.v > NODE_VERSION;
  if (!isLater && isSound(message)) return message;
  metrics.faults.inc({ fault: isLater ? 'VERSION' : 'MALFORMED' });
  return undefined;
}

/** A handler that survives whatever a request holds: what cannot be applied gets no answer, and is counted. */
export function guarded(
  context: RequestContext,
  answer: (context: RequestContext, data: Uint8Array) => Uint8Array | undefined,
): (data: Uint8Array) => Uint8Array | undefined {
  return (data) => {
    try {
      return answer(context, data);
    } catch (err) {
      context.metrics.faults.inc({ fault: 'MALFORMED' });
      context.log.warn(
        { event: 'router.request-unreadable', err },
        'a request of a gateway cannot be applied',
      );
      return undefined;
    }
  };
}
