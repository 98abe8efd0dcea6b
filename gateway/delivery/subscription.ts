/**
 * Subscription: one flow on one channel: what it has been handed, and what it still has to read.
 *
 * The cursor is the position of the last frame handed over; nothing at or before it is handed again, so
 * frames may come twice and from two sides, live from the router and read from the log, and the flow still
 * gets each once and in order. While it attaches or reads, live frames are held back (a bounded number, of bounded size; past
 * that they are dropped and read instead).
 *
 *     attaching ──▶ reading ──▶ live
 *         ▲             └─ anew ◀─┘   a number was missed, the owner changed, the bus came back
 *
 * Pure but for the record it is given. `delivery.ts` drives it.
 */

import type { Channel } from '#wire/channels.ts';
import type { FlowMode } from '#wire/nodes.ts';
import type { Attachment, DeliveredFrame } from '../seams.ts';

/** Live frames held back per subscription while it reads. */
export const HELD_FRAMES_MAX = 128;
/** Bytes of their bodies from which on no more are held back: they are handed over in one turn, as a page of a read is. */
const HELD_BYTES_MAX = 65_536;

/** The cursor of one that starts at the present, before the present is known. */
export const FROM_NOW = -1;

/** A live frame that waits for a read. */
export interface Held {
  readonly frame: DeliveredFrame;
  /** When it outlives its time, on the log's clock. */
  readonly diesAtMs: number;
}

export type Phase = 'attaching' | 'reading' | 'live' | 'gone';

export class Subscription implements Attachment {
  readonly channel: Channel;
  readonly partition: number;
  readonly flow: number;
  readonly session: string;
  readonly user: string;
  readonly device: string;
  readonly watch: boolean;
  readonly mode: FlowMode | undefined;
  order: number | undefined = undefined;
  state: string | undefined;
  epoch: string;
  cursor: number;
  phase: Phase = 'attaching';
  /** Grows with every attach, so that a read of an earlier one ends. */
  round = 0;
  /** Whether the hub was told that it stands. */
  announced = false;
  /** Since when, on the log's clock, what outlives its time is missed. */
  readonly owedSinceMs: number;
  /** What the log has forgotten since then is missed too. */
  wasLive = false;
  /** It was told that frames are missing up to here. */
  toldMissing = 0;
  held: Held[] | undefined = undefined;
  /** The last position that was dropped instead of held. */
  overflow = 0;
  /** When the first of those that were dropped outlives its time; 0: none was for it. */
  droppedDiesAtMs = 0;

  constructor(who: Omit<Attachment, 'order'>, epoch: string, cursor: number, nowMs: number) {
    this.channel = who.channel;
    this.partition = who.partition;
    this.flow = who.flow;
    this.session = who.session;
    this.user = who.user;
    this.device = who.device;
    this.watch = who.watch;
    this.mode = who.mode;
    this.state = who.state;
    this.epoch = epoch;
    this.cursor = cursor;
    this.owedSinceMs = nowMs;
  }
}

/** What the owner said of the channel when it attached the subscription. */
export interface Standing {
  readonly epoch: string;
  readonly head: number;
  readonly floor: number;
  readonly last: number | undefined;
  /** The last position of the channel that the log has forgotten, as far as the owner knows. */
  readonly forgotten?: number | undefined;
}

