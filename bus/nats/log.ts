/** NATS log: the frames of all channels in JetStream streams, partition p in stream p mod `LOG_STREAMS`. */

import assert from 'node:assert/strict';
import type { Msg } from '@nats-io/transport-node';
import type { Clock } from '#runtime/clock.ts';
import { channelOfBusToken, partitionOf } from '#wire/channels.ts';
import { channelTokenOf, logSubject, logSubjectsOf, partitionOfLogSubject } from '#wire/subjects.ts';
import type { BusConfig } from '../config.ts';
import type { BusMetrics } from '../metrics.ts';
import type { FollowSink, Log, LogEntry } from '../seams.ts';
import type { Appends } from './appends.ts';
import { type Convoy, createConvoy, type TravellerSink } from './convoys.ts';
import type { Delivered } from './follow-progress.ts';
import type { Followers } from './follower.ts';
import type { LeanMessage } from './intake.ts';
import { type LogClock, logTimeMs } from './log-clock.ts';
import type { Reads } from './reads.ts';
import { streamOf } from './stream-settings.ts';
import type { Streams } from './streams.ts';

export interface NatsLogDeps {
  readonly appends: Appends;
  readonly followers: Followers;
  readonly reads: Reads;
  readonly streams: Streams;
  readonly logClock: LogClock;
  readonly clock: Clock;
  readonly metrics: BusMetrics;
}

export function createNatsLog(config: BusConfig, deps: NatsLogDeps): Log & { close(): void } {
  const { appends, followers, reads, streams, logClock, clock, metrics } = deps;
  const partitions = config.LOG_PARTITIONS;
  const names = Array.from({ length: partitions }, (_, partition) => streamOf(partition, config.LOG_STREAMS));
  function nameOf(partition: number): string {
    const name = names[partition];
    assert(name !== undefined);
    return name;
  }
  const convoys: readonly Convoy[] = Array.from({ length: config.LOG_STREAMS }, (_, stream) =>
    createConvoy({
      ...{ followers, clock, stream: streamOf(stream, config.LOG_STREAMS) },
      filterOf: logSubjectsOf,
      partitionOf: partitionOfLogSubject,
    }),
  );
  return {
    partitions,
    dedupWindowMs: config.LOG_DEDUP_WINDOW_MS,
    ttlMsMax: config.LOG_TTL_MAX_MS,
    epoch: (partition) => streams.epoch(nameOf(partition)),
    nowMs: () => logTimeMs(logClock, clock.monotonicMs()),
    append: appends.append,
    follow(partition, after, sink) {
      return {
        stop: convoys[partition % convoys.length]!.follow(partition, after, entriesTo(sink, metrics)),
      };
    },
    read(channel, after, upTo, bytesMax, leader) {
      const partition = partitionOf(channel, partitions);
      const subject = logSubject(partition, channel);
      return reads.read({ stream: nameOf(partition), subject, channel, after, upTo, bytesMax }, leader);
    },
    end: async (partition) => (await streams.ask(nameOf(partition))).end,
    close() {
      for (const convoy of convoys) convoy.close();
    },
  };
}

function entriesTo(sink: FollowSink, metrics: BusMetrics): TravellerSink {
  return {
    message(message, delivered) {
      const entry = entryOf(message, delivered);
      if (entry === undefined) metrics.foreign.inc();
      else sink.entry(entry);
    },
    head: (position) => sink.head(position),
    anew: () => sink.epochChanged(),
  };
}

function entryOf(message: Msg | LeanMessage, { position, storedAtMs }: Delivered): LogEntry | undefined {
  const channel = channelOfBusToken(channelTokenOf(message.subject));
  return channel === undefined ? undefined : { channel, position, storedAtMs, data: message.data };
}
