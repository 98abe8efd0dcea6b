/**
 * Convoy: the partitions of one stream that this process follows, brought by one consumer once they have caught up.
 *
 * The server wakes every consumer by itself, so that sixty-four of them, each with its part of the frames, cost it several
 * times what one does that brings them all. A partition has a consumer of its own at first, since it may begin far
 * behind the others. When that has caught up, a new common one takes it in, and what went before goes on until
 * the new one has caught up too: a change of the convoy holds nobody up.
 *
 * Whoever travels knows up to which position everything was brought. Each consumer brings what it is for in order and
 * without a hole, and begins at or before the position of everyone it is for. So what lies at or before the position
 * is dropped, from wherever it comes, and nothing is missed.
 */

import type { Msg } from '@nats-io/transport-node';
import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Delivered } from './follow-progress.ts';
import type { FollowerSink, Followers } from './follower.ts';
import type { LeanMessage } from './intake.ts';

/** What a partition is brought. `head` and `anew` as a follower tells them. */
export type TravellerSink = Required<Pick<FollowerSink, 'message' | 'head' | 'anew'>>;

export interface ConvoyDeps {
  readonly followers: Pick<Followers, 'follow'>;
  readonly clock: Clock;
  readonly stream: string;
  filterOf(partition: number): string;
  /** The partition that a message of this subject belongs to. */
  partitionOf(subject: string): number;
}

export interface Convoy {
  follow(partition: number, after: number, sink: TravellerSink): Cancel;
  close(): void;
}

/** One partition that is followed. */
interface Traveller {
  readonly partition: number;
  readonly sink: TravellerSink;
  /** Of the last message that was brought. */
  position: number;
  /** Everything up to here was brought, as it was last told. */
  head: number;
  caughtUp: boolean;
  /** Ends the consumer of its own, while it has one. */
  endOwn: Cancel | undefined;
  gone: boolean;
}

/** One common consumer, and whom it is for. */
interface Common {
  readonly travellers: ReadonlyMap<number, Traveller>;
  end: Cancel;
  headsToldMs: number;
}

interface State extends ConvoyDeps {
  readonly travellers: Map<number, Traveller>;
  present: Common | undefined;
  /** Has not caught up yet. */
  next: Common | undefined;
  cancelRegroup: Cancel | undefined;
}

/** Partitions change hands many at a time. */
const REGROUP_MS = 500;
/** A partition without frames on a busy stream is told so often how far it has been brought. */
const HEADS_MS = 250;

export function createConvoy(deps: ConvoyDeps): Convoy {
  const state: State = {
    ...deps,
    travellers: new Map(),
    present: undefined,
    next: undefined,
    cancelRegroup: undefined,
  };
  return {
    follow: (partition, after, sink) => follow(state, partition, after, sink),
    close() {
      for (const traveller of [...state.travellers.values()]) leave(state, traveller);
      state.cancelRegroup?.();
      state.present?.end();
      state.next?.end();
    },
  };
}

function follow(state: State, partition: number, after: number, sink: TravellerSink): Cancel {
  const traveller: Traveller = {
    ...{ partition, sink, position: after, head: after, caughtUp: false, endOwn: undefined, gone: false },
  };
  // Who follows the same partition a second time goes by itself.
  const travels = !state.travellers.has(partition);
  if (travels) state.travellers.set(partition, traveller);
  traveller.endOwn = state.followers.follow(followed(state, [partition], after), {
    message: (message, delivered) => bring(traveller, message, delivered),
    head: (position) => tellHead(traveller, position),
    caughtUp() {
      if (!travels || traveller.caughtUp) return;
      traveller.caughtUp = true;
      regroupSoon(state);
    },
    anew: () => end(state, traveller),
  });
  return () => leave(state, traveller);
}

function followed({ stream, filterOf }: State, partitions: readonly number[], after: number) {
  return { stream, filters: partitions.map(filterOf), from: 'sequence', after } as const;
}

function bring(traveller: Traveller, message: Msg | LeanMessage, delivered: Delivered): void {
  if (traveller.gone || delivered.position <= traveller.position) return;
  traveller.position = delivered.position;
  traveller.sink.message(message, delivered);
}

function tellHead(traveller: Traveller, position: number): void {
  if (traveller.gone || position <= traveller.head) return;
  traveller.head = position;
  traveller.sink.head(position);
}

function leave(state: State, traveller: Traveller): void {
  if (traveller.gone) return;
  traveller.gone = true;
  traveller.endOwn?.();
  traveller.endOwn = undefined;
  if (state.travellers.get(traveller.partition) !== traveller) return;
  state.travellers.delete(traveller.partition);
  regroupSoon(state);
}

function end(state: State, traveller: Traveller): void {
  if (traveller.gone) return;
  leave(state, traveller);
  traveller.sink.anew();
}

// Who travels together.

function regroupSoon(state: State): void {
  state.cancelRegroup ??= state.clock.after(REGROUP_MS, () => {
    state.cancelRegroup = undefined;
    regroup(state);
  });
}

function regroup(state: State): void {
  const together = [...state.travellers.values()].filter(({ caughtUp }) => caughtUp);
  if (isMadeUpOf(state.next ?? state.present, together)) return;
  state.next?.end();
  state.next = undefined;
  if (together.length > 0) state.next = beginCommon(state, together);
  else {
    state.present?.end();
    state.present = undefined;
  }
}

function isMadeUpOf(common: Common | undefined, together: readonly Traveller[]): boolean {
  const known = common?.travellers;
  if ((known?.size ?? 0) !== together.length) return false;
  return together.every((traveller) => known?.get(traveller.partition) === traveller);
}

function beginCommon(state: State, together: readonly Traveller[]): Common {
  const travellers = new Map(together.map((traveller) => [traveller.partition, traveller]));
  const after = Math.min(...together.map(({ position, head }) => Math.max(position, head)));
  const common: Common = { travellers, end: () => undefined, headsToldMs: state.clock.monotonicMs() };
  common.end = state.followers.follow(followed(state, [...travellers.keys()], after), {
    message(message, delivered) {
      const traveller = travellers.get(state.partitionOf(message.subject));
      if (traveller !== undefined) bring(traveller, message, delivered);
    },
    head: (position) => headReached(state, common, position),
    caughtUp: () => takeOver(state, common),
    anew: () => endTogether(state, common),
  });
  return common;
}

/** The head is told to all of them, so not with every message. */
function headReached({ clock }: State, common: Common, position: number): void {
  const nowMs = clock.monotonicMs();
  if (nowMs - common.headsToldMs < HEADS_MS) return;
  common.headsToldMs = nowMs;
  for (const traveller of common.travellers.values()) tellHead(traveller, position);
}

/** A common consumer that has caught up takes the place of what brought its partitions before. */
function takeOver(state: State, common: Common): void {
  if (state.next !== common) return;
  state.next = undefined;
  state.present?.end();
  state.present = common;
  for (const traveller of common.travellers.values()) {
    traveller.endOwn?.();
    traveller.endOwn = undefined;
  }
}

function endTogether(state: State, common: Common): void {
  if (state.present === common) state.present = undefined;
  if (state.next === common) state.next = undefined;
  for (const traveller of common.travellers.values()) end(state, traveller);
}
