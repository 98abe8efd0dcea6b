/**
 * Door: when a gateway listens, whom it sets up next, and who waits how long.
 *
 * After a loss everybody comes at once. A refusal after the handshake costs most of a set-up, so the only cheap
 * one is not to listen; and what was opened is finished, so that no work is thrown away. The door listens while
 * a connection that comes now would be through its handshake within 0.45 of the shortest patience of a client
 * (the rest is reserve for a CPU that is taken away meanwhile), sooner where clients leave while they wait, and
 * while the accept queue is far from its bound. The CPU goes to those in a call first, then 0.4 to handshakes
 * and 0.6 to set-ups, in the order of the waiting room. Few enough are open and not set up that memory and file
 * descriptors hold.
 *
 * Pure, though it changes its state in place: the loop asks it for every handshake and every set-up.
 */

import assert from 'node:assert/strict';
import type { Listener } from '../seams.ts';
import { type Abandonment, abandons, goesOn, noAbandonment } from './abandonment.ts';
import { believed, type Capacity, isMeasured, worked } from './capacity.ts';
import { type Ceiling, type Credits, creditsOf, creditsPerSecond, creditUsed, mayBegin } from './credits.ts';
import { charged, evenShare, nextStage, type Share } from './share.ts';
import * as room from './waiting-room.ts';

export type { Listener };

export interface DoorPolicy {
  /** How long the least patient client waits for its handshake. */
  readonly patienceMs: number;
  /** What part of it a new connection may be expected to wait. */
  readonly patienceShare: number;
  /** What a handshake and a set-up cost on the machine of the benchmark. */
  readonly handshakeMs: number;
  readonly setUpMs: number;
  /** How many times faster than that machine this one is, until it was measured. */
  readonly speed: number;
  /** The part of the CPU that handshakes get while set-ups wait as well. */
  readonly handshakeShare: number;
  /** Connections the kernel holds until they are accepted. */
  readonly acceptQueueMax: number;
  /** Flows open and not set up. */
  readonly openMax: number;
  /** What all gateways share and a fresh set-up uses. */
  readonly ceiling: Ceiling | undefined;
}

/**
 * What the loop does next. The set-ups take their flow from `takeFlow`; a `handshake` is that of the oldest of {@link listenersAlike}.
 */
export type Turn = 'callSetUp' | 'callHandshake' | 'handshake' | 'setUp';

export interface Door {
  readonly policy: DoorPolicy;
  /** Connections accepted whose handshake is not done. */
  readonly handshakes: { call: number; main: number };
  /** Open and not set up, those included that have not said who they are. */
  open: number;
  /** How many may be. Whoever cannot hold handshakes back takes off those that are due. */
  openMax: number;
  readonly listening: { call: boolean; main: boolean };
  /** Whoever comes by the listener for those in a call is mostly in one. */
  callersTrusted: boolean;
  readonly room: room.WaitingRoom;
  readonly share: Share;
  readonly capacity: Capacity;
  readonly abandonment: Abandonment;
  /** For set-ups of those who come with a token, and for all. */
  readonly credits: Credits;
  readonly creditsOfAll: Credits;
  /** What was served last while the other kind waited, for `spent`. */
  bothWaited: boolean;
}

/** What part of the shortest patience a new connection may be expected to wait. */
export const PATIENCE_SHARE = 0.45;
/** Of the CPU while both wait: less than half, since who is open only waits, and who is in counts. */
export const HANDSHAKE_SHARE = 0.4;
/** Listening begins again a little below where it stopped: each stop costs those the kernel holds. */
const LISTEN_AGAIN = 0.95;
const ACCEPT_QUEUE_SHARE = 0.75;
/** The part of the open flows kept for those who come by the listener of those in a call. */
const CALL_RESERVE = 1 / 16;

export function createDoor(policy: DoorPolicy, nowMs: number): Door {
  assert(policy.handshakeMs > 0 && policy.setUpMs > 0 && policy.openMax > 0);
  return {
    policy,
    handshakes: { call: 0, main: 0 },
    open: 0,
    openMax: policy.openMax,
    listening: { call: true, main: true },
    callersTrusted: true,
    room: room.emptyRoom(),
    share: evenShare(policy.handshakeShare),
    capacity: believed(policy.speed, nowMs),
    abandonment: noAbandonment(),
    credits: creditsOf(policy.ceiling, nowMs),
    creditsOfAll: creditsOf(undefined, nowMs),
    bothWaited: false,
  };
}

