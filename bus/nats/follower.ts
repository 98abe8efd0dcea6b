/**
 * Follower: brings the messages of a stream in order and without a hole, for as long as it is wanted.
 *
 * It reads one push consumer after another as plain subscriptions. A consumer is given up for a new one on
 * a hole in its numbers, when two heartbeats are missing, when it stands still before the end of the stream, when
 * the server refuses it, and when the connection is lost. Before each, the stream's leader says which stream it is and where it ends: a follower never goes on
 * in another stream than the one it began in, nor beyond the end. The log, the leases and the journal share this.
 */

import type { ConsumerConfig } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import type { BusMetrics, FollowRestart } from '../metrics.ts';
import type { JetStreamApi } from './api.ts';
import type { Connection } from './connection.ts';
import { createFollowLag, type FollowLag, isStuck } from './follow-lag.ts';
import {
  consumerBegins,
  type Delivered,
  deliveredOf,
  type FollowProgress,
  heedHeartbeat,
  heedMessage,
  progressAfter,
} from './follow-progress.ts';
import type { LeanMessage } from './intake.ts';
import type { StreamState, Streams } from './streams.ts';

export interface Followed {
  readonly stream: string;
  /** Of the subjects that are brought. */
  readonly filters: readonly string[];
  /** `sequence`: goes on after the last position. `last-per-subject`: each consumer begins with what stands there. */
  readonly from: 'sequence' | 'last-per-subject';
  readonly after: number;
}

export interface FollowerSink {
  message(message: Msg | LeanMessage, delivered: Delivered): void;
  head?(position: number): void;
  /** A consumer begins anew. */
  begins?(): void;
  /** All that stood there when the consumer began has been brought. */
  caughtUp?(): void;
  /** The stream is another one now, or ends before what was brought. The follower has ended. */
  anew(): void;
}

export interface FollowerDeps {
  readonly api: JetStreamApi;
  readonly connection: Connection;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: BusMetrics;
  /** Beginning of the subjects that consumers deliver to. */
  readonly inbox: string;
}

interface Follower {
  readonly followed: Followed;
  readonly sink: FollowerSink;
  readonly deps: FollowerDeps;
  readonly progress: FollowProgress;
  readonly lag: FollowLag;
  epoch: string;
  /** Numbers the attempts: what belongs to an older one is void. */
  attempt: number;
  /** Of the present consumer; `undefined` while there is none. */
  consumer: { readonly name: string; readonly unsubscribe: Cancel } | undefined;
  heardMs: number;
  failures: number;
  /** The end of the stream when the consumer began, until it has been reached. */
  catchUpTo: number | undefined;
  beyondEnd: number;
  stopped: boolean;
  /** It is over, by whoever's word. */
  ended: () => void;
}

export interface Followers {
  follow(followed: Followed, sink: FollowerSink): Cancel;
  /** A stream's epoch is another one: its followers end. */
  epochChanged(stream: string): void;
  close(): void;
}

const HEARTBEAT_MS = 1_000;
const SILENCE_MS_MAX = 2_500;
const WATCH_MS = 500;
/** A consumer whose subscriber is gone is removed after this. */
const INACTIVE_MS = 10_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 2_000;
/** So often the end must lie before what was brought, until it is believed: a new leader may lag at first. */
const BEYOND_END_MAX = 7;
const NANOS = 1_000_000;
const CONTROL = 100;
const nothing = new Uint8Array(0);

