/**
 * Outbox: what this client has asked of the service and has no answer to, in the order it was asked.
 *
 * Each request has an id and a lane (its channel). A new flow gets all of them again, in order and under the
 * same ids, before anything new; the service recognizes repeats by their ids. A refusal that may be repeated
 * stops the lane: nothing of it is written until everything already written has been answered (the service
 * refuses what lies behind a refused send, so that nothing overtakes it) and the time to wait has passed;
 * then it goes on from its first. A send that got no answer within the time in which its id may be repeated
 * is given up with `UNKNOWN`: nobody can tell whether it arrived.
 *
 * Writes keep a little below the pace the service allows (see `gateway/session/rate.ts`; half of the burst is
 * left to the network, which may bunch what was sent evenly), and never more are under way than it allows.
 *
 * Pure: the caller brings time and answers, and writes what `due` says.
 */

import type { FaultCode } from '#wire/faults.ts';
import { faultDefinition, isFaultCode } from '#wire/faults.ts';
import type { SessionLimits } from '#wire/messages.ts';
import type { ClientFault } from './api.ts';
import { type Text, TOGETHER_CHARS_MAX } from './flow.ts';
import { timeOf } from './times.ts';

export type AnyFault = FaultCode | ClientFault | (string & {});

export interface Asked {
  readonly id: string;
  /** Requests of one lane stay in order. */
  readonly lane: string;
  /** The message as JSON text, without its closing brace. */
  readonly text: string;
  readonly bytes: number;
  /**
   * A send may be repeated for this long at most; `undefined`: not a send, and repeated until it is answered.
   */
  readonly ttlMs?: number | undefined;
  /** Volatile frames and what is stale on the next flow are not repeated. */
  readonly once?: boolean | undefined;
  /** The client itself asks it, once for each room and watch: it finds room in a full outbox too. */
  readonly own?: boolean | undefined;
}

interface Entry extends Asked {
  readonly askedMs: number;
  /** When it was first written. */
  firstMs: number | undefined;
  /** The flow it was last written on and has no answer from; 0: to be written. */
  flow: number;
  /** It was written, and that flow can no longer tell what became of it. */
  undecided: boolean;
  /** Why it was refused last. */
  fault: AnyFault | undefined;
}

export interface Outbox {
  readonly entries: Map<string, Entry>;
  /** Lanes that stand still until this moment. */
  readonly stops: Map<string, number>;
  bytes: number;
  /** The flow to write on; 0: none. */
  flow: number;
  /**
   * Whether what is written arrives in order, or not at all. Polls may be answered by different gateways:
   * there a lane takes nothing further while something of it is unanswered, and what is written at once fits into one.
   */
  pipelined: boolean;
  limits: Pick<SessionLimits, 'messageBytes' | 'repeatMs' | 'framesPerSecond' | 'framesBurst' | 'pending'>;
  /** When the next write would be due at an even pace. */
  paceMs: number;
}

export interface Failed {
  readonly id: string;
  readonly fault: AnyFault;
}

export interface Due {
  /** What to write now, in order. */
  readonly write: readonly Text[];
  readonly failed: readonly Failed[];
  /** When to ask again, if nothing happens before. */
  readonly wakeMs: number;
}

export const OUTBOX_COUNT_MAX = 1_000;
export const OUTBOX_BYTES_MAX = 1_048_576;
/** How long a refused request (not a send) is repeated, and a refusal is waited for that names no time. */
const REQUEST_MS_MAX = 30_000;
const RETRY_MS_DEFAULT = 1_000;
/** What a repeat adds to its message. */
const AGE_BYTES = 24;

export function emptyOutbox(): Outbox {
  const limits = {
    messageBytes: Infinity,
    repeatMs: 25_000,
    framesPerSecond: 50,
    framesBurst: 20,
    pending: 64,
  };
  return { entries: new Map(), stops: new Map(), bytes: 0, flow: 0, pipelined: true, limits, paceMs: 0 };
}

/** Takes a request in, or says why not. */
export function ask(outbox: Outbox, asked: Asked, nowMs: number): AnyFault | undefined {
  const { entries } = outbox;
  if (isTooLarge(outbox, asked)) return 'TOO_LARGE';
  const isFull = entries.size >= OUTBOX_COUNT_MAX || outbox.bytes + asked.bytes > OUTBOX_BYTES_MAX;
  if (isFull && !asked.own) return 'OUTBOX_FULL';
  if (asked.once && outbox.flow === 0) return 'NOT_SENT';
  entries.set(asked.id, {
    ...asked,
    askedMs: nowMs,
    firstMs: undefined,
    flow: 0,
    undecided: false,
    fault: undefined,
  });
  outbox.bytes += asked.bytes;
  return undefined;
}

/**
 * Takes back what was not written yet; `false`: it was, and stays until it is answered, to keep its place.
 */
export function takeBack(outbox: Outbox, id: string): boolean {
  const entry = outbox.entries.get(id);
  if (entry === undefined || entry.firstMs !== undefined) return false;
  remove(outbox, entry);
  return true;
}

/** A flow was welcomed: from now on everything is written on it, what waits for an answer first. */
export function flowUp(outbox: Outbox, flow: number, limits: Outbox['limits'], pipelined = true): Failed[] {
  outbox.pipelined = pipelined;
  outbox.limits = limits;
  const tooLarge = [...outbox.entries.values()].filter((entry) => isTooLarge(outbox, entry));
  for (const entry of tooLarge) remove(outbox, entry);
  return [...tooLarge.map(({ id }) => ({ id, fault: 'TOO_LARGE' })), ...turnedTo(outbox, flow)];
}

function isTooLarge({ limits }: Outbox, { bytes }: Asked): boolean {
  return bytes + AGE_BYTES > limits.messageBytes;
}

