/**
 * Partitions: the share of one router; the leases of all partitions and of the routers, put together.
 *
 * Each router shows that it lives by a lease of its own under a random id, renewed each half second or, where the
 * store is slow, less often (`lease-length.ts`). Who is alive is judged by the monotonic clock alone: a router
 * whose lease's revision changed within its length of having been seen. From that follows whom each partition belongs to (`rendezvous.ts`), and from that
 * what each lease does next (`lease.ts`).
 *
 * Pure, though it changes its state in place: thousands of partitions step each second. `holder.ts` drives it.
 */

import { type Pace, paced, quick } from '#runtime/pace.ts';
import { LEASE_MS_MAX } from '#wire/limits.ts';
import type { PartitionLease } from '#wire/nodes.ts';
import {
  type Instant,
  initialLease,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  mayDeliver,
  stepLease,
  type WriteOutcome,
} from './lease.ts';
import { leaseMsAt, lengthOf, renewalMs } from './lease-length.ts';
import { desiredOwner } from './rendezvous.ts';

interface RouterView {
  readonly revision: number;
  readonly changedAtMs: number;
  readonly leaseMs: number;
}

export interface Partitions {
  readonly router: string;
  readonly leases: LeaseState[];
  /** The other routers, as their leases show them. */
  readonly others: Map<string, RouterView>;
  readonly own: OwnLease;
  /** Those that live, this one among them, sorted. */
  live: readonly string[];
  readonly owners: (string | undefined)[];
  /** The watch has shown every key. */
  ready: boolean;
  stopping: boolean;
  attempts: number;
  tickedAtMs: number;
}

/** The lease by which this router shows that it lives. */
interface OwnLease {
  revision: number;
  seenRevision: number;
  attempt: number;
  writing: boolean;
  /** When the last write began. */
  startedAtMs: number;
  renewAtMs: number;
  /** How quickly the store answers. */
  pace: Pace;
  /** The farewell is under way, or said. */
  leaving: boolean;
  gone: boolean;
}

export type PartitionsEvent =
  | {
      readonly kind: 'partition';
      readonly partition: number;
      readonly lease: PartitionLease | undefined;
      readonly revision: number;
    }
  | {
      readonly kind: 'router';
      readonly router: string;
      readonly alive: boolean;
      readonly revision: number;
      readonly leaseMs?: number | undefined;
    }
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'outcome';
      readonly attempt: number;
      readonly partition: number | undefined;
      readonly outcome: WriteOutcome;
    }
  | { readonly kind: 'tick' }
  /** The bus is back: what was not heard meanwhile says nothing about who lives. */
  | { readonly kind: 'connected' }
  | { readonly kind: 'lapse'; readonly partition: number }
  | { readonly kind: 'stop' };

export type PartitionsEffect =
  | (LeaseEffect & { readonly partition: number })
  | {
      readonly kind: 'renew-router';
      readonly attempt: number;
      readonly expected: number;
      readonly leaseMs: number;
    }
  | { readonly kind: 'leave'; readonly attempt: number; readonly expected: number }
  /** Removes the lease of a router that is long dead. */
  | { readonly kind: 'bury'; readonly router: string; readonly expected: number };

/** A tick is due this often. */
export const TICK_MS = 100;
/** A tick this late means that the process stood still, and heard nobody. */
const STALL_MS = 1_000;
/** The lease of a router dead for so long is removed by the others, lest one that joins takes it for alive. */
const BURIAL_MS = LEASE_MS_MAX + 3_000;

export function initialPartitions(router: string, partitions: number, now: Instant): Partitions {
  return {
    router,
    leases: Array.from({ length: partitions }, () => initialLease(now.monotonicMs)),
    others: new Map(),
    own: {
      revision: 0,
      seenRevision: 0,
      attempt: 0,
      writing: false,
      startedAtMs: 0,
      renewAtMs: 0,
      pace: quick,
      leaving: false,
      gone: false,
    },
    live: [router],
    owners: new Array<string | undefined>(partitions).fill(router),
    ready: false,
    stopping: false,
    attempts: 0,
    tickedAtMs: now.monotonicMs,
  };
}