export function createFollowers(deps: FollowerDeps): Followers {
  const followers = new Set<Follower>();
  let watchedMs = deps.clock.monotonicMs();

  const unwatch = deps.connection.watch((connected) => {
    for (const follower of [...followers]) {
      if (connected) restart(follower, 'reconnect');
      else giveUp(follower);
    }
  });
  const cancelWatch = deps.clock.every(WATCH_MS, () => {
    const nowMs = deps.clock.monotonicMs();
    // Where this process itself stood still, what has come in meanwhile has not been read yet.
    const stoodStill = nowMs - watchedMs > 2 * WATCH_MS;
    watchedMs = nowMs;
    for (const follower of [...followers]) {
      const end = deps.streams.knownEnd(follower.followed.stream);
      const stuck = isStuck(follower.lag, follower.progress.head, end, nowMs);
      if (stoodStill) follower.heardMs = nowMs;
      else if (isSilent(follower, nowMs)) restart(follower, 'silence');
      else if (stuck && follower.consumer !== undefined) restart(follower, 'stuck');
    }
  });

  return {
    follow(followed, sink) {
      const follower = createFollower(followed, sink, deps);
      followers.add(follower);
      follower.ended = () => followers.delete(follower);
      void begin(follower);
      return () => stop(follower);
    },
    epochChanged(stream) {
      for (const follower of [...followers]) {
        if (follower.followed.stream === stream && follower.epoch !== deps.streams.epoch(stream))
          end(follower);
      }
    },
    close() {
      cancelWatch();
      unwatch();
      for (const follower of [...followers]) stop(follower);
    },
  };
}

function createFollower(followed: Followed, sink: FollowerSink, deps: FollowerDeps): Follower {
  return {
    followed,
    sink,
    deps,
    progress: progressAfter(followed.after),
    lag: createFollowLag(deps.clock.monotonicMs()),
    epoch: deps.streams.epoch(followed.stream),
    attempt: 0,
    consumer: undefined,
    heardMs: deps.clock.monotonicMs(),
    failures: 0,
    catchUpTo: undefined,
    beyondEnd: 0,
    stopped: false,
    ended: () => undefined,
  };
}

function isSilent(follower: Follower, nowMs: number): boolean {
  return follower.consumer !== undefined && nowMs - follower.heardMs > SILENCE_MS_MAX;
}

function restart(follower: Follower, reason: FollowRestart): void {
  if (follower.stopped) return;
  follower.deps.metrics.followRestarts.labels(reason).inc();
  giveUp(follower);
  void begin(follower);
}

function giveUp(follower: Follower): void {
  follower.attempt++;
  const { consumer, deps, followed } = follower;
  follower.consumer = undefined;
  if (consumer === undefined) return;
  consumer.unsubscribe();
  if (!deps.connection.connected) return;
  // The server would find out by itself; whether this arrives does not matter.
  deps.api.deleteConsumer(followed.stream, consumer.name).catch(() => undefined);
}

function stop(follower: Follower): void {
  follower.stopped = true;
  giveUp(follower);
  follower.ended();
}

function end(follower: Follower): void {
  if (follower.stopped) return;
  stop(follower);
  follower.sink.anew();
}

/** Asks which stream there is, then makes a consumer; tries again until it is given up. */
async function begin(follower: Follower): Promise<void> {
  const { deps, followed } = follower;
  const attempt = ++follower.attempt;
  const isPresent = () => attempt === follower.attempt && !follower.stopped;
  try {
    const stream = await deps.streams.ask(followed.stream);
    if (!isPresent()) return;
    if (stream.epoch !== follower.epoch) return end(follower);
    if (isBeyondEnd(follower, stream)) {
      if (++follower.beyondEnd >= BEYOND_END_MAX) return end(follower);
      return beginLater(follower);
    }
    follower.beyondEnd = 0;
    await makeConsumer(follower, stream, isPresent);
  } catch {
    if (isPresent()) beginLater(follower);
  }
}

function isBeyondEnd({ followed, progress }: Follower, { end }: StreamState): boolean {
  return followed.from === 'sequence' && progress.position > end;
}

function beginLater(follower: Follower): void {
  const { deps } = follower;
  if (!deps.connection.connected) return;
  giveUp(follower);
  const boundMs = Math.min(RETRY_MS_MIN * 2 ** follower.failures++, RETRY_MS_MAX);
  const { attempt } = follower;
  deps.clock.after(boundMs * (0.5 + deps.random.draw() / 2), () => {
    if (attempt === follower.attempt && !follower.stopped) void begin(follower);
  });
}

