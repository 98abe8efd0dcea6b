/**
 * Lease: one partition as one router sees it; when to take it, keep it, give it up.
 *
 * A lease is a value under compare-and-set. Others may take it when its revision has not changed for
 * its length by *their* monotonic clock, counted from when they saw the change; its owner falls silent at
 * that length less a margin by *its* clock, counted from when it began the last renewal that is known to
 * have been written. The first moment is never before the second, whatever is late, lost or skewed, as
 * long as monotonic clocks run at nearly the same speed. A write without an answer is *undecided*: the
 * watch shows later whether it landed, and it counts from when the earliest of them began.
 *
 * An owner past its end is silent, not done: it goes on renewing, and where that is taken, nobody else had
 * the partition meanwhile, so it speaks again under the same term. Only another owner ends it.
 *
 * Pure. `partitions.ts` drives one for each partition.
 */

import type { PartitionLease } from '#wire/nodes.ts';
import { endOfLease, lengthOf, renewalMs } from './lease-length.ts';

/** After a take that was lost or not answered. */
export const RETRY_MS = 1_000;
/** The watch would have shown by then whose write stands there: the store is another one. */
const REFUSALS_MAX = 2;
/** After a release that was lost to a renewal still on its way. */
const RELEASE_RETRY_MS = 100;

export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** What the watch has shown last. */
export interface Seen {
  readonly lease: PartitionLease | undefined;
  readonly revision: number;
  readonly changedAtMs: number;
}

/** A write that waits for its answer. */
interface UnderWay {
  readonly attempt: number;
  readonly expected: number;
  readonly startedAtMs: number;
  readonly leaseMs: number;
}

export type Holding =
  | { readonly phase: 'idle'; readonly notBeforeMs: number }
  | (UnderWay & {
      readonly phase: 'taking';
      readonly answered: boolean;
      readonly term: number;
      readonly before: PartitionLease | undefined;
    })
  | {
      readonly phase: 'owned';
      readonly term: number;
      readonly revision: number;
      readonly endMs: number;
      readonly renewAtMs: number;
      readonly renewal: UnderWay | undefined;
      /** When the first renewal began of which nobody knows whether it landed. */
      readonly undecidedSinceMs: number | undefined;
      /** Renewals refused in a row, though nobody else has been seen. */
      readonly refusals: number;
    }
  /** `endMs`: until when the last words may still be delivered. */
  | { readonly phase: 'releasing'; readonly attempt: number; readonly endMs: number };

export interface LeaseState {
  readonly seen: Seen;
  readonly holding: Holding;
  /** A take at this revision was refused, though the watch shows no other: the key may have vanished. */
  readonly refused: number | undefined;
}

export type WriteOutcome =
  | { readonly kind: 'taken'; readonly revision: number }
  | { readonly kind: 'lost' }
  | { readonly kind: 'undecided' };

export type LeaseEvent =
  | { readonly kind: 'seen'; readonly lease: PartitionLease | undefined; readonly revision: number }
  | { readonly kind: 'outcome'; readonly attempt: number; readonly outcome: WriteOutcome }
  | { readonly kind: 'tick' }
  /** Belongs to another router now. */
  | { readonly kind: 'hand-over' }
  /** The owner cannot go on under this term. */
  | { readonly kind: 'lapse' };

/** A write of the lease under compare-and-set. */
interface Write {
  readonly attempt: number;
  readonly term: number;
  readonly expected: number;
}

export type LeaseEffect =
  | (Write & {
      readonly kind: 'take';
      readonly leaseMs: number;
      readonly before: PartitionLease | undefined;
    })
  | (Write & { readonly kind: 'renew'; readonly leaseMs: number })
  /** Serve it, from where the lease before says. */
  | { readonly kind: 'own'; readonly term: number; readonly before: PartitionLease | undefined }
  | { readonly kind: 'drop'; readonly why: DropReason }
  /** Writes the lease as released; comes after `drop` where it was owned. */
  | (Write & { readonly kind: 'release'; readonly before: PartitionLease | undefined });

export type DropReason = 'handed-over' | 'lapsed' | 'lost';

export interface LeaseContext {
  readonly router: string;
  /** Whether the partition belongs to this router, as it sees the others. */
  readonly desired: boolean;
  readonly now: Instant;
  /** Numbers this step's write, if it makes one. */
  readonly attempt: number;
  /** How long a lease is made that is written now. */
  readonly leaseMs: number;
}

export type LeaseStep = readonly [state: LeaseState, effects: readonly LeaseEffect[]];

const none: readonly LeaseEffect[] = [];

export function initialLease(nowMs: number): LeaseState {
  return {
    seen: { lease: undefined, revision: 0, changedAtMs: nowMs },
    holding: idle(0),
    refused: undefined,
  };
}

export function stepLease(state: LeaseState, event: LeaseEvent, context: LeaseContext): LeaseStep {
  switch (event.kind) {
    case 'seen':
      return afterSeen(state, event, context);
    case 'outcome':
      return afterOutcome(state, event.attempt, event.outcome, context);
    case 'tick':
      return afterTick(state, context);
    case 'hand-over':
      return handedOver(state, context);
    case 'lapse':
      return state.holding.phase === 'owned' ? dropped(state, 'lapsed') : [state, none];
  }
}

