/** Bus metrics: what the operator sees of a process's way to NATS; spread into the metrics of the process. */

import { Counter, Gauge, type Registry } from 'prom-client';
import { fromZero } from '#runtime/tally.ts';

export type FollowRestart = 'hole' | 'silence' | 'refused' | 'reconnect';

export interface BusMetrics {
  readonly connected: Gauge;
  readonly reconnects: Counter;
  readonly appendsUndecided: Counter;
  readonly followRestarts: Counter<'reason'>;
  readonly foreign: Counter;
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
      ['hole', 'silence', 'refused', 'reconnect'],
    ),
    foreign: new Counter({
      name: 'bus_foreign_messages_total',
      help: 'Messages in the log’s streams under a subject that names no channel; they are left out.',
      registers,
    }),
  };
}
