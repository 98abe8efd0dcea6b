/**
 * Cursors: how far this client has seen each channel, so that every frame reaches the app once and in order.
 *
 * Frames of a channel come in order on each flow, but a session may have two flows, and a flow that resumes
 * begins at the cursor it was given: so whatever lies at or before the cursor has been seen and is dropped.
 * An epoch names one life of a log; with another epoch positions begin anew, and what an older flow still
 * brings of an epoch that ended is dropped too.
 *
 * Pure: no time, no chance.
 */

import type { Cursor } from '#wire/messages.ts';

interface Place {
  /** `undefined`: followed, and not told yet from where. */
  readonly epoch: string | undefined;
  readonly position: number;
  /** The app was told of gaps up to here. */
  readonly toldTo: number;
  /** Epochs that ended, the last few. */
  readonly ended: readonly string[];
}

export type Cursors = Map<string, Place>;

const ENDED_EPOCHS_MAX = 4;

/** Whether what the service or a storage told is one. */
export function isCursor(told: Partial<Cursor> | null | undefined): told is Cursor {
  return (
    typeof told?.channel === 'string' && typeof told.epoch === 'string' && typeof told.position === 'number'
  );
}

/** Frames of this channel are wanted from now on; a cursor already there is the better one. */
export function follow(cursors: Cursors, channel: string, from?: Omit<Cursor, 'channel'>): void {
  if (cursors.get(channel)?.epoch !== undefined) return;
  cursors.set(channel, { epoch: from?.epoch, position: from?.position ?? 0, toldTo: 0, ended: [] });
}

export function unfollow(cursors: Cursors, channel: string): void {
  cursors.delete(channel);
}

/** Whether a frame is for the app; `false` where it was seen before or is not wanted. Moves the cursor. */
export function pass(cursors: Cursors, frame: Arrived): boolean {
  const place = cursors.get(frame.channel);
  if (place === undefined) return false;
  if (!frame.position) return true;
  const { channel, epoch = '', position } = frame;
  if (epoch === place.epoch ? position <= place.position : place.ended.includes(epoch)) return false;
  const toldTo = epoch === place.epoch ? place.toldTo : 0;
  cursors.set(channel, { epoch, position, toldTo, ended: endedWith(place, epoch) });
  return true;
}

interface Arrived {
  readonly channel: string;
  readonly epoch?: string | undefined;
  /** Absent or 0: volatile. */
  readonly position?: number | undefined;
}

/**
 * Whether a gap is news. One of another epoch, or one that goes back (the log ends before the cursor), tells
 * that the channel starts again from its first frame alive, and so does the cursor.
 */
export function skip(cursors: Cursors, gap: Skipped): boolean {
  const { channel, epoch, from, to } = gap;
  const place = cursors.get(channel);
  if (place === undefined || place.ended.includes(epoch)) return false;
  const restarts = epoch !== place.epoch || (from > to && place.position > to);
  const isNews = restarts || (from <= to && to > Math.max(place.position, place.toldTo));
  if (!isNews) return false;
  const position = restarts ? 0 : place.position;
  cursors.set(channel, { epoch, position, toldTo: to, ended: endedWith(place, epoch) });
  return true;
}

interface Skipped {
  readonly channel: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

/** As `hello` carries them. */
export function listed(cursors: Cursors): Cursor[] {
  const list: Cursor[] = [];
  for (const [channel, { epoch, position }] of cursors) {
    if (epoch !== undefined) list.push({ channel, epoch, position });
  }
  return list;
}

function endedWith({ epoch, ended }: Place, next: string): readonly string[] {
  return epoch === undefined || epoch === next ? ended : [...ended, epoch].slice(-ENDED_EPOCHS_MAX);
}