export function stepPartitions(
  state: Partitions,
  event: PartitionsEvent,
  now: Instant,
): readonly PartitionsEffect[] {
  const effects: PartitionsEffect[] = [];
  switch (event.kind) {
    case 'partition':
      if (state.leases[event.partition] === undefined) break;
      stepOne(
        state,
        event.partition,
        { kind: 'seen', lease: event.lease, revision: event.revision },
        now,
        effects,
      );
      break;
    case 'router':
      routerSeen(state, event, now);
      break;
    case 'ready':
      state.ready = true;
      tick(state, now, effects);
      break;
    case 'outcome':
      if (event.partition === undefined) ownLeaseAnswered(state.own, event.attempt, event.outcome, now);
      else stepOne(state, event.partition, event, now, effects);
      break;
    case 'tick':
      tick(state, now, effects);
      break;
    case 'connected':
      forgiveSilence(state, Number.POSITIVE_INFINITY, now);
      break;
    case 'lapse':
      stepOne(state, event.partition, event, now, effects);
      break;
    case 'stop':
      stop(state, now, effects);
      break;
  }
  return effects;
}

export function mayDeliverFor(state: Partitions, partition: number, nowMs: number): boolean {
  const lease = state.leases[partition];
  return lease !== undefined && mayDeliver(lease, nowMs);
}

/** Whether, after `stop`, every lease that this router held has been released. */
export function hasLeft(state: Partitions): boolean {
  return state.own.gone && state.leases.every(({ holding }) => holding.phase === 'idle');
}

function stepOne(
  state: Partitions,
  partition: number,
  event: LeaseEvent,
  now: Instant,
  effects: PartitionsEffect[],
): void {
  const before = state.leases[partition]!;
  // Until all keys are known and after the farewell, nothing is taken, and nothing released that a restart would show.
  const desired = state.ready && !state.stopping && state.owners[partition] === state.router;
  const leaseMs = leaseMsAt(state.own.pace, now.monotonicMs);
  const context = { router: state.router, desired, now, attempt: state.attempts + 1, leaseMs };
  const [after, produced] = stepLease(before, event, context);
  state.leases[partition] = after;
  if (produced.length === 0) return;
  state.attempts++;
  for (const effect of produced) effects.push({ ...effect, partition });
}

// Time.

function tick(state: Partitions, now: Instant, effects: PartitionsEffect[]): void {
  const gapMs = now.monotonicMs - state.tickedAtMs;
  state.tickedAtMs = now.monotonicMs;
  if (gapMs > STALL_MS) forgiveSilence(state, gapMs, now);
  if (state.stopping) leave(state, now, effects);
  else renewOwnLease(state, now, effects);
  if (!state.ready) return;
  judgeLiving(state, now, effects);
  for (let partition = 0; partition < state.leases.length; partition++) {
    stepOne(state, partition, { kind: 'tick' }, now, effects);
  }
  handOver(state, now, effects);
}

/** Silence during which this router could not hear is not counted against the others. */
function forgiveSilence(state: Partitions, silenceMs: number, now: Instant): void {
  for (const [router, view] of state.others) {
    state.others.set(router, { ...view, changedAtMs: forgiven(view.changedAtMs, silenceMs, now) });
  }
  for (let i = 0; i < state.leases.length; i++) {
    const lease = state.leases[i]!;
    const changedAtMs = forgiven(lease.seen.changedAtMs, silenceMs, now);
    state.leases[i] = { ...lease, seen: { ...lease.seen, changedAtMs } };
  }
}

function forgiven(changedAtMs: number, silenceMs: number, now: Instant): number {
  return Math.min(now.monotonicMs, changedAtMs + silenceMs);
}

