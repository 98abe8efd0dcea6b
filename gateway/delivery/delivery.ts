/**
 * Delivery: from what routers deliver, and what the log still holds, to the flows attached.
 *
 * A table by partition and channel of the subscriptions that stand there. Live frames are decoded once and handed to
 * every subscription that wants them; a subscription whose cursor is behind reads the log first, page by page,
 * as fast as its flow takes the bytes. A read is complete only when it has brought the last position that the
 * router named; a lagging replica brings less, so it is repeated with the log's leader. A frame that was to be brought
 * and has outlived its time meanwhile is said to be missing (`gap`).
 *
 * The hub drives it: `attach` and `detach` for flows, `attached` for answers of the router, `deliver` for sections.
 */

import { BusUnavailable, type Log, type LogEntry, type Read } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import { type Channel, partitionOf } from '#wire/channels.ts';
import { decodeEnvelope, type EnvelopeError, isAlive, landedInTime } from '#wire/envelope.ts';
import type { Cursor } from '#wire/messages.ts';
import type { DeliverySection } from '#wire/nodes.ts';
import { type Attachment, DeliveredFrame } from '../seams.ts';
import { createReadTickets, type ReadTickets } from './read-tickets.ts';
import {
  type AttachVerdict,
  anew,
  arrived,
  attachVerdict,
  endVerdict,
  FROM_NOW,
  type Gap,
  isFor,
  isMissed,
  releasedAfterRead,
  type Standing,
  Subscription,
  startedAnew,
} from './subscription.ts';

export interface DeliveryEvents {
  /** A frame for a flow, in order, each once. */
  frame(flow: number, frame: DeliveredFrame): void;
  /** The subscription stands; from here on the flow gets what lies past its cursor. Told once. */
  standing(sub: Subscription, cursor: Cursor): void;
  /** `ahead`: the cursor lay past the end of the log. */
  gap(sub: Subscription, gap: Gap, ahead: boolean): void;
  /** Whether the flow takes frames now: its session is open, and its bytes go out. */
  ready(flow: number): boolean;
  /** Resolves when it does; false: the flow is gone. */
  writable(flow: number): Promise<boolean>;
  /** A subscription could not read: attach it again later. */
  stalled(sub: Subscription): void;
}

export interface DeliveryMetrics {
  readonly frames: { inc(by?: number): void };
  readonly expired: { inc(by?: number): void };
  readonly envelopeFaults: { inc(labels: { error: EnvelopeError }): void };
  readonly reads: { inc(): void };
}

export interface DeliveryDeps {
  readonly log: Log;
  readonly events: DeliveryEvents;
  readonly metrics: DeliveryMetrics;
  readonly readsMax: number;
  readonly clock: Pick<Clock, 'after'>;
}

const PAGE_BYTES = 65_536;
const END_PAUSE_MS_MIN = 100;
const END_PAUSE_MS_MAX = 1_600;

export type Delivery = ReturnType<typeof createDelivery>;

