/** Fleet board: whether the service is well, on one page; where it is not, the other boards say why. */

import { type Board, of, type Panel, quantiles, query, rate, sum } from './board.ts';

const now: readonly Panel[] = [
  {
    draws: 'value',
    title: 'Connections',
    description: 'Flows open now, at all gateways.',
    unit: 'short',
    queries: [query(sum(of('gateway_connections')), 'connections')],
  },
  {
    draws: 'value',
    title: 'Sessions',
    description: 'Flows whose session is open now. Far below the connections: many are still being set up.',
    unit: 'short',
    queries: [query(sum(of('gateway_sessions')), 'sessions')],
  },
  {
    draws: 'value',
    title: 'Gateways',
    description: 'Gateways that Prometheus reaches.',
    unit: 'short',
    queries: [query(`count(${of('gateway_sockets')})`, 'gateways')],
  },
  {
    draws: 'value',
    title: 'Routers',
    description: 'Routers that Prometheus reaches.',
    unit: 'short',
    queries: [query(`count(${of('router_partitions_owned')})`, 'routers')],
  },
  {
    draws: 'value',
    title: 'Partitions without an owner',
    description: 'Their frames wait in the log. More than zero for longer than five seconds is a fault.',
    unit: 'short',
    queries: [
      query(`max(${of('router_partitions')}) - ${sum(of('router_partitions_owned'))}`, 'without an owner'),
    ],
    limits: { warn: 1, bad: 1 },
  },
  {
    draws: 'value',
    title: 'Bus connected',
    description: 'Share of gateways and routers that are connected to NATS.',
    unit: 'percentunit',
    queries: [query(`avg(${of('bus_connected')})`, 'connected')],
    max: 1,
  },
];

const traffic: readonly Panel[] = [
  {
    draws: 'areas',
    title: 'Connections by gateway',
    description: 'Flows open, by gateway.',
    unit: 'short',
    queries: [query(sum(of('gateway_connections'), 'pod'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Sessions welcomed',
    description:
      'Sessions opened per second: fresh ones, and resumed ones, which come after a lost connection.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_sessions_opened_total'), 'how'), '{{how}}')],
  },
  {
    draws: 'lines',
    title: 'Frames',
    description:
      'Frames per second: taken from clients by the log, volatile ones, and handed to flows, counted once for each flow.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_appends_total', 'outcome="stored"')), 'into the log'),
      query(sum(rate('gateway_volatile_total')), 'volatile'),
      query(sum(rate('gateway_frames_delivered_total')), 'delivered'),
    ],
  },
];

const quality: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Delivery latency',
    description:
      'From a frame stamped at its sender’s gateway to its bytes handed to the socket of the receiver; of one frame in 16.',
    unit: 's',
    queries: quantiles('gateway_delivery_seconds', [0.5, 0.95, 0.99]),
    limits: { warn: 0.1, bad: 0.25 },
  },
  {
    draws: 'lines',
    title: 'Faults',
    description: 'Mistakes and refusals per second by the code of the fault table (docs/faults.md).',
    unit: 'cps',
    queries: [query(`${sum(rate('gateway_faults_total'), 'fault')} > 0`, '{{fault}}')],
  },
  {
    draws: 'lines',
    title: 'Not delivered',
    description:
      'Gaps told to clients, and frames that arrived past their time to live, per second. Both are said to the client or asked for by it.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_gaps_total')), 'gaps'),
      query(sum(rate('router_frames_refused_total', 'reason="expired"')), 'expired at the router'),
      query(
        sum(rate('gateway_frames_expired_total')),
        'expired at the gateway',
        'routers leave them out before',
      ),
    ],
  },
];

const balance: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Imbalance of connections',
    description: 'The fullest gateway against the mean. 1 is even; past 1.25 one gateway carries too much.',
    unit: 'none',
    queries: [
      query(
        `max(${sum(of('gateway_connections'), 'pod')}) / avg(${sum(of('gateway_connections'), 'pod')})`,
        'max / mean',
      ),
    ],
    limits: { warn: 1.25, bad: 2 },
  },
  {
    draws: 'lines',
    title: 'CPU',
    description: 'Cores in use by process.',
    unit: 'short',
    queries: [
      query(`${rate('process_cpu_seconds_total')} and on (job, pod) ${of('bus_connected')}`, '{{pod}}'),
    ],
    limits: { warn: 0.7, bad: 0.9 },
  },
  {
    draws: 'lines',
    title: 'Partitions by router',
    description: 'Partitions owned, by router: they share them evenly, and a new one takes its part at once.',
    unit: 'short',
    queries: [query(of('router_partitions_owned'), '{{pod}}')],
  },
];

const admission: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Gateways that listen',
    description:
      'Share of the gateways that take connections now. In an avalanche they stop for moments, so that nobody waits in vain.',
    unit: 'percentunit',
    queries: [query(`avg(${of('gateway_door_listening', 'listener="main"')})`, 'listening')],
    max: 1,
  },
  {
    draws: 'lines',
    title: 'Clients that wait',
    description: 'Open, and not set up yet. The avalanche board says for how long and why.',
    unit: 'short',
    queries: [query(sum(of('gateway_door_waiting')), 'waiting')],
  },
  {
    draws: 'lines',
    title: 'Set-ups and capacity',
    description: 'Set-ups begun per second, and how many the fleet could do if it did nothing else.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_door_admitted_total')), 'admitted'),
      query(sum(of('gateway_door_set_ups_per_second')), 'capacity'),
    ],
  },
];

export const fleetBoard: Board = {
  name: 'snowshed-fleet',
  title: 'Snowshed / Fleet',
  description: 'Whether the service is well: connections, frames, faults, latency, balance.',
  anchor: 'bus_connected',
  rows: [
    { title: 'Now', panels: now },
    { title: 'Traffic', panels: traffic },
    { title: 'Quality', panels: quality },
    { title: 'Balance', panels: balance },
    { title: 'Admission', panels: admission },
  ],
};
