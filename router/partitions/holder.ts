/**
 * Holder: holds this router's share of the partitions on the bus; the thin shell around `partitions.ts`.
 *
 * It feeds the watch, the clock and the answers to the core, and does what the core decides: writes
 * leases, and tells `serve` which partitions to serve and to drop. A take asks the log for its end first,
 * so that where to start is known at the moment the lease is held.
 */

import type { Leases, Log } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import { LEASE_MS_MAX, NODE_VERSION } from '#wire/limits.ts';
import { isPartitionLease, isRouterLease } from '#wire/node-checks.ts';
import {
  decodeNodeMessage,
  encodeNodeMessage,
  PARTITION_LEASE_PREFIX,
  type PartitionLease,
  ROUTER_LEASE_PREFIX,
  type RouterLease,
} from '#wire/nodes.ts';
import type { DropReason, Instant, WriteOutcome } from './lease.ts';
import {
  hasLeft,
  initialPartitions,
  mayDeliverFor,
  type Partitions,
  type PartitionsEffect,
  type PartitionsEvent,
  stepPartitions,
  TICK_MS,
} from './partitions.ts';
import { positionBefore, startTrail, type Trail } from './positions.ts';

/** Where a new owner begins. */
export interface Start {
  /** Whether another owner served it before, so that gateways and watchers know of it. */
  readonly inherited: boolean;
  /** The log is followed after this position. */
  readonly from: number;
  /** The log ended here when it was taken; on the way there from `from` the owner is behind. */
  readonly end: number;
  /** Frames up to here are not judged unreachable again. */
  readonly judged: number;
  /** Orders of flows lie above this. */
  readonly orderMin: number;
}

/** How far an owner has come. */
export interface Standing {
  readonly position: number;
  readonly judged: number;
  readonly orderMax: number;
}

/** What is done with the partitions that are held. All of it at once, without waiting. */
export interface Serving {
  own(partition: number, term: number, start: Start): void;
  drop(partition: number, why: DropReason): void;
  standing(partition: number): Standing | undefined;
}

export interface Holder {
  /** Whether the lease allows to deliver for this partition at this moment of the monotonic clock. */
  mayDeliver(partition: number, monotonicMs: number): boolean;
  /** Gives the partition up because it cannot go on under its term; it may be taken again at once. */
  lapse(partition: number): void;
  /** The bus is back. */
  connected(): void;
  /** Whether the leases of all are known. */
  readonly ready: boolean;
  readonly routersLive: number;
  /** Releases everything, waiting at most a second for the bus. */
  stop(): Promise<void>;
}

export interface HolderDeps {
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly router: string;
  readonly serving: Serving;
}

const STOP_MS_MAX = 1_000;
const STOP_TICK_MS = 50;

interface HolderState extends HolderDeps {
  readonly partitions: Partitions;
  /** Where to start under the term of the last take, by partition. */
  readonly starts: Map<number, { readonly term: number; readonly start: Start }>;
  readonly trails: Map<number, Trail>;
  /** How far the partitions had come that are being handed over. */
  readonly standings: Map<number, Standing>;
}

export function holdPartitions(deps: HolderDeps): Holder {
  const { leases, log, clock, router } = deps;
  const partitions = initialPartitions(router, log.partitions, instantOf(clock));
  const state: HolderState = {
    ...deps,
    partitions,
    starts: new Map(),
    trails: new Map(),
    standings: new Map(),
  };
  const unwatch = leases.watch({
    entry({ key, value, revision }) {
      const event = eventOf(key, value, revision);
      if (event !== undefined) step(state, event);
    },
    ready: () => step(state, { kind: 'ready' }),
  });
  const cancelTick = clock.every(TICK_MS, () => step(state, { kind: 'tick' }));
  step(state, { kind: 'tick' });
  return {
    mayDeliver: (partition, monotonicMs) => mayDeliverFor(partitions, partition, monotonicMs),
    lapse: (partition) => step(state, { kind: 'lapse', partition }),
    connected: () => step(state, { kind: 'connected' }),
    get ready() {
      return partitions.ready;
    },
    get routersLive() {
      return partitions.live.length;
    },
    async stop() {
      cancelTick();
      step(state, { kind: 'stop' });
      await untilLeft(state);
      unwatch();
    },
  };
}

