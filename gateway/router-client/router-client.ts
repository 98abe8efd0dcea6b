/**
 * Router client: keeps every partition's owner told of who is attached here, and takes in what it delivers.
 *
 * One registration per partition (`registration.ts`). Attaches and detaches of one turn of the event loop go out in
 * one request per router; while one is on its way, what comes goes with the next (`under-way.ts`), so that in a crowd few
 * requests carry many. Owners are known from the leases; each second every router gets a beat. Whatever goes wrong, a
 * lost request, a hole, a new owner, the bus gone and back, ends in announcing that partition anew.
 *
 * The hub drives it and is told by `RouterClientEvents`.
 */

import type { Bus, LeaseEntry } from '#bus/seams.ts';
import type { Cancel, Clock } from '#runtime/clock.ts';
import { type Channel, partitionOf } from '#wire/channels.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { isAttachAnswer, isBeatAnswer, isPartitionLease, isPresenceAnswer } from '#wire/node-checks.ts';
import {
  type AttachAnswer,
  type Attached,
  type BeatAnswer,
  type DeliverySection,
  decodeDelivery,
  decodeNodeMessage,
  encodeNodeMessage,
  PARTITION_LEASE_PREFIX,
  type PartitionAnswer,
  ROUTER_LEASE_PREFIX,
  sectionBytes,
} from '#wire/nodes.ts';
import { gatewaySubject, routerSubject } from '#wire/subjects.ts';
import type { Attachment } from '../seams.ts';
import { type Batch, type Part, type Partition, requestOf, unownedPartition } from './batch.ts';
import { membersOf } from './members.ts';
import { attachOp, detachOp, opBytes, type QueuedOp, stateOp } from './ops.ts';
import { createPatience } from './patience.ts';
import { createRecentAcks } from './recent-acks.ts';
import { agrees, anew, announced, leaseGone, leaseSeen, sectionVerdict, taken } from './registration.ts';
import { type Asked, createUnderWay } from './under-way.ts';

export interface RouterClientEvents {
  /** Everything attached in the partition, put back to attaching; it is about to be announced. */
  announce(partition: number): readonly Attachment[];
  attached(attachment: Attachment, answer: Extract<PartitionAnswer, { term: number }>, item: Attached): void;
  /** The next section of an owner; gives back the offset behind its envelopes. */
  section(section: DeliverySection, epoch: string, envelopes: Uint8Array, offset: number): number;
}

export interface RouterClientMetrics {
  readonly announcements: { inc(labels: { cause: AnnounceCause }): void };
  readonly faults: { inc(labels: { cause: 'version' | 'malformed' | 'early-overflow' }): void };
}

export type AnnounceCause = 'owner' | 'hole' | 'beat' | 'beat-lost' | 'request-lost' | 'stale' | 'bus';

export interface RouterClientDeps {
  readonly gateway: string;
  readonly bus: Pick<Bus, 'post' | 'leases' | 'log'>;
  readonly clock: Clock;
  readonly events: RouterClientEvents;
  readonly metrics: RouterClientMetrics;
}

const BEAT_MS = 1_000;
const BEAT_ANSWER_MS = 2_000;
const ATTACH_ANSWER_MS = 3_000;
/** One answer that is missed may have been slow, and the next says whatever it would have said. */
const BEATS_LOST_MAX = 2;
/** Bytes of sections kept per partition that came before the answer that explains them. */
const EARLY_BYTES_MAX = 1_048_576;

export type RouterClient = ReturnType<typeof createRouterClient>;