export interface Gap {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

export type AttachVerdict =
  | { readonly kind: 'live' }
  /** Read (cursor, upTo] from the log; `named` says that a frame stands at `upTo`. */
  | { readonly kind: 'read'; readonly upTo: number; readonly named: boolean; readonly gap?: Gap }
  /** The cursor is of another log: `startedAnew`, at the moment when the gap can be told. */
  | { readonly kind: 'other-log' }
  /** The cursor is past what the owner has seen: only the log's end tells whether it is of the future. */
  | { readonly kind: 'ask-end' };

/** How the subscription goes on from what the owner said. */
export function attachVerdict(sub: Subscription, standing: Standing): AttachVerdict {
  if (sub.watch) return { kind: 'live' };
  if (sub.cursor === FROM_NOW) {
    sub.cursor = standing.head;
    sub.epoch = standing.epoch;
    return { kind: 'live' };
  }
  if (sub.epoch !== '' && sub.epoch !== standing.epoch) return { kind: 'other-log' };
  sub.epoch = standing.epoch;
  if (sub.cursor > standing.head) return { kind: 'ask-end' };
  return readVerdict(sub, standing);
}

/** The verdict once the log's end is known: a cursor past it cannot be of this log. */
export function endVerdict(sub: Subscription, standing: Standing, end: number): AttachVerdict {
  return sub.cursor > end ? startedAnew(sub, standing) : { kind: 'live' };
}

/** Says what cannot be kept, and begins at the first frame alive. Once the cursor is moved, nobody else finds the gap. */
export function startedAnew(sub: Subscription, standing: Standing): AttachVerdict {
  const gap = { epoch: standing.epoch, from: sub.cursor, to: standing.head };
  sub.epoch = standing.epoch;
  sub.cursor = 0;
  sub.toldMissing = 0;
  const verdict = readVerdict(sub, { ...standing, forgotten: undefined });
  return verdict.kind === 'read' ? { ...verdict, gap } : { kind: 'read', upTo: 0, named: false, gap };
}

function readVerdict(sub: Subscription, standing: Standing): AttachVerdict {
  const { last, floor } = standing;
  const upTo = last ?? floor;
  const gap = forgottenGap(sub, standing);
  if (upTo > sub.cursor) return { kind: 'read', upTo, named: last !== undefined, ...(gap && { gap }) };
  return gap === undefined ? { kind: 'live' } : { kind: 'read', upTo: sub.cursor, named: false, gap };
}

/** What the log has forgotten since the subscription was live, where it was not told before. */
function forgottenGap(sub: Subscription, { epoch, forgotten = 0 }: Standing): Gap | undefined {
  if (!sub.wasLive || forgotten <= Math.max(sub.cursor, sub.toldMissing)) return undefined;
  return { epoch, from: sub.cursor, to: forgotten };
}

export type ArrivalVerdict = 'hand' | 'held' | 'skip';

/** What to do with a live frame. */
export function arrived(sub: Subscription, frame: DeliveredFrame, diesAtMs: number): ArrivalVerdict {
  if (sub.phase === 'live') return frame.position === 0 || frame.position > sub.cursor ? 'hand' : 'skip';
  if (frame.position === 0 || sub.phase === 'gone') return 'skip';
  if (sub.overflow > 0 || isFull(sub.held)) {
    for (const held of sub.held ?? []) noteDropped(sub, held);
    noteDropped(sub, { frame, diesAtMs });
    sub.held = undefined;
    sub.overflow = Math.max(sub.overflow, frame.position);
    return 'held';
  }
  sub.held ??= [];
  sub.held.push({ frame, diesAtMs });
  return 'held';
}

function noteDropped(sub: Subscription, { frame, diesAtMs }: Held): void {
  if (frame.position <= sub.cursor || !isFor(sub, frame)) return;
  sub.droppedDiesAtMs = sub.droppedDiesAtMs === 0 ? diesAtMs : Math.min(sub.droppedDiesAtMs, diesAtMs);
}

function isFull(held: readonly Held[] | undefined): boolean {
  if (held === undefined) return false;
  return (
    held.length >= HELD_FRAMES_MAX ||
    held.reduce((sum, { frame }) => sum + frame.body.length, 0) >= HELD_BYTES_MAX
  );
}

/** Whether the target of a frame includes this flow; a session does not get its own frames back. */
export function isFor(sub: Subscription, frame: DeliveredFrame): boolean {
  const { from, toDevice, toSession } = frame.header;
  if (from.session === sub.session) return false;
  return (
    (toDevice === undefined || toDevice === sub.device) &&
    (toSession === undefined || toSession === sub.session)
  );
}

/**
 * Whether a frame that has outlived its time is one that the subscription should have had: it was attached, or
 * resumed, while the frame was alive. `diedAtMs`: unknown where the log has forgotten it.
 */
export function isMissed(sub: Subscription, diedAtMs: number | undefined): boolean {
  return diedAtMs === undefined ? sub.wasLive : sub.owedSinceMs < diedAtMs;
}

/**
 * After a read: what was held, oldest first, and whether frames were dropped that have to be read now; then also what is missing
 * of them: one that died before it is read may be forgotten by then.
 */
export function releasedAfterRead(
  sub: Subscription,
  nowMs: number,
): { frames: Held[]; readUpTo: number | undefined; gap?: Gap } {
  const { droppedDiesAtMs } = sub;
  sub.droppedDiesAtMs = 0;
  if (sub.overflow > sub.cursor) {
    const readUpTo = sub.overflow;
    sub.overflow = 0;
    if (droppedDiesAtMs === 0 || nowMs < droppedDiesAtMs) return { frames: [], readUpTo };
    return { frames: [], readUpTo, gap: { epoch: sub.epoch, from: sub.cursor, to: readUpTo } };
  }
  const frames = sub.held ?? [];
  sub.held = undefined;
  sub.overflow = 0;
  frames.sort((a, b) => a.frame.position - b.frame.position);
  return { frames, readUpTo: undefined };
}

/** Back to attaching, with the cursor it has; what was held is read again. */
export function anew(sub: Subscription): void {
  if (sub.phase === 'gone') return;
  sub.phase = 'attaching';
  sub.round += 1;
  sub.held = undefined;
  sub.overflow = 0;
  sub.droppedDiesAtMs = 0;
}
