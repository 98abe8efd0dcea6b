/** Bus metrics: what the operator sees of a process's way to NATS; spread into the metrics of the process. */

import { Counter, Gauge, type Registry } from 'prom-client';
import { fromZero } from '#runtime/tally.ts';

export type FollowRestart = 'hole' | 'silence' | 'stuck' | 'refused' | 'reconnect';

export interface BusMetrics {
  readonly connected: Gauge;
  readonly reconnects: Counter;
  readonly appendsUndecided: Counter;
  readonly followRestarts: Counter<'reason'>;
  readonly foreign: Counter;
  readonly streamBytes: Gauge<'stream'>;
  readonly streamBytesMax: Gauge<'stream'>;
  readonly streamMessages: Gauge<'stream'>;
  readonly streamReplicas: Gauge<'stream'>;
  readonly streamReplicasConfigured: Gauge<'stream'>;
}

export function createBusMetrics(registers: Registry[]): BusMetrics {
  return {
    connected: new Gauge({
      name: 'bus_connected',
      help: '1 while this process is connected to the bus, 0 while it is away.',
      registers,
    }),
    reconnects: new Counter({
      name: 'bus_reconnects_total',
      help: 'Connections to the bus that were made again after one was lost.',
      registers,
    }),
    appendsUndecided: new Counter({
      name: 'bus_appends_undecided_total',
      help: 'Appends to the log without a usable answer: late, lost, refused for a passing reason, or not sent.',
      registers,
    }),
    followRestarts: fromZero(
      new Counter({
        name: 'bus_follow_restarts_total',
        help: 'Consumers made anew for a follower, by why the one before was given up.',
        labelNames: ['reason'],
        registers,
      }),
      'reason',
      ['hole', 'silence', 'stuck', 'refused', 'reconnect'],
    ),
    foreign: new Counter({
      name: 'bus_foreign_messages_total',
      help: 'Messages in the log’s streams under a subject that names no channel; they are left out.',
      registers,
    }),
    ...streamGauges(registers),
  };
}

/** Of the streams that this deployment has, at the last look of this process, at most ten seconds ago. Of all processes take the newest, not the sum. */
function streamGauges(registers: Registry[]) {
  const asked = 'as its leader said when it was asked last, every ten seconds';
  return {
    streamBytes: new Gauge({
      name: 'bus_stream_bytes',
      help: `Bytes in a stream of the bus, ${asked}.`,
      labelNames: ['stream'] as const,
      registers,
    }),
    streamBytesMax: new Gauge({
      name: 'bus_stream_bytes_max',
      help: 'Bytes that a stream may hold; past it the log takes nothing more. Streams without a bound have none.',
      labelNames: ['stream'] as const,
      registers,
    }),
    streamMessages: new Gauge({
      name: 'bus_stream_messages',
      help: `Messages in a stream of the bus, ${asked}.`,
      labelNames: ['stream'] as const,
      registers,
    }),
    streamReplicas: new Gauge({
      name: 'bus_stream_replicas',
      help: `Copies of a stream that are there and not behind, its leader among them, ${asked}.`,
      labelNames: ['stream'] as const,
      registers,
    }),
    streamReplicasConfigured: new Gauge({
      name: 'bus_stream_replicas_configured',
      help: 'Copies that a stream should have.',
      labelNames: ['stream'] as const,
      registers,
    }),
  };
}