function untilLeft(state: HolderState): Promise<void> {
  const { clock, partitions } = state;
  const deadlineMs = clock.monotonicMs() + STOP_MS_MAX;
  return new Promise((resolve) => {
    const cancel = clock.every(STOP_TICK_MS, () => {
      step(state, { kind: 'tick' });
      if (!hasLeft(partitions) && clock.monotonicMs() < deadlineMs) return;
      cancel();
      resolve();
    });
  });
}

function instantOf(clock: Clock): Instant {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
}

function step(state: HolderState, event: PartitionsEvent): void {
  for (const effect of stepPartitions(state.partitions, event, instantOf(state.clock))) act(state, effect);
}

function act(state: HolderState, effect: PartitionsEffect): void {
  const { leases, router } = state;
  switch (effect.kind) {
    case 'take':
      void take(state, effect);
      break;
    case 'own':
      own(state, effect.partition, effect.term);
      break;
    case 'renew':
      write(state, effect, renewedLease(state, effect));
      break;
    case 'drop':
      drop(state, effect.partition, effect.why);
      break;
    case 'release':
      write(state, effect, releasedLease(state, effect));
      break;
    case 'renew-router':
      answered(
        state,
        effect,
        leases.compareAndSet(ROUTER_LEASE_PREFIX + router, livingFor(effect.leaseMs), effect.expected),
      );
      break;
    case 'leave':
      answered(state, effect, leases.release(ROUTER_LEASE_PREFIX + router, effect.expected));
      break;
    case 'bury':
      void leases.release(ROUTER_LEASE_PREFIX + effect.router, effect.expected);
      break;
  }
}

// Serving.

async function take(state: HolderState, effect: Effect<'take'>): Promise<void> {
  const { partition, term, attempt, before, leaseMs } = effect;
  let end: number;
  try {
    end = await state.log.end(partition);
  } catch {
    step(state, { kind: 'outcome', attempt, partition, outcome: { kind: 'undecided' } });
    return;
  }
  const epoch = state.log.epoch(partition);
  const start = { ...startAfter(before, epoch, end), end };
  state.starts.set(partition, { term, start });
  const position = start.from < end ? Math.min(before?.position ?? end, end) : end;
  const orderMax = orderBound(state, start.orderMin);
  const { from: positionBefore, judged } = start;
  write(state, effect, {
    router: state.router,
    term,
    position,
    positionBefore,
    judged,
    orderMax,
    epoch,
    leaseMs,
  });
}

function own(state: HolderState, partition: number, term: number): void {
  const begun = state.starts.get(partition);
  if (begun?.term !== term) {
    step(state, { kind: 'lapse', partition });
    return;
  }
  state.trails.set(partition, startTrail(begun.start.from, state.clock.monotonicMs()));
  state.serving.own(partition, term, begun.start);
}

function drop({ serving, standings, trails }: HolderState, partition: number, why: DropReason): void {
  const standing = serving.standing(partition);
  if (why === 'handed-over' && standing !== undefined) standings.set(partition, standing);
  else trails.delete(partition);
  serving.drop(partition, why);
}

// What stands in a lease.

function renewedLease(state: HolderState, { partition, term, leaseMs }: Effect<'renew'>): PartitionLease {
  const standing = state.serving.standing(partition) ?? NOWHERE;
  return { ...leaseOf(state, partition, term, standing, state.trails.get(partition)!), leaseMs };
}