/**
 * A connection was accepted; false: close it at once, since it would not be served within its patience, and listen no
 * more: that is so for those only who came all together, and each of them that is accepted costs more than all that a
 * closed port refuses. However soon clients leave, the bound is that of all: what the kernel holds when the port is
 * closed is reset, and that costs about as much as to accept it.
 */
export function knocked(door: Door, listener: Listener): boolean {
  const { handshakes, callersTrusted } = door;
  const { call, main } = handshakes;
  const before = listener === 'call' && callersTrusted ? call : call + main;
  if (handshakeWaitMs(door, before) > 2 * uncutMs(door)) {
    door.listening[listener] = false;
    return false;
  }
  handshakes[listener] += 1;
  return true;
}

/** The handshake of one that has waited begins. */
export function begins(door: Door, nowMs: number): void {
  goesOn(door.abandonment, uncutMs(door), nowMs);
}

/** A client left while it waited, or was found to have left then. */
export function abandoned(door: Door): void {
  abandons(door.abandonment);
}

/** A handshake ended; `open`: with an open flow. It may have been found to wait for its client before. */
export function handshaken(door: Door, listener: Listener, open: boolean): void {
  if (door.handshakes[listener] > 0) door.handshakes[listener] -= 1;
  if (open) door.open += 1;
}

/**
 * The loop had nothing to do: whoever has connected and is not through its handshake waits for its client or the network,
 * and stands in nobody's way. Only those count on that came since.
 */
export function rested({ handshakes }: Door, since: { readonly call: number; readonly main: number }): void {
  handshakes.call = Math.min(handshakes.call, since.call);
  handshakes.main = Math.min(handshakes.main, since.main);
}

/** An open flow said who it is and waits to be set up. */
export function waits(
  door: Door,
  flow: number,
  name: room.WaitingClass,
  needsCredit: boolean,
  movable: boolean,
  openedAtMs: number,
): void {
  room.enter(door.room, flow, name, needsCredit, movable, openedAtMs);
}

/** An open flow closed before it was set up. */
export function left(door: Door, flow: number): void {
  assert(door.open > 0);
  door.open -= 1;
  room.leave(door.room, flow);
}

/** The ring whose head may be set up now. */
function dueRing({ room: waiting, credits, creditsOfAll }: Door, nowMs: number): room.Ring | undefined {
  return mayBegin(creditsOfAll, nowMs) ? room.nextRing(waiting, mayBegin(credits, nowMs)) : undefined;
}

/** What the loop does next; `undefined`: nothing is to do. Then the one flow to set up, if it is one. */
export function nextTurn(door: Door, nowMs: number): Turn | undefined {
  const { handshakes } = door;
  const ring = dueRing(door, nowMs);
  const call = ring !== undefined && room.isOfCall(door.room, ring);
  door.bothWaited = false;
  if (call) return 'callSetUp';
  const { callersTrusted } = door;
  if (callersTrusted && handshakes.call > 0 && door.open < door.openMax) return 'callHandshake';
  const waiting = handshakes.main + (callersTrusted ? 0 : handshakes.call);
  const handshakesWait = waiting > 0 && door.open < door.openMax * (1 - CALL_RESERVE);
  door.bothWaited = handshakesWait && ring !== undefined;
  return nextStage(door.share, handshakesWait, ring !== undefined);
}

/** Takes the flow of a turn that is a set-up. */
export function takeFlow(door: Door, nowMs: number): number {
  const ring = dueRing(door, nowMs);
  assert(ring !== undefined && door.open > 0);
  if (ring.needsCredit) creditUsed(door.credits);
  creditUsed(door.creditsOfAll);
  door.open -= 1;
  return room.take(door.room, ring);
}

/** Whose connections stand in one row, where a `handshake` is due. */
export function listenersAlike({ callersTrusted }: Door): readonly Listener[] {
  return callersTrusted ? ['main'] : ['main', 'call'];
}