export function flowLost(outbox: Outbox): Failed[] {
  return turnedTo(outbox, 0);
}

function turnedTo(outbox: Outbox, flow: number): Failed[] {
  const failed: Failed[] = [];
  outbox.flow = flow;
  for (const entry of [...outbox.entries.values()]) {
    if (entry.flow !== 0) entry.undecided = true;
    entry.flow = 0;
    if (!entry.once || (flow !== 0 && entry.firstMs === undefined)) continue;
    remove(outbox, entry);
    failed.push({ id: entry.id, fault: entry.firstMs === undefined ? 'NOT_SENT' : 'UNKNOWN' });
  }
  return failed;
}

/** The service took it. `false`: nobody waits for it any more. */
export function acked(outbox: Outbox, id: string): boolean {
  const entry = outbox.entries.get(id);
  if (entry === undefined) return false;
  remove(outbox, entry);
  return true;
}

/**
 * The service refused it on this flow. `true`: for good; `false`: it is repeated, or the answer is out of
 * date.
 */
export function nacked(
  outbox: Outbox,
  flow: number,
  nack: { readonly id: string; readonly fault: string; readonly retryAfterMs?: number | undefined },
  nowMs: number,
): boolean {
  const entry = outbox.entries.get(nack.id);
  // What was written again since on a newer flow waits for the answer of that one.
  if (entry === undefined || entry.flow !== flow) return false;
  const retry = isFaultCode(nack.fault) ? faultDefinition(nack.fault).retry : 'never';
  const repeats = (retry === 'same-id' || retry === 'later' || nack.fault === 'MOVED') && !entry.once;
  if (!repeats) {
    remove(outbox, entry);
    return true;
  }
  entry.flow = 0;
  entry.fault = nack.fault;
  if (retry === 'same-id') entry.undecided = true;
  const untilMs = nowMs + (timeOf(nack.retryAfterMs) ?? RETRY_MS_DEFAULT);
  outbox.stops.set(entry.lane, Math.max(untilMs, outbox.stops.get(entry.lane) ?? 0));
  return false;
}

/** What to write now, and what to give up. Counts what it returns as written. */
export function due(outbox: Outbox, nowMs: number): Due {
  const failed = givenUp(outbox, nowMs);
  const write: Text[] = [];
  let wakeMs = Infinity;
  let underWay = 0;
  let bytes = 0;
  const answering = new Set<string>();
  for (const entry of outbox.entries.values()) {
    wakeMs = Math.min(wakeMs, deadlineMs(outbox, entry));
    if (entry.flow === 0) continue;
    underWay++;
    answering.add(entry.lane);
  }
  if (outbox.flow === 0) return { write, failed, wakeMs };
  for (const [lane, untilMs] of outbox.stops) {
    if (untilMs > nowMs) wakeMs = Math.min(wakeMs, untilMs);
    else if (!answering.has(lane)) outbox.stops.delete(lane);
  }
  const gapMs = 1_000 / (0.95 * outbox.limits.framesPerSecond);
  const burstMs = gapMs * Math.max(0, outbox.limits.framesBurst / 2 - 1);
  for (const entry of outbox.entries.values()) {
    if (entry.flow !== 0 || outbox.stops.has(entry.lane)) continue;
    if (!outbox.pipelined && answering.has(entry.lane)) continue;
    if (underWay >= outbox.limits.pending) break;
    if (!outbox.pipelined && write.length > 0 && bytes + entry.bytes + AGE_BYTES > TOGETHER_CHARS_MAX) {
      wakeMs = nowMs;
      break;
    }
    if (outbox.paceMs - burstMs > nowMs) {
      wakeMs = Math.min(wakeMs, outbox.paceMs - burstMs);
      break;
    }
    outbox.paceMs = Math.max(outbox.paceMs, nowMs) + gapMs;
    underWay++;
    bytes += entry.bytes + AGE_BYTES + 1;
    write.push(written(outbox, entry, nowMs));
    wakeMs = Math.min(wakeMs, deadlineMs(outbox, entry));
  }
  return { write, failed, wakeMs };
}

function written(outbox: Outbox, entry: Entry, nowMs: number): Text {
  entry.flow = outbox.flow;
  entry.firstMs ??= nowMs;
  return (goesMs) => {
    const ageMs = entry.ttlMs && Math.floor(goesMs - entry.firstMs!);
    return entry.text + (ageMs ? `,"ageMs":${ageMs}}` : '}');
  };
}

function givenUp(outbox: Outbox, nowMs: number): Failed[] {
  const failed: Failed[] = [];
  for (const entry of [...outbox.entries.values()]) {
    if (deadlineMs(outbox, entry) > nowMs) continue;
    remove(outbox, entry);
    failed.push({ id: entry.id, fault: lastWord(entry) });
  }
  return failed;
}

function lastWord(entry: Entry): AnyFault {
  if (entry.firstMs === undefined) return 'NOT_SENT';
  const refused = entry.flow === 0 && !entry.undecided && entry.fault !== undefined;
  return refused || entry.ttlMs === undefined ? (entry.fault ?? 'UNKNOWN') : 'UNKNOWN';
}

function deadlineMs(outbox: Outbox, { askedMs, firstMs, ttlMs, fault, own }: Entry): number {
  if (ttlMs === undefined)
    return own || firstMs === undefined || fault === undefined ? Infinity : firstMs + REQUEST_MS_MAX;
  return firstMs === undefined ? askedMs + ttlMs : firstMs + Math.min(ttlMs, outbox.limits.repeatMs);
}

function remove(outbox: Outbox, entry: Entry): void {
  outbox.entries.delete(entry.id);
  outbox.bytes -= entry.bytes;
}