function releasedLease(state: HolderState, { partition, term, before }: Effect<'release'>): PartitionLease {
  const trail = state.trails.get(partition);
  const standing = state.standings.get(partition);
  state.trails.delete(partition);
  state.standings.delete(partition);
  // A write that landed after it was given up: what it says of positions still holds.
  if (trail === undefined || standing === undefined)
    return { ...before!, router: state.router, term, released: true };
  return { ...leaseOf(state, partition, term, standing, trail), released: true };
}

function leaseOf(
  state: HolderState,
  partition: number,
  term: number,
  { position, judged, orderMax }: Standing,
  trail: Trail,
): PartitionLease {
  return {
    router: state.router,
    term,
    position,
    positionBefore: positionBefore(trail, position, state.clock.monotonicMs()),
    judged,
    orderMax: orderBound(state, orderMax),
    epoch: state.log.epoch(partition),
  };
}

/** No flow gets a higher order before the lease has to be renewed. */
function orderBound({ clock }: HolderState, orderMax: number): number {
  return Math.max(orderMax, Math.floor(clock.nowMs())) + LEASE_MS_MAX;
}

type Effect<Kind extends PartitionsEffect['kind']> = Extract<PartitionsEffect, { kind: Kind }>;
interface Write {
  readonly attempt: number;
  readonly partition?: number;
}

function write(
  state: HolderState,
  effect: Effect<'take' | 'renew' | 'release'>,
  lease: PartitionLease,
): void {
  const key = PARTITION_LEASE_PREFIX + effect.partition;
  answered(state, effect, state.leases.compareAndSet(key, encodeNodeMessage(lease), effect.expected));
}

function answered(state: HolderState, { attempt, partition }: Write, answer: Promise<WriteOutcome>): void {
  void answer.then((outcome) => step(state, { kind: 'outcome', attempt, partition, outcome }));
}

const NOWHERE: Standing = { position: 0, judged: 0, orderMax: 0 };

function eventOf(key: string, value: Uint8Array | undefined, revision: number): PartitionsEvent | undefined {
  if (key.startsWith(ROUTER_LEASE_PREFIX)) {
    return {
      kind: 'router',
      router: key.slice(ROUTER_LEASE_PREFIX.length),
      alive: value !== undefined,
      revision,
      leaseMs: value === undefined ? undefined : decodedLife(value)?.leaseMs,
    };
  }
  if (!key.startsWith(PARTITION_LEASE_PREFIX)) return undefined;
  const lease = value === undefined ? undefined : decodedLease(value);
  return { kind: 'partition', partition: Number(key.slice(PARTITION_LEASE_PREFIX.length)), lease, revision };
}

function livingFor(leaseMs: number): Uint8Array {
  const life: RouterLease = { v: NODE_VERSION, leaseMs };
  return encodeNodeMessage(life);
}

function decodedLife(value: Uint8Array): RouterLease | undefined {
  const life = decodeNodeMessage<object>(value);
  return isRouterLease(life) ? life : undefined;
}

/** A lease that cannot be read is as good as none: whoever takes it writes it anew. */
function decodedLease(value: Uint8Array): PartitionLease | undefined {
  const lease = decodeNodeMessage<object>(value);
  return isPartitionLease(lease) ? lease : undefined;
}

/**
 * Where to start after the lease before. Positions of another life of the log mean nothing, and a log that
 * lost its tail goes on below them; whoever starts at its end leaves the frames alive to the gateways, which
 * read them when they attach.
 */
export function startAfter(
  before: PartitionLease | undefined,
  epoch: string,
  end: number,
): Omit<Start, 'end'> {
  const orderMin = before?.orderMax ?? 0;
  if (before === undefined || (before.epoch !== undefined && before.epoch !== epoch)) {
    return { inherited: before !== undefined, from: end, judged: end, orderMin };
  }
  const from = Math.min(before.positionBefore ?? before.position, end);
  return { inherited: true, from, judged: Math.min(before.judged ?? before.position, end), orderMin };
}
