/**
 * Waiting room: who is open and not yet set up, in the order in which they are served.
 *
 * Those in a call before all. The others by the time they opened plus a grace: 2 s for a stock client, which
 * gives up soon, 5 s for one that resumes, 10 s for a fresh one. So nobody is overtaken by one who opened more
 * than 8 s later, whatever the classes: aging is built in. Within a class the order is that of opening, so the
 * room is one ring per class, and who is next is the least of a few heads. A set-up that uses a shared ceiling
 * stands in a ring of its own, so that it holds up nobody while there is no credit.
 *
 * Pure, though it changes its state in place: it holds thousands. `door.ts` drives it.
 */

import assert from 'node:assert/strict';

/** `pretender`: came by the listener of those in a call and is not in one. */
export type WaitingClass = 'call' | 'stock' | 'resume' | 'fresh' | 'pretender';

const classes = ['call', 'stock', 'resume', 'fresh', 'pretender'] as const satisfies WaitingClass[];

/** Added to the time of opening. */
export const graceMs: { readonly [name in WaitingClass]: number } = {
  call: 0,
  stock: 2_000,
  resume: 5_000,
  fresh: 10_000,
  pretender: 30_000,
};

/** Of all rings the first, for those in a call. */
const CALL_RINGS = 2;

export interface WaitingRoom {
  /** Two per class: without and with the need of a credit. */
  readonly rings: readonly Ring[];
  /** When each flow that waits is due. A place in a ring that is not found here was given up. */
  readonly dues: Map<number, number>;
  /** Flows that may not be sent to another gateway: they were before. */
  readonly settled: Set<number>;
  /** How many of those that wait need a credit. */
  needCredit: number;
}

export interface Ring {
  readonly needsCredit: boolean;
  flows: Float64Array;
  dues: Float64Array;
  first: number;
  length: number;
}

export function emptyRoom(): WaitingRoom {
  const rings = classes.flatMap(() => [emptyRing(false), emptyRing(true)]);
  return { rings, dues: new Map(), settled: new Set(), needCredit: 0 };
}

function emptyRing(needsCredit: boolean): Ring {
  return { needsCredit, flows: new Float64Array(16), dues: new Float64Array(16), first: 0, length: 0 };
}

/** @param movable whether this client may be told to go to another gateway. */
export function enter(
  room: WaitingRoom,
  flow: number,
  name: WaitingClass,
  needsCredit: boolean,
  movable: boolean,
  openedAtMs: number,
): void {
  assert(!room.dues.has(flow), 'a flow waits once');
  const dueMs = openedAtMs + graceMs[name];
  const ring = room.rings[2 * classes.indexOf(name) + (needsCredit ? 1 : 0)]!;
  if (ring.length === ring.flows.length) makeSpace(room, ring);
  insert(ring, flow, dueMs);
  room.dues.set(flow, dueMs);
  if (!movable) room.settled.add(flow);
  if (needsCredit) room.needCredit += 1;
}

/** Those who opened late may have been heard early: from the back, since it is nearly in order. */
function insert(ring: Ring, flow: number, dueMs: number): void {
  const mask = ring.flows.length - 1;
  let at = ring.first + ring.length++;
  while (at > ring.first && ring.dues[(at - 1) & mask]! > dueMs) {
    ring.flows[at & mask] = ring.flows[(at - 1) & mask]!;
    ring.dues[at & mask] = ring.dues[(at - 1) & mask]!;
    at -= 1;
  }
  ring.flows[at & mask] = flow;
  ring.dues[at & mask] = dueMs;
}

/** Leaves the places out that were given up; doubles only where that is not enough. */
function makeSpace(room: WaitingRoom, ring: Ring): void {
  const { flows, dues, first, length } = ring;
  const mask = flows.length - 1;
  const kept: number[] = [];
  for (let at = first; at < first + length; at++) {
    if (room.dues.get(flows[at & mask]!) === dues[at & mask]) kept.push(at & mask);
  }
  const size = 2 * kept.length > flows.length ? 2 * flows.length : flows.length;
  ring.flows = new Float64Array(size);
  ring.dues = new Float64Array(size);
  ring.first = 0;
  ring.length = kept.length;
  kept.forEach((from, to) => {
    ring.flows[to] = flows[from]!;
    ring.dues[to] = dues[from]!;
  });
}