/** How long the turn took, and what it would have cost on the machine of the benchmark. */
export function spent(door: Door, turn: Turn, spentMs: number, workMs: number, nowMs: number): void {
  worked(door.capacity, workMs, spentMs, nowMs);
  if (turn === 'handshake' || turn === 'setUp') charged(door.share, turn, spentMs, door.bothWaited);
}

/**
 * Decides where to listen from now on; asked once in a turn of the loop.
 *
 * @param acceptQueue connections that the kernel holds, as far as it is known.
 */
export function decideListening(door: Door, acceptQueue: number): void {
  const { listening, handshakes, openMax, callersTrusted } = door;
  const both = handshakes.call + handshakes.main;
  const beforeCall = callersTrusted ? handshakes.call : both;
  listening.main = listens(door, listening.main, both, openMax * (1 - CALL_RESERVE), acceptQueue);
  listening.call = listens(door, listening.call, beforeCall, openMax, acceptQueue);
}

function listens(
  door: Door,
  before: boolean,
  handshakes: number,
  openMax: number,
  acceptQueue: number,
): boolean {
  const { acceptQueueMax } = door.policy;
  const factor = before ? 1 : LISTEN_AGAIN;
  return (
    handshakeWaitMs(door, handshakes) <= waitMaxMs(door) * factor &&
    door.open < openMax * factor &&
    acceptQueue <= acceptQueueMax * ACCEPT_QUEUE_SHARE * factor
  );
}

/**
 * How long it takes until this many handshakes are done, and so how long a connection would wait that comes now.
 *
 * While n handshakes are done, set-ups take the CPU for as long at most, and no longer than there is anyone to set up.
 * Where as many are open as may be, a handshake must wait for a set-up, and that perhaps for a credit.
 */
export function handshakeWaitMs(door: Door, before: number): number {
  const { policy, open, capacity } = door;
  const { handshakeMs, setUpMs } = policy;
  const evenMs = before * handshakeMs * (1 / policy.handshakeShare - 1);
  const cpuMs = (before * handshakeMs + Math.min(evenMs, (before + open) * setUpMs)) / capacity.speed;
  const beyond = before + open - door.openMax * (1 - CALL_RESERVE);
  return beyond <= 0 ? cpuMs : Math.max(cpuMs, beyond * setUpEveryMs(door));
}

/** A connection that comes now may be expected to wait for its handshake for so long, in milliseconds. */
export function waitMaxMs(door: Door): number {
  return uncutMs(door) * door.abandonment.cut;
}

function uncutMs({ policy }: Door): number {
  return policy.patienceShare * policy.patienceMs;
}

/** CPU that everything accepted still costs here, in milliseconds. */
export function workMs({ policy, handshakes, open, capacity }: Door): number {
  const before = handshakes.call + handshakes.main;
  return (before * (policy.handshakeMs + policy.setUpMs) + open * policy.setUpMs) / capacity.speed;
}

/** How many clients a second this machine could set up if it did nothing else. */
export function setUpsPerSecond({ policy, capacity }: Door): number {
  return (1_000 * capacity.speed) / (policy.handshakeMs + policy.setUpMs);
}

/** Whether that is only believed, as this machine has not worked yet. */
export function isOnlyBelieved({ capacity }: Door): boolean {
  return !isMeasured(capacity);
}

function setUpEveryMs({ policy, capacity, credits, creditsOfAll, room: { dues, needCredit } }: Door): number {
  const everyMs = Math.max(policy.setUpMs / capacity.speed, 1_000 / creditsPerSecond(creditsOfAll));
  if (needCredit === 0) return everyMs;
  return Math.max(everyMs, (1_000 / creditsPerSecond(credits)) * (needCredit / Math.max(1, dues.size)));
}

/** What those who wait are told: how many stand before them, and how long that takes. */
export function tellWaits(door: Door, tell: (flow: number, etaMs: number, ahead: number) => void): void {
  const { policy, handshakes, capacity } = door;
  const busy = handshakes.main > 0 && door.open < door.openMax ? 1 - policy.handshakeShare : 1;
  const everyMs = Math.max(policy.setUpMs / capacity.speed / Math.max(busy, 0.1), setUpEveryMs(door));
  room.inOrder(door.room).forEach((flow, ahead) => {
    tell(flow, Math.min(Math.ceil((ahead + 1) * everyMs), ETA_MS_MAX), ahead);
  });
}

const ETA_MS_MAX = 3_600_000;