/** Whether the owner may still deliver. */
export function mayDeliver(state: LeaseState, nowMs: number): boolean {
  const { holding } = state;
  return (holding.phase === 'owned' || holding.phase === 'releasing') && nowMs < holding.endMs;
}

function idle(notBeforeMs: number): Holding {
  return { phase: 'idle', notBeforeMs };
}

function dropped(state: LeaseState, why: DropReason): LeaseStep {
  return [{ ...state, holding: idle(0) }, [{ kind: 'drop', why }]];
}

// What the watch shows.

type SeenEvent = Extract<LeaseEvent, { kind: 'seen' }>;

function afterSeen(before: LeaseState, { lease, revision }: SeenEvent, context: LeaseContext): LeaseStep {
  const unchanged =
    revision === before.seen.revision && (lease === undefined) === (before.seen.lease === undefined);
  const changedAtMs = unchanged ? before.seen.changedAtMs : context.now.monotonicMs;
  const state: LeaseState = {
    seen: { lease, revision, changedAtMs },
    holding: before.holding,
    refused: unchanged ? before.refused : undefined,
  };
  const { holding } = state;
  switch (holding.phase) {
    case 'idle':
      return unchanged ? [state, none] : takenIfDue({ ...state, holding: idle(0) }, context);
    case 'taking':
      if (isOwn(lease, context.router, holding.term)) return owned(state, holding, revision);
      // Undecided and overtaken: it can land no more.
      return holding.answered && revision !== holding.expected
        ? takenIfDue({ ...state, holding: idle(0) }, context)
        : [state, none];
    case 'owned':
      return ownedAfterSeen(state, holding, context);
    case 'releasing':
      return [state, none];
  }
}

function isOwn(lease: PartitionLease | undefined, router: string, term: number): boolean {
  return lease !== undefined && lease.router === router && lease.term === term && lease.released !== true;
}

type Owned = Extract<Holding, { phase: 'owned' }>;
type Taking = Extract<Holding, { phase: 'taking' }>;

function ownedAfterSeen(state: LeaseState, holding: Owned, context: LeaseContext): LeaseStep {
  const { lease, revision } = state.seen;
  if (isOwn(lease, context.router, holding.term)) {
    if (holding.undecidedSinceMs === undefined || revision <= holding.revision) return [state, none];
    const endMs = Math.max(holding.endMs, endOfLease(holding.undecidedSinceMs, lengthOf(lease?.leaseMs)));
    return [{ ...state, holding: renewedTo(holding, revision, endMs) }, none];
  }
  // An entry from before this term may still be on its way.
  if (revision < holding.revision) return [state, none];
  return dropped(state, 'lost');
}

function renewedTo(holding: Owned, revision: number, endMs: number): Owned {
  return { ...holding, revision, endMs, undecidedSinceMs: undefined, refusals: 0 };
}

// Taking.

function takenIfDue(state: LeaseState, context: LeaseContext): LeaseStep {
  if (state.holding.phase !== 'idle' || context.now.monotonicMs < state.holding.notBeforeMs)
    return [state, none];
  const { lease } = state.seen;
  if (!context.desired) return releasedIfOwn(state, context);
  if (!isFree(state.seen, context)) return [state, none];
  const expected = expectedRevision(state);
  const term = Math.max((lease?.term ?? 0) + 1, Math.floor(context.now.wallMs));
  const { attempt, leaseMs } = context;
  const startedAtMs = context.now.monotonicMs;
  const taking = { attempt, term, expected, leaseMs, before: lease };
  return [
    { ...state, holding: { phase: 'taking', answered: false, startedAtMs, ...taking } },
    [{ kind: 'take', ...taking }],
  ];
}

/** Own without being held: a term of this router that it has dropped, so nobody serves it. */
function isFree({ lease, changedAtMs }: Seen, { router, now }: LeaseContext): boolean {
  return (
    lease === undefined ||
    lease.released === true ||
    lease.router === router ||
    now.monotonicMs - changedAtMs >= lengthOf(lease.leaseMs)
  );
}

function expectedRevision({ seen, refused }: LeaseState): number {
  return seen.lease === undefined || refused === seen.revision ? 0 : seen.revision;
}

/** A write of this router landed after it was given up: nobody has to wait for that lease to die. */
function releasedIfOwn(state: LeaseState, { router, attempt }: LeaseContext): LeaseStep {
  const { lease, revision } = state.seen;
  if (lease === undefined || lease.router !== router || lease.released === true) return [state, none];
  return [
    { ...state, holding: { phase: 'releasing', attempt, endMs: 0 } },
    [{ kind: 'release', attempt, term: lease.term, expected: revision, before: lease }],
  ];
}

