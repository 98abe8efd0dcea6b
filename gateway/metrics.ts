/**
 * Gateway metrics: everything a gateway counts.
 *
 * Labels come from closed sets: dialects, fault codes, causes. `docs/metrics.md` is generated from it.
 */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { fromZero } from '#runtime/tally.ts';
import { faults } from '#wire/faults.ts';

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;

export function createGatewayMetrics(register: Registry) {
  const registers = [register];
  return {
    connections: new Gauge({
      name: 'gateway_connections',
      help: 'Flows open now, by dialect.',
      labelNames: ['dialect'] as const,
      registers,
    }),
    sockets: new Gauge({
      name: 'gateway_sockets',
      help: 'TCP connections to the clients’ port now, those that have not sent a request yet included.',
      registers,
    }),
    sessions: new Gauge({ name: 'gateway_sessions', help: 'Flows whose session is open now.', registers }),
    outboxBytes: new Gauge({
      name: 'gateway_outbox_bytes',
      help: 'Bytes handed to flows that their clients have not taken yet, of all flows together, when the metric is read.',
      registers,
    }),
    outboxLargestBytes: new Gauge({
      name: 'gateway_outbox_largest_bytes',
      help: 'The same of the flow that has most; past GATEWAY_OUTBOX_BYTES_MAX it is closed as SLOW_CONSUMER.',
      registers,
    }),
    opened: fromZero(
      new Counter({
        name: 'gateway_sessions_opened_total',
        help: 'Sessions welcomed, fresh or resumed.',
        labelNames: ['how'] as const,
        registers,
      }),
      'how',
      ['fresh', 'resumed'],
    ),
    arrivals: new Counter({
      name: 'gateway_door_arrivals_total',
      help: 'Connections accepted at the clients’ ports.',
      registers,
    }),
    doorOpened: new Counter({
      name: 'gateway_door_opened_total',
      help: 'Flows opened: connections that came through handshake and upgrade, polls that began.',
      registers,
    }),
    dropped: new Counter({
      name: 'gateway_door_dropped_total',
      help: 'Connections closed right after they were accepted, as they came faster than listening could stop.',
      registers,
    }),
    abandoned: new Counter({
      name: 'gateway_door_abandoned_total',
      help: 'Connections whose client left while they waited for their handshake or to be set up; some are found out by their handshake only, which was for nobody.',
      registers,
    }),
    shunned: new Counter({
      name: 'gateway_door_shunned_total',
      help: 'Connections put behind those of all others, or closed where too many stood there, as nearly all of late from their address led to no session.',
      registers,
    }),
    admitted: fromZero(
      new Counter({
        name: 'gateway_door_admitted_total',
        help: 'Flows whose set-up began, by the class in which they waited.',
        labelNames: ['class'] as const,
        registers,
      }),
      'class',
      ['call', 'stock', 'resume', 'fresh', 'pretender'],
    ),
    doorWaitSeconds: new Histogram({
      name: 'gateway_door_wait_seconds',
      help: 'From a flow opened to the beginning of its set-up.',
      buckets: [0.001, 0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80],
      registers,
    }),
    doorWaiting: new Gauge({
      name: 'gateway_door_waiting',
      help: 'Flows that are open and not set up, by class; `silent` have not said hello.',
      labelNames: ['class'] as const,
      registers,
    }),
    doorHandshakes: new Gauge({
      name: 'gateway_door_handshakes',
      help: 'Connections whose handshake waits for this gateway.',
      registers,
    }),
    doorWaitMax: new Gauge({
      name: 'gateway_door_wait_max_seconds',
      help: 'How long a connection that comes may be expected to wait for its handshake; past it, this gateway does not listen. Shorter while clients leave before their turn.',
      registers,
    }),
    doorSetUpsPerSecond: new Gauge({
      name: 'gateway_door_set_ups_per_second',
      help: 'Clients a second that this gateway could set up if it did nothing else, as it has measured.',
      registers,
    }),
    doorWorkSeconds: new Gauge({
      name: 'gateway_door_work_seconds',
      help: 'Processor time that everything accepted still costs.',
      registers,
    }),
    drainSeconds: new Gauge({
      name: 'gateway_door_drain_seconds',
      help: 'How long the drain under way has taken; 0 where none is. One begins with half a second of work accepted, or a door that does not listen.',
      registers,
    }),
    drainAdmitted: new Gauge({
      name: 'gateway_door_drain_admitted',
      help: 'Flows whose set-up began in the drain under way, or the last.',
      registers,
    }),
    drainAllowed: new Gauge({
      name: 'gateway_door_drain_allowed',
      help: 'Flows that this gateway could have set up in the same time if it did nothing else. What was admitted over it is the drain against its optimum.',
      registers,
    }),
    listening: new Gauge({
      name: 'gateway_door_listening',
      help: '1 while the door listens at this listener, else 0.',
      labelNames: ['listener'] as const,
      registers,
    }),
    stoppedListening: fromZero(
      new Counter({
        name: 'gateway_door_stops_total',
        help: 'Times that the door stopped listening.',
        labelNames: ['listener'] as const,
        registers,
      }),
      'listener',
      ['main', 'call'],
    ),
    doorCredits: new Gauge({
      name: 'gateway_door_credits',
      help: 'Set-ups that may begin in a window of 250 ms, by what they are for; 0 where there is no ceiling.',
      labelNames: ['kind'] as const,
      registers,
    }),
    spreadSeconds: new Gauge({
      name: 'gateway_spread_seconds',
      help: 'Over how long clients are told to come back, after the loss of this gateway and of the fleet.',
      labelNames: ['window'] as const,
      registers,
    }),
    sentOn: new Counter({
      name: 'gateway_door_sent_on_total',
      help: 'Flows that were told to come back later or elsewhere, by fault.',
      labelNames: ['why'] as const,
      registers,
    }),
    sessionsInCall: new Gauge({
      name: 'gateway_sessions_in_call',
      help: 'Sessions whose resume token says that they are in a call.',
      registers,
    }),
    callsNotSealed: new Counter({
      name: 'gateway_calls_not_sealed_total',
      help: 'Times that a session in a call did not get a token that says so, as too many have one.',
      registers,
    }),
    shed: new Counter({
      name: 'gateway_sessions_shed_total',
      help: 'Idle sessions closed at the word of a router, since this gateway held more than its part.',
      registers,
    }),
    doorWould: new Counter({
      name: 'gateway_door_would_total',
      help: 'What a door that only counts (dry run) would have done: stopped listening, closed a connection, refused for a limit.',
      labelNames: ['what'] as const,
      registers,
    }),
    requests: new Counter({
      name: 'gateway_requests_total',
      help: 'Requests of clients that were read, by operation.',
      labelNames: ['op'] as const,
      registers,
    }),
    faults: fromZero(
      new Counter({
        name: 'gateway_faults_total',
        help: 'Mistakes and refusals by the code of the fault table, counted when they are met.',
        labelNames: ['fault'] as const,
        registers,
      }),
      'fault',
      Object.keys(faults),
    ),
    appended: fromZero(
      new Counter({
        name: 'gateway_appends_total',
        help: 'Answers of the log to appends of this gateway.',
        labelNames: ['outcome'] as const,
        registers,
      }),
      'outcome',
      ['stored', 'refused', 'undecided'],
    ),
    appendSeconds: new Histogram({
      name: 'gateway_append_seconds',
      help: 'From a frame handed to the log to its answer; of one frame in 16.',
      buckets: [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10],
      registers,
    }),
    published: new Counter({
      name: 'gateway_volatile_total',
      help: 'Volatile frames published.',
      registers,
    }),
    frames: new Counter({
      name: 'gateway_frames_delivered_total',
      help: 'Frames handed to flows, counted per flow.',
      registers,
    }),
    expired: new Counter({
      name: 'gateway_frames_expired_total',
      help: 'Frames that arrived after their time to live, or landed in the log after their append was given up.',
      registers,
    }),
    deliverySeconds: new Histogram({
      name: 'gateway_delivery_seconds',
      help: 'From a frame stamped at its sender’s gateway to its bytes handed to the socket here, by the clock of the log; of one frame in 16.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    gaps: new Counter({ name: 'gateway_gaps_total', help: 'Gaps told to clients.', registers }),
    reads: new Counter({
      name: 'gateway_log_reads_total',
      help: 'Pages read from the log for sessions that were behind.',
      registers,
    }),
    announcements: fromZero(
      new Counter({
        name: 'gateway_announcements_total',
        help: 'Partitions announced to their owner anew, by cause.',
        labelNames: ['cause'] as const,
        registers,
      }),
      'cause',
      ['owner', 'hole', 'beat', 'beat-lost', 'request-lost', 'stale', 'bus'],
    ),
    nodeFaults: fromZero(
      new Counter({
        name: 'gateway_node_faults_total',
        help: 'Messages of other nodes that could not be read, by cause.',
        labelNames: ['cause'] as const,
        registers,
      }),
      'cause',
      ['version', 'malformed', 'early-overflow'],
    ),
    partitionsRegistered: new Gauge({
      name: 'gateway_partitions_registered',
      help: 'Partitions whose owner knows this gateway.',
      registers,
    }),
    keyReadings: fromZero(
      new Counter({
        name: 'gateway_issuer_key_readings_total',
        help: 'Readings of the issuer’s keys, from its JWKS server or the file, by outcome.',
        labelNames: ['outcome'] as const,
        registers,
      }),
      'outcome',
      ['ok', 'failed'],
    ),
    revocations: fromZero(
      new Counter({
        name: 'gateway_revocations_read_total',
        help: 'Revocations read from the journal, those that stood there at the start included.',
        labelNames: ['kind'] as const,
        registers,
      }),
      'kind',
      ['user', 'session', 'token'],
    ),
    busUp: new Gauge({ name: 'gateway_bus_up', help: '1 while the bus is connected, else 0.', registers }),
  };
}
