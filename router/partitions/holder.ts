/**
 * Holder: holds this router's share of the partitions on the bus; the thin shell around `partitions.ts`.
 *
 * It feeds the watch, the clock and the answers to the core, and does what the core decides: writes
 * leases, and tells `serve` which partitions to serve and to drop. A take asks the log for its end first,
 * so that where to start is known at the moment the lease is held.
 */

import type { Leases, Log } from '#bus/seams.ts';
import type { Cancel, Clock } from '#runtime/clock.ts';
import {
  decodeNodeMessage,
  encodeNodeMessage,
  PARTITION_LEASE_PREFIX,
  type PartitionLease,
  ROUTER_LEASE_PREFIX,
} from '#wire/nodes.ts';
import { type DropReason, type Instant, LEASE_MS, type WriteOutcome } from './lease.ts';
import {
  hasLeft,
  initialPartitions,
  mayDeliverFor,
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

export function holdPartitions({ leases, log, clock, router, serving }: HolderDeps): Holder {
  const state = initialPartitions(router, log.partitions, instant());
  const starts = new Map<number, { readonly term: number; readonly start: Start }>();
  const trails = new Map<number, Trail>();
  const standings = new Map<number, Standing>();

  function instant(): Instant {
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
  }
  function step(event: PartitionsEvent): void {
    for (const effect of stepPartitions(state, event, instant())) act(effect);
  }
  function act(effect: PartitionsEffect): void {
    switch (effect.kind) {
      case 'take':
        void take(effect);
        break;
      case 'own':
        own(effect.partition, effect.term);
        break;
      case 'renew':
        write(effect.partition, effect.attempt, effect.expected, renewedLease(effect.partition, effect.term));
        break;
      case 'drop':
        drop(effect.partition, effect.why);
        break;
      case 'release':
        write(effect.partition, effect.attempt, effect.expected, releasedLease(effect));
        break;
      case 'renew-router':
        answered(
          effect.attempt,
          undefined,
          leases.compareAndSet(ROUTER_LEASE_PREFIX + router, LIVING, effect.expected),
        );
        break;
      case 'leave':
        answered(effect.attempt, undefined, leases.release(ROUTER_LEASE_PREFIX + router, effect.expected));
        break;
      case 'bury':
        void leases.release(ROUTER_LEASE_PREFIX + effect.router, effect.expected);
        break;
    }
  }

  async function take(effect: Extract<PartitionsEffect, { kind: 'take' }>): Promise<void> {
    const { partition, term, attempt, before } = effect;
    let end: number;
    try {
      end = await log.end(partition);
    } catch {
      step({ kind: 'outcome', attempt, partition, outcome: { kind: 'undecided' } });
      return;
    }
    const epoch = log.epoch(partition);
    const start = startAfter(before, epoch, end);
    starts.set(partition, { term, start });
    const position = start.inherited ? Math.min(before!.position, end) : end;
    write(partition, attempt, effect.expected, {
      ...{ router, term, position, positionBefore: start.from, judged: start.judged, epoch },
      orderMax: orderBound(start.orderMin),
    });
  }
  function own(partition: number, term: number): void {
    const begun = starts.get(partition);
    if (begun?.term !== term) {
      step({ kind: 'lapse', partition });
      return;
    }
    trails.set(partition, startTrail(begun.start.from, clock.monotonicMs()));
    serving.own(partition, term, begun.start);
  }
  function drop(partition: number, why: DropReason): void {
    const standing = serving.standing(partition);
    if (why === 'handed-over' && standing !== undefined) standings.set(partition, standing);
    else trails.delete(partition);
    serving.drop(partition, why);
  }

  function renewedLease(partition: number, term: number): PartitionLease {
    const { position, judged, orderMax } = serving.standing(partition) ?? NOWHERE;
    const before = positionBefore(trails.get(partition)!, position, clock.monotonicMs());
    const bound = orderBound(orderMax);
    return {
      router,
      term,
      position,
      positionBefore: before,
      judged,
      orderMax: bound,
      epoch: log.epoch(partition),
    };
  }
  function releasedLease(effect: Extract<PartitionsEffect, { kind: 'release' }>): PartitionLease {
    const { partition, term, before } = effect;
    const trail = trails.get(partition);
    const standing = standings.get(partition);
    // A write that landed after it was given up: what it says of positions still holds.
    if (trail === undefined || standing === undefined) return { ...before!, router, term, released: true };
    const { position, judged, orderMax } = standing;
    const older = positionBefore(trail, position, clock.monotonicMs());
    trails.delete(partition);
    standings.delete(partition);
    return {
      router,
      term,
      position,
      positionBefore: older,
      judged,
      orderMax,
      epoch: log.epoch(partition),
      released: true,
    };
  }
  /** No flow gets a higher order before the lease has to be renewed. */
  function orderBound(orderMax: number): number {
    return Math.max(orderMax, Math.floor(clock.nowMs())) + LEASE_MS;
  }

  function write(partition: number, attempt: number, expected: number, lease: PartitionLease): void {
    answered(
      attempt,
      partition,
      leases.compareAndSet(PARTITION_LEASE_PREFIX + partition, encodeNodeMessage(lease), expected),
    );
  }
  function answered(attempt: number, partition: number | undefined, answer: Promise<WriteOutcome>): void {
    void answer.then((outcome) => step({ kind: 'outcome', attempt, partition, outcome }));
  }

  const unwatch = leases.watch({
    entry({ key, value, revision }) {
      const event = eventOf(key, value, revision);
      if (event !== undefined) step(event);
    },
    ready: () => step({ kind: 'ready' }),
  });
  let cancelTick: Cancel = clock.every(TICK_MS, () => step({ kind: 'tick' }));
  step({ kind: 'tick' });

  return {
    mayDeliver: (partition, monotonicMs) => mayDeliverFor(state, partition, monotonicMs),
    lapse: (partition) => step({ kind: 'lapse', partition }),
    connected: () => step({ kind: 'connected' }),
    get ready() {
      return state.ready;
    },
    get routersLive() {
      return state.live.length;
    },
    async stop() {
      cancelTick();
      step({ kind: 'stop' });
      const deadlineMs = clock.monotonicMs() + STOP_MS_MAX;
      await new Promise<void>((resolve) => {
        cancelTick = clock.every(STOP_TICK_MS, () => {
          step({ kind: 'tick' });
          if (hasLeft(state) || clock.monotonicMs() >= deadlineMs) resolve();
        });
      });
      cancelTick();
      unwatch();
    },
  };
}

const LIVING = Buffer.from('{"v":1}');
const NOWHERE: Standing = { position: 0, judged: 0, orderMax: 0 };

function eventOf(key: string, value: Uint8Array | undefined, revision: number): PartitionsEvent | undefined {
  if (key.startsWith(ROUTER_LEASE_PREFIX)) {
    return {
      kind: 'router',
      router: key.slice(ROUTER_LEASE_PREFIX.length),
      alive: value !== undefined,
      revision,
    };
  }
  if (!key.startsWith(PARTITION_LEASE_PREFIX)) return undefined;
  const lease = value === undefined ? undefined : decodeNodeMessage<PartitionLease>(value);
  return { kind: 'partition', partition: Number(key.slice(PARTITION_LEASE_PREFIX.length)), lease, revision };
}

/**
 * Where to start after the lease before. Positions of another life of the log mean nothing, and a log that
 * lost its tail goes on below them; whoever starts at its end leaves the frames alive to the gateways, which
 * read them when they attach.
 */
export function startAfter(before: PartitionLease | undefined, epoch: string, end: number): Start {
  const orderMin = before?.orderMax ?? 0;
  if (before === undefined || (before.epoch !== undefined && before.epoch !== epoch)) {
    return { inherited: before !== undefined, from: end, judged: end, orderMin };
  }
  const from = Math.min(before.positionBefore ?? before.position, end);
  return { inherited: true, from, judged: Math.min(before.judged ?? before.position, end), orderMin };
}