export function createDelivery({ log, events, metrics, readsMax, clock }: DeliveryDeps) {
  const partitions = Array.from({ length: log.partitions }, () => new Map<Channel, Subscription[]>());
  const tickets: ReadTickets = createReadTickets(readsMax);

  function subscriptionsOf(channel: Channel): readonly Subscription[] {
    return partitions[partitionOf(channel, log.partitions)]!.get(channel) ?? none;
  }

  function add(
    who: Omit<Attachment, 'order' | 'partition'>,
    from: 'alive' | 'now' | { epoch: string; position: number },
  ): Subscription {
    const partition = partitionOf(who.channel, log.partitions);
    const cursor = from === 'now' ? FROM_NOW : from === 'alive' ? 0 : from.position;
    const epoch = typeof from === 'string' ? '' : from.epoch;
    const sub = new Subscription({ ...who, partition }, epoch, cursor, log.nowMs());
    const channels = partitions[partition]!;
    const others = channels.get(who.channel);
    if (others === undefined) channels.set(who.channel, [sub]);
    else others.push(sub);
    return sub;
  }

  function remove(sub: Subscription): void {
    sub.phase = 'gone';
    sub.held = undefined;
    const channels = partitions[sub.partition]!;
    const others = channels.get(sub.channel);
    if (others === undefined) return;
    const at = others.indexOf(sub);
    if (at >= 0) others.splice(at, 1);
    if (others.length === 0) channels.delete(sub.channel);
  }

  /** The router has attached the subscription. */
  function attached(sub: Subscription, standing: Standing): void {
    if (sub.phase === 'gone') return;
    sub.phase = 'reading';
    const cursorAtFirst = sub.cursor;
    const verdict = attachVerdict(sub, standing);
    if (!sub.announced) {
      sub.announced = true;
      const position = cursorAtFirst === FROM_NOW ? sub.cursor : cursorAtFirst;
      events.standing(sub, {
        channel: sub.channel,
        epoch: standing.epoch,
        position: verdict.kind === 'other-log' ? 0 : position,
      });
    }
    if (verdict.kind === 'live' && events.ready(sub.flow)) goLive(sub);
    else void caughtUp(sub, standing, verdict);
  }

  async function caughtUp(sub: Subscription, standing: Standing, verdict: AttachVerdict): Promise<void> {
    const { round } = sub;
    try {
      await readOn(sub, round, standing, verdict);
    } catch (error) {
      if (!(error instanceof BusUnavailable)) throw error;
      if (isReading(sub, round)) {
        anew(sub);
        events.stalled(sub);
      }
    }
  }

  async function readOn(
    sub: Subscription,
    round: number,
    standing: Standing,
    first: AttachVerdict,
  ): Promise<void> {
    let verdict = first;
    if (!(await events.writable(sub.flow)) || !isReading(sub, round)) return;
    if (verdict.kind === 'other-log') verdict = startedAnew(sub, standing);
    else if (verdict.kind === 'ask-end') {
      const end = await endFor(sub, round);
      // The verdict moves the cursor: attached anew meanwhile, it is for that attach to ask.
      if (!isReading(sub, round)) return;
      verdict = endVerdict(sub, standing, end);
    }
    if (verdict.kind === 'read') {
      if (verdict.gap) tellGap(sub, verdict.gap, first);
      await readUpTo(sub, round, verdict.upTo, verdict.named);
    }
    if (isReading(sub, round)) goLive(sub);
  }

  function tellGap(sub: Subscription, gap: Gap, { kind }: AttachVerdict): void {
    if (kind === 'read') sub.toldMissing = gap.to;
    events.gap(sub, gap, kind === 'ask-end');
  }

  /** The end of the log; one before the cursor is believed when it stays there, as a new leader may lag at first. */
  async function endFor(sub: Subscription, round: number): Promise<number> {
    for (let pauseMs = END_PAUSE_MS_MIN; ; pauseMs *= 2) {
      const end = await log.end(sub.partition);
      if (sub.cursor <= end || pauseMs > END_PAUSE_MS_MAX || !isReading(sub, round)) return end;
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
    }
  }

  /** Brings everything of the channel up to a position. Without a named one only the leader can say that there is none. */
  async function readUpTo(sub: Subscription, round: number, upTo: number, named: boolean): Promise<void> {
    let leader = !named;
    while (isReading(sub, round) && sub.cursor < upTo) {
      if (!(await events.writable(sub.flow)) || !isReading(sub, round)) return;
      const page = await readPage(sub, round, upTo, leader);
      if (page === undefined || !isReading(sub, round)) return;
      const { entries, through } = page;
      for (const entry of entries) handEntry(sub, entry);
      if (through < upTo) {
        // A replica that brings nothing lags, or there is nothing any more: only the leader knows.
        leader ||= entries.length === 0;
        continue;
      }
      if (leader && named && sub.cursor < upTo) missed(sub, sub.cursor, upTo, undefined);
      if (leader || entries.at(-1)?.position === upTo) sub.cursor = Math.max(sub.cursor, upTo);
      leader = true;
    }
  }

  /** `undefined`: nobody waits for it any more, as whoever did has gone or was attached anew before its turn. */
  async function readPage(
    sub: Subscription,
    round: number,
    upTo: number,
    leader: boolean,
  ): Promise<Read | undefined> {
    const ticket = await tickets.take();
    try {
      if (!isReading(sub, round)) return undefined;
      metrics.reads.inc();
      return await log.read(sub.channel, sub.cursor, upTo, PAGE_BYTES, leader);
    } finally {
      ticket.giveBack();
    }
  }

  function handEntry(sub: Subscription, entry: LogEntry): void {
    if (entry.position <= sub.cursor) return;
    const { channel, position, storedAtMs, data } = entry;
    const frame = decoded(channel, sub.epoch, position, storedAtMs, data, 0, data.length);
    const from = sub.cursor;
    sub.cursor = entry.position;
    if (frame === undefined || !isFor(sub, frame)) return;
    if (isAlive(frame.header, entry.storedAtMs, log.nowMs())) hand(sub, frame);
    else missed(sub, from, entry.position, entry.storedAtMs + frame.header.ttlMs);
  }

  /** A frame past the cursor was acknowledged, and cannot be brought any more. */
  function missed(sub: Subscription, from: number, to: number, diedAtMs: number | undefined): void {
    metrics.expired.inc();
    if (to > sub.toldMissing && isMissed(sub, diedAtMs))
      events.gap(sub, { epoch: sub.epoch, from, to }, false);
  }

  function decoded(
    channel: Channel,
    epoch: string,
    position: number,
    storedAtMs: number,
    data: Uint8Array,
    start: number,
    stop: number,
  ): DeliveredFrame | undefined {
    const envelope = decodeEnvelope(data, start, stop);
    if (typeof envelope === 'string') {
      metrics.envelopeFaults.inc({ error: envelope });
      return undefined;
    }
    // An append that was given up: to its sender it does not exist.
    if (!landedInTime(envelope.header, storedAtMs)) {
      metrics.expired.inc();
      return undefined;
    }
    return new DeliveredFrame(channel, epoch, position, envelope.header, envelope.body);
  }

  function hand(sub: Subscription, frame: DeliveredFrame): void {
    metrics.frames.inc();
    events.frame(sub.flow, frame);
  }

  function goLive(sub: Subscription): void {
    const { frames, readUpTo: upTo, gap } = releasedAfterRead(sub, log.nowMs());
    if (upTo !== undefined) {
      void caughtUp(
        sub,
        { epoch: sub.epoch, head: upTo, floor: 0, last: upTo },
        { kind: 'read', upTo, named: true, ...(gap && { gap }) },
      );
      return;
    }
    sub.phase = 'live';
    sub.wasLive = true;
    for (const { frame, diesAtMs } of frames) handLive(sub, frame, diesAtMs, log.nowMs() < diesAtMs);
  }

  function handLive(sub: Subscription, frame: DeliveredFrame, diesAtMs: number, alive: boolean): void {
    if (arrived(sub, frame, diesAtMs) !== 'hand') return;
    const from = sub.cursor;
    const { position } = frame;
    if (position > 0) sub.cursor = position;
    if (!isFor(sub, frame)) return;
    if (alive) hand(sub, frame);
    else if (position > 0) missed(sub, from, position, diesAtMs);
    else metrics.expired.inc();
  }

  /** Hands the frames of a section to the flows attached; gives back the bytes of envelopes it took. */
  function deliver(section: DeliverySection, epoch: string, envelopes: Uint8Array, offset: number): number {
    let at = offset;
    for (const [channel, position, storedAtMs, bytes] of section.entries) {
      const start = at;
      at += bytes;
      const subs = partitions[section.partition]?.get(channel);
      if (subs === undefined) continue;
      const frame = decoded(channel, epoch, position, storedAtMs, envelopes, start, at);
      if (frame === undefined) continue;
      const diesAtMs = storedAtMs + frame.header.ttlMs;
      const alive = log.nowMs() < diesAtMs;
      for (const sub of subs.length > 1 ? [...subs] : subs)
        if (!sub.watch) handLive(sub, frame, diesAtMs, alive);
    }
    return at;
  }

  /** All subscriptions of a partition go back to attaching, and are given to be announced. */
  function announce(partition: number): Subscription[] {
    const subs = [...partitions[partition]!.values()].flat();
    for (const sub of subs) anew(sub);
    return subs;
  }

  return { add, remove, attached, deliver, announce, subscriptionsOf };
}

const none: readonly Subscription[] = [];

function isReading(sub: Subscription, round: number): boolean {
  return sub.phase === 'reading' && sub.round === round;
}