async function makeConsumer(
  follower: Follower,
  stream: StreamState,
  isPresent: () => boolean,
): Promise<void> {
  const { deps, followed, progress, sink } = follower;
  const name = `f-${deps.random.id()}`;
  const subject = `${deps.inbox}.${name}`;
  consumerBegins(progress);
  if (followed.from === 'last-per-subject') progress.position = progress.head = 0;
  follower.catchUpTo = stream.messages > 0 ? stream.end : 0;
  follower.heardMs = deps.clock.monotonicMs();
  follower.consumer = {
    name,
    unsubscribe: deps.connection.subscribeLean(subject, (message) => heed(follower, message)),
  };
  sink.begins?.();
  const made = await deps.api.createConsumer(followed.stream, consumerOf(follower, name, subject));
  if (!isPresent()) return;
  if (!made.ok) {
    deps.metrics.followRestarts.labels('refused').inc();
    return beginLater(follower);
  }
  catchUp(follower);
}

function consumerOf(
  { followed, progress }: Follower,
  name: string,
  subject: string,
): Partial<ConsumerConfig> & { name: string } {
  const start: Partial<ConsumerConfig> =
    followed.from === 'sequence'
      ? { deliver_policy: 'by_start_sequence', opt_start_seq: progress.position + 1 }
      : { deliver_policy: 'last_per_subject' };
  return {
    ...start,
    name,
    deliver_subject: subject,
    ...filterOf(followed),
    ack_policy: 'none',
    replay_policy: 'instant',
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    flow_control: true,
    idle_heartbeat: HEARTBEAT_MS * NANOS,
    inactive_threshold: INACTIVE_MS * NANOS,
  };
}

/** One filter is an index into the stream, which several are not. */
function filterOf({ filters }: Followed): Partial<ConsumerConfig> {
  return filters.length === 1 ? { filter_subject: filters[0]! } : { filter_subjects: [...filters] };
}

function heed(follower: Follower, message: Msg | LeanMessage): void {
  follower.heardMs = follower.deps.clock.monotonicMs();
  const { reply } = message;
  const delivered = reply === undefined || !reply.startsWith('$JS.ACK') ? undefined : deliveredOf(reply);
  if (delivered === undefined) heedControl(follower, message);
  else heedDelivered(follower, message, delivered);
}

function heedDelivered(follower: Follower, message: Msg | LeanMessage, delivered: Delivered): void {
  const { progress, sink } = follower;
  const verdict = heedMessage(progress, delivered.position, delivered.consumerSequence);
  if (verdict === 'hole') return restart(follower, 'hole');
  follower.failures = 0;
  if (verdict === 'bring') sink.message(message, delivered);
  if (delivered.pending > 0 || follower.stopped) return;
  sink.head?.(progress.head);
  catchUp(follower);
}

/** Idle heartbeats and flow control: messages without a body that the server sends of itself. */
function heedControl(follower: Follower, message: Msg | LeanMessage): void {
  const { headers } = message;
  if (headers?.code !== CONTROL) return;
  const { connection } = follower.deps;
  if (message.reply) connection.publish(message.reply, nothing);
  const stalled = headers.get('Nats-Consumer-Stalled');
  if (stalled !== '') connection.publish(stalled, nothing);
  const consumed = headers.get('Nats-Last-Consumer');
  if (consumed === '') return;
  const head = heedHeartbeat(follower.progress, Number(consumed), Number(headers.get('Nats-Last-Stream')));
  if (head === 'hole') return restart(follower, 'hole');
  follower.failures = 0;
  follower.sink.head?.(head);
  catchUp(follower);
}

function catchUp(follower: Follower): void {
  if (follower.catchUpTo === undefined || follower.progress.head < follower.catchUpTo) return;
  follower.catchUpTo = undefined;
  follower.sink.caughtUp?.();
}