/** Some at a time, so that the gateways do not have to announce everything at once; when stopping, all. */
function handOver(state: Partitions, now: Instant, effects: PartitionsEffect[]): void {
  let left = state.stopping ? state.leases.length : Math.max(4, Math.ceil(state.leases.length / 64));
  for (let partition = 0; partition < state.leases.length && left > 0; partition++) {
    const { holding } = state.leases[partition]!;
    if (holding.phase !== 'owned' || (!state.stopping && state.owners[partition] === state.router)) continue;
    // The release would be lost to a renewal that is under way.
    if (holding.renewal !== undefined) continue;
    stepOne(state, partition, { kind: 'hand-over' }, now, effects);
    left--;
  }
}

function stop(state: Partitions, now: Instant, effects: PartitionsEffect[]): void {
  state.stopping = true;
  leave(state, now, effects);
  handOver(state, now, effects);
}

// Routers.

function routerSeen(
  state: Partitions,
  { router, alive, revision, leaseMs }: Extract<PartitionsEvent, { kind: 'router' }>,
  now: Instant,
): void {
  if (router === state.router) {
    state.own.seenRevision = alive ? revision : 0;
  } else if (!alive) {
    state.others.delete(router);
    recomputeOwners(state, now);
  } else if (state.others.get(router)?.revision !== revision) {
    state.others.set(router, { revision, changedAtMs: now.monotonicMs, leaseMs: lengthOf(leaseMs) });
    recomputeOwners(state, now);
  }
}

function judgeLiving(state: Partitions, now: Instant, effects: PartitionsEffect[]): void {
  for (const [router, { revision, changedAtMs }] of state.others) {
    if (now.monotonicMs - changedAtMs < BURIAL_MS) continue;
    state.others.delete(router);
    effects.push({ kind: 'bury', router, expected: revision });
  }
  recomputeOwners(state, now);
}

function recomputeOwners(state: Partitions, now: Instant): void {
  const live = [state.router];
  for (const [router, { changedAtMs, leaseMs }] of state.others) {
    if (now.monotonicMs - changedAtMs < leaseMs) live.push(router);
  }
  live.sort();
  if (live.length === state.live.length && live.every((router, i) => router === state.live[i])) return;
  state.live = live;
  for (let partition = 0; partition < state.owners.length; partition++) {
    state.owners[partition] = desiredOwner(live, partition);
  }
}

function renewOwnLease(state: Partitions, now: Instant, effects: PartitionsEffect[]): void {
  const { own } = state;
  const nowMs = now.monotonicMs;
  if (own.writing) own.pace = paced(own.pace, nowMs - own.startedAtMs, nowMs);
  if (own.writing || nowMs < own.renewAtMs) return;
  const leaseMs = leaseMsAt(own.pace, nowMs);
  own.writing = true;
  own.startedAtMs = nowMs;
  own.attempt = ++state.attempts;
  own.renewAtMs = nowMs + renewalMs(leaseMs);
  effects.push({ kind: 'renew-router', attempt: own.attempt, expected: own.revision, leaseMs });
}

/** The others need not wait for the lease of this router to die. */
function leave(state: Partitions, now: Instant, effects: PartitionsEffect[]): void {
  const { own } = state;
  if (own.writing || own.gone) return;
  own.leaving = true;
  own.gone = own.revision === 0;
  if (own.gone) return;
  own.writing = true;
  own.startedAtMs = now.monotonicMs;
  own.attempt = ++state.attempts;
  effects.push({ kind: 'leave', attempt: own.attempt, expected: own.revision });
}

/** Nobody else writes this key: what was lost was lost to a write of our own, or the key is gone. */
function ownLeaseAnswered(own: OwnLease, attempt: number, outcome: WriteOutcome, now: Instant): void {
  if (attempt !== own.attempt) return;
  own.writing = false;
  own.pace = paced(own.pace, now.monotonicMs - own.startedAtMs, now.monotonicMs);
  if (own.leaving && outcome.kind === 'taken') own.gone = true;
  else if (outcome.kind === 'taken') own.revision = outcome.revision;
  else if (outcome.kind === 'lost') own.revision = own.revision === own.seenRevision ? 0 : own.seenRevision;
}