export function createRouterClient({ gateway, bus, clock, events, metrics }: RouterClientDeps) {
  const { post, leases, log } = bus;
  const { partitions } = log;
  const table = Array.from({ length: partitions }, (_, number) => unownedPartition(number));
  const routers = new Set<string>();
  const cancels: Cancel[] = [];
  const dirty = new Set<Partition>();
  const underWay = createUnderWay(clock, flushLater);
  /** Beats without an answer, by router, since the last that had one. */
  const beatsLost = new Map<string, number>();
  const patience = createPatience(clock);
  const recentAcks = createRecentAcks(clock.monotonicMs());
  let flushSoon = false;

  /** What a router wrote; what cannot be read is counted, and as if it had not come. */
  function sound<Message>(data: Uint8Array, is: (value: unknown) => value is Message): Message | undefined {
    const message = decodeNodeMessage<object>(data);
    if (is(message)) return message;
    metrics.faults.inc({ cause: 'malformed' });
    return undefined;
  }

  // What the leases say.

  function leaseEntry(entry: LeaseEntry): void {
    if (entry.key.startsWith(ROUTER_LEASE_PREFIX)) {
      const router = entry.key.slice(ROUTER_LEASE_PREFIX.length);
      if (entry.value !== undefined) routers.add(router);
      else forgetRouter(router);
      return;
    }
    const partition = table[Number(entry.key.slice(PARTITION_LEASE_PREFIX.length))];
    if (!entry.key.startsWith(PARTITION_LEASE_PREFIX) || partition === undefined) return;
    if (entry.value === undefined) {
      partition.state = leaseGone();
      return;
    }
    const before = partition.state;
    partition.state = leaseSeen(before, sound(entry.value, isPartitionLease));
    if (partition.state !== before) announceSoon(partition, 'owner');
  }

  function forgetRouter(router: string): void {
    routers.delete(router);
    beatsLost.delete(router);
    patience.forget(router);
  }

  // Announcing.

  function announceAnew(partition: Partition, cause: AnnounceCause): void {
    partition.state = anew(partition.state);
    if (partition.state.phase === 'announcing') announceSoon(partition, cause);
  }

  function announceSoon(partition: Partition, cause: AnnounceCause): void {
    metrics.announcements.inc({ cause });
    partition.round += 1;
    partition.announcing = true;
    partition.early = [];
    partition.earlyBytes = 0;
    // At once back to attaching: what arrives from here on is held, not handed on.
    events.announce(partition.number);
    markDirty(partition);
  }

  function announceLater(partition: Partition, round: number, cause: AnnounceCause): void {
    clock.after(patience.retryMs(partition.state.router), () => {
      if (partition.round === round) announceSoon(partition, cause);
    });
  }

  function markDirty(partition: Partition): void {
    dirty.add(partition);
    flushLater();
  }

  function flushLater(): void {
    if (flushSoon) return;
    flushSoon = true;
    clock.atEnd(() => flush(false));
  }

  /** One request per router and turn, or several where they would be too large. `atOnce`: nothing waits for an answer. */
  function flush(atOnce: boolean): void {
    flushSoon = false;
    const batches = new Map<string, Batch>();
    const due = [...dirty];
    dirty.clear();
    for (const partition of due) {
      const { phase, router } = partition.state;
      if (phase === 'unowned' || (phase === 'announcing' && !partition.announcing)) continue;
      const begin = phase === 'announcing';
      // A registration that begins waits for nobody.
      if (!begin && !atOnce && waits(partition)) continue;
      if (begin) {
        partition.announcing = false;
        partition.complete = false;
        partition.queue.reset(events.announce(partition.number).map(attachOp));
      }
      addTo(batches, router, partition, begin);
    }
    for (const batch of batches.values()) send(batch);
  }

  /** Whether the partition waits for an answer, which brings it up again; for the last one only a while. */
  function waits(partition: Partition): boolean {
    if (partition.pieceUnderWay) return true;
    if (!underWay.holds(partition.state.router)) return false;
    dirty.add(partition);
    return true;
  }

  function addTo(batches: Map<string, Batch>, router: string, partition: Partition, begin: boolean): void {
    const batch = batches.get(router) ?? { router, parts: [], bytes: 0 };
    batches.set(router, batch);
    const unread = begin ? recentAcks.forgotten(partition.number, clock.monotonicMs(), log.nowMs()) : [];
    batch.bytes += unread.reduce((sum, [channel]) => sum + channel.length + 24, 0);
    const queued = partition.queue.take(maxBytes - batch.bytes);
    batch.bytes += queued.reduce((sum, { op }) => sum + opBytes(op), 96);
    const complete = !partition.complete && partition.queue.length === 0;
    partition.complete ||= complete;
    partition.pieceUnderWay = !partition.complete;
    batch.parts.push({ partition, round: partition.round, begin, complete, queued, unread });
    if (!begin && partition.queue.length > 0) markDirty(partition);
    if (batch.bytes < maxBytes) return;
    batches.delete(router);
    send(batch);
  }

  const maxBytes = Math.floor(post.payloadBytesMax / 4);

  function send(batch: Batch): void {
    const { router } = batch;
    const request = underWay.sent(router);
    const limitMs = patience.limitMs(router, ATTACH_ANSWER_MS);
    post.request(routerSubject(router, 'attach'), requestOf(gateway, batch), limitMs).then(
      (data) => {
        goesOn(router, request);
        answered(batch, sound(data, isAttachAnswer));
      },
      () => {
        goesOn(router, request);
        for (const part of batch.parts) lost(part, 'request-lost');
      },
    );
  }

  /** What waited for this router's answer goes out. */
  function goesOn(router: string, request: Asked): void {
    patience.ended(router, request.atMs);
    if (underWay.ended(router, request) && dirty.size > 0) flushLater();
  }

  function lost({ partition, round }: Pick<Part, 'partition' | 'round'>, cause: AnnounceCause): void {
    if (partition.round !== round) return;
    partition.state = anew(partition.state);
    announceLater(partition, round, cause);
  }

  function answered(batch: Batch, answer: AttachAnswer | undefined): void {
    batch.parts.forEach((part, index) => {
      const said = answer?.partitions[index];
      if (part.partition.round !== part.round) return;
      if (said === undefined || said.partition !== part.partition.number) lost(part, 'request-lost');
      else if ('stale' in said) lost(part, 'stale');
      else partAnswered(part, said);
    });
  }

  function partAnswered(part: Part, said: Extract<PartitionAnswer, { term: number }>): void {
    const { partition } = part;
    partition.pieceUnderWay = false;
    if (part.begin) partition.state = announced(partition.state, said.term, said.registration, said.epoch);
    let index = 0;
    for (const { attachment } of part.queued) {
      if (attachment !== undefined) events.attached(attachment, said, said.attached[index++] ?? {});
    }
    if (partition.queue.length > 0) markDirty(partition);
    if (part.begin) takeEarly(partition);
  }

  // What owners deliver.

  function received(data: Uint8Array): void {
    const decoded = decodeDelivery(data);
    if (decoded === undefined) return metrics.faults.inc({ cause: 'malformed' });
    const { delivery, envelopes } = decoded;
    if (delivery.v > NODE_VERSION) return metrics.faults.inc({ cause: 'version' });
    let offset = 0;
    for (const section of delivery.sections) {
      const partition = table[section.partition];
      if (partition === undefined) return metrics.faults.inc({ cause: 'malformed' });
      sectionArrived(partition, section, envelopes, offset);
      offset += sectionBytes(section);
    }
  }

  /** @param offset where in `envelopes` those of the section begin. */
  function sectionArrived(
    partition: Partition,
    section: DeliverySection,
    envelopes: Uint8Array,
    offset: number,
  ): void {
    switch (sectionVerdict(partition.state, section)) {
      case 'next':
        partition.state = taken(partition.state);
        events.section(section, partition.state.epoch, envelopes, offset);
        return;
      case 'hole':
        return announceAnew(partition, 'hole');
      case 'early':
        return keepEarly(partition, section, envelopes.subarray(offset, offset + sectionBytes(section)));
      case 'stale':
        return;
    }
  }

  function keepEarly(partition: Partition, section: DeliverySection, data: Uint8Array): void {
    partition.earlyBytes += data.length;
    if (partition.earlyBytes <= EARLY_BYTES_MAX) partition.early.push({ section, data });
    else metrics.faults.inc({ cause: 'early-overflow' });
  }

  function takeEarly(partition: Partition): void {
    const { early } = partition;
    partition.early = [];
    partition.earlyBytes = 0;
    for (const { section, data } of early) sectionArrived(partition, section, data, 0);
  }

  // Beats.

  function beat(): void {
    if (!post.connected) return;
    const request = encodeNodeMessage({ v: NODE_VERSION, gateway, reads: NODE_VERSION });
    const atMs = clock.monotonicMs();
    for (const router of routers) {
      const limitMs = patience.limitMs(router, BEAT_ANSWER_MS);
      post.request(routerSubject(router, 'beat'), request, limitMs).then(
        (data) => beatAnswered(router, atMs, sound(data, isBeatAnswer)),
        () => beatLost(router, atMs),
      );
    }
  }

  function beatAnswered(router: string, askedAtMs: number, answer: BeatAnswer | undefined): void {
    patience.ended(router, askedAtMs);
    beatsLost.delete(router);
    recentAcks.heard(clock.monotonicMs());
    for (const [number, term, registration, delivered] of answer?.partitions ?? []) {
      const partition = table[number];
      if (partition === undefined || partition.state.router !== router) continue;
      if (!agrees(partition.state, term, registration, delivered)) announceAnew(partition, 'beat');
    }
  }

  function beatLost(router: string, askedAtMs: number): void {
    patience.ended(router, askedAtMs);
    const lost = (beatsLost.get(router) ?? 0) + 1;
    beatsLost.set(router, lost % BEATS_LOST_MAX);
    if (lost < BEATS_LOST_MAX) return;
    for (const partition of table) {
      if (partition.state.router === router && partition.state.phase === 'registered')
        announceAnew(partition, 'beat-lost');
    }
  }

  function connectionChanged(connected: boolean): void {
    if (connected) for (const partition of table) announceAnew(partition, 'bus');
  }

  // What the hub asks.

  function queue(attachment: Attachment, op: QueuedOp): void {
    const partition = table[attachment.partition]!;
    // An announcement that is still to begin names whoever is there then; nobody may own the partition for long.
    if (partition.state.phase === 'unowned' || partition.announcing) return;
    partition.queue.push(op);
    if (partition.state.phase === 'registered') markDirty(partition);
  }

  function routerOf(channel: Channel): string {
    return table[partitionOf(channel, partitions)]!.state.router;
  }

  return {
    start(): void {
      cancels.push(
        post.subscribe(gatewaySubject(gateway), received),
        leases.watch({ entry: leaseEntry, ready: () => undefined }),
        clock.every(BEAT_MS, beat),
        post.watchConnection(connectionChanged),
      );
    },
    attach: (attachment: Attachment) => queue(attachment, attachOp(attachment)),
    detach: (attachment: Attachment, left: boolean) => queue(attachment, detachOp(attachment, left)),
    /** The log has a frame of this gateway, for so long. */
    acked(channel: Channel, partition: number, position: number, keptMs: number): void {
      recentAcks.acked(channel, partition, position, keptMs, log.nowMs());
    },
    setState: (attachment: Attachment) => queue(attachment, stateOp(attachment)),
    members: (channel: Channel) =>
      membersOf({ post, clock, routerOf, decoded: (data) => sound(data, isPresenceAnswer) }, channel),
    /** A subscription could not read the log: attach its partition again. */
    attachAgain(attachment: Attachment): void {
      const partition = table[attachment.partition]!;
      lost({ partition, round: partition.round }, 'request-lost');
    },
    /** How many partitions know this gateway. */
    registered: () => table.filter(({ state }) => state.phase === 'registered').length,
    /** Sends what is queued at once, for the last turn of a process. */
    flush: () => flush(true),
    stop(): void {
      for (const cancel of cancels.splice(0)) cancel();
    },
  };
}