/** Where it landed late it is silent at first, and renewed at once. */
function owned(state: LeaseState, taking: Taking, revision: number): LeaseStep {
  const holding: Holding = {
    phase: 'owned',
    term: taking.term,
    revision,
    endMs: endOfLease(taking.startedAtMs, taking.leaseMs),
    renewAtMs: taking.startedAtMs + renewalMs(taking.leaseMs),
    renewal: undefined,
    undecidedSinceMs: undefined,
    refusals: 0,
  };
  return [
    { ...state, holding, refused: undefined },
    [{ kind: 'own', term: taking.term, before: taking.before }],
  ];
}

// Answers.

function afterOutcome(
  state: LeaseState,
  attempt: number,
  outcome: WriteOutcome,
  context: LeaseContext,
): LeaseStep {
  const { holding } = state;
  switch (holding.phase) {
    case 'taking':
      return holding.attempt === attempt ? takeAnswered(state, holding, outcome, context) : [state, none];
    case 'owned':
      return holding.renewal?.attempt === attempt
        ? renewalAnswered(state, holding, outcome, context)
        : [state, none];
    case 'releasing':
      if (holding.attempt !== attempt) return [state, none];
      return releaseAnswered(state, outcome, context);
    case 'idle':
      return [state, none];
  }
}

function releaseAnswered(state: LeaseState, outcome: WriteOutcome, { now }: LeaseContext): LeaseStep {
  const waitMs = outcome.kind === 'taken' ? RETRY_MS : RELEASE_RETRY_MS;
  return [{ ...state, holding: idle(now.monotonicMs + waitMs) }, none];
}

function takeAnswered(
  state: LeaseState,
  holding: Taking,
  outcome: WriteOutcome,
  context: LeaseContext,
): LeaseStep {
  switch (outcome.kind) {
    case 'taken':
      return owned(state, holding, outcome.revision);
    case 'undecided':
      return [{ ...state, holding: { ...holding, answered: true } }, none];
    case 'lost': {
      const refused =
        state.refused === undefined && holding.expected === state.seen.revision
          ? holding.expected
          : undefined;
      return [{ ...state, refused, holding: idle(context.now.monotonicMs + RETRY_MS) }, none];
    }
  }
}

function renewalAnswered(
  state: LeaseState,
  holding: Owned,
  outcome: WriteOutcome,
  { now }: LeaseContext,
): LeaseStep {
  const { startedAtMs, expected, leaseMs } = holding.renewal!;
  const settled: Owned = { ...holding, renewal: undefined };
  switch (outcome.kind) {
    case 'taken': {
      const endMs = Math.max(holding.endMs, endOfLease(startedAtMs, leaseMs));
      return [{ ...state, holding: renewedTo(settled, outcome.revision, endMs) }, none];
    }
    case 'undecided':
      return [
        { ...state, holding: { ...settled, undecidedSinceMs: holding.undecidedSinceMs ?? startedAtMs } },
        none,
      ];
    case 'lost':
      // An undecided renewal of our own may be what stands there: the watch will say.
      if (holding.undecidedSinceMs === undefined && expected === holding.revision)
        return dropped(state, 'lost');
      return holding.refusals < REFUSALS_MAX || now.monotonicMs < holding.endMs
        ? [{ ...state, holding: { ...settled, refusals: holding.refusals + 1 } }, none]
        : dropped(state, 'lapsed');
  }
}

// Time.

function afterTick(state: LeaseState, context: LeaseContext): LeaseStep {
  const { holding } = state;
  const nowMs = context.now.monotonicMs;
  switch (holding.phase) {
    case 'idle':
      return takenIfDue(state, context);
    case 'taking':
      if (!holding.answered || nowMs - holding.startedAtMs < RETRY_MS) return [state, none];
      return takenIfDue({ ...state, holding: idle(0) }, context);
    case 'owned':
      return holding.renewal === undefined && nowMs >= holding.renewAtMs
        ? renewed(state, holding, context)
        : [state, none];
    case 'releasing':
      return [state, none];
  }
}

function renewed(state: LeaseState, holding: Owned, { now, attempt, leaseMs }: LeaseContext): LeaseStep {
  const startedAtMs = now.monotonicMs;
  const renewal = { attempt, expected: holding.revision, startedAtMs, leaseMs };
  // Others may judge by the shorter one from here on, whether its answer comes or not.
  const endMs = Math.min(holding.endMs, endOfLease(startedAtMs, leaseMs));
  const renewAtMs = startedAtMs + renewalMs(leaseMs);
  return [
    { ...state, holding: { ...holding, renewal, renewAtMs, endMs } },
    [{ kind: 'renew', attempt, term: holding.term, expected: holding.revision, leaseMs }],
  ];
}

function handedOver(state: LeaseState, { attempt }: LeaseContext): LeaseStep {
  const { holding, seen } = state;
  if (holding.phase !== 'owned') return [state, none];
  return [
    { ...state, holding: { phase: 'releasing', attempt, endMs: holding.endMs } },
    [
      { kind: 'drop', why: 'handed-over' },
      { kind: 'release', attempt, term: holding.term, expected: holding.revision, before: seen.lease },
    ],
  ];
}