/** Takes a flow out that left; false if it did not wait. */
export function leave(room: WaitingRoom, flow: number): boolean {
  const dueMs = room.dues.get(flow);
  if (dueMs === undefined) return false;
  room.dues.delete(flow);
  room.settled.delete(flow);
  const ring = room.rings.find((one) => one.needsCredit && holds(one, flow, dueMs));
  if (ring !== undefined) room.needCredit -= 1;
  return true;
}

/** By bisection: a ring is in order of its dues. */
function holds({ flows, dues, first, length }: Ring, flow: number, dueMs: number): boolean {
  const mask = flows.length - 1;
  let low = 0;
  for (let high = length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (dues[(first + middle) & mask]! < dueMs) low = middle + 1;
    else high = middle;
  }
  for (; low < length && dues[(first + low) & mask] === dueMs; low++) {
    if (flows[(first + low) & mask] === flow) return true;
  }
  return false;
}

/** The ring whose head is served next, or `undefined`: nobody waits, or only for a credit. */
export function nextRing(room: WaitingRoom, hasCredit: boolean): Ring | undefined {
  let next: Ring | undefined;
  let nextDueMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < room.rings.length; i++) {
    const ring = room.rings[i]!;
    if (i === CALL_RINGS && next !== undefined) return next;
    if (ring.length === 0 || (ring.needsCredit && !hasCredit)) continue;
    const dueMs = headDueMs(room, ring);
    if (dueMs === undefined) continue;
    if (dueMs < nextDueMs) {
      next = ring;
      nextDueMs = dueMs;
    }
  }
  return next;
}

/** When the head of a ring is due, after those that left were swept away. */
function headDueMs(room: WaitingRoom, ring: Ring): number | undefined {
  const mask = ring.flows.length - 1;
  while (ring.length > 0) {
    const dueMs = ring.dues[ring.first & mask]!;
    if (room.dues.get(ring.flows[ring.first & mask]!) === dueMs) return dueMs;
    ring.first += 1;
    ring.length -= 1;
  }
  return undefined;
}

/** Whether this ring is one of those in a call. */
export function isOfCall(room: WaitingRoom, ring: Ring): boolean {
  return room.rings.indexOf(ring) < CALL_RINGS;
}

/** Takes the head of a ring that `nextRing` gave. */
export function take(room: WaitingRoom, ring: Ring): number {
  assert(ring.length > 0);
  const flow = ring.flows[ring.first & (ring.flows.length - 1)]!;
  ring.first += 1;
  ring.length -= 1;
  room.dues.delete(flow);
  room.settled.delete(flow);
  if (ring.needsCredit) room.needCredit -= 1;
  return flow;
}

/** All that wait, in the order in which they are served as far as credits allow it. */
export function inOrder(room: WaitingRoom): number[] {
  const places: { flow: number; dueMs: number; call: boolean }[] = [];
  room.rings.forEach((ring, i) => {
    const mask = ring.flows.length - 1;
    for (let at = ring.first; at < ring.first + ring.length; at++) {
      const [flow, dueMs] = [ring.flows[at & mask]!, ring.dues[at & mask]!];
      if (room.dues.get(flow) === dueMs) places.push({ flow, dueMs, call: i < CALL_RINGS });
    }
  });
  places.sort((a, b) => Number(b.call) - Number(a.call) || a.dueMs - b.dueMs);
  return places.map(({ flow }) => flow);
}

/** The last of those that wait, at most `count` of them, who were not sent on before. */
export function hindmost(room: WaitingRoom, count: number): number[] {
  const movable = inOrder(room).filter((flow) => !room.settled.has(flow));
  return count <= 0 ? [] : movable.slice(-count);
}
