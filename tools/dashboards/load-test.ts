/** Load-test board: what a load test does to the fleet: offered and delivered, latency, and what a frame costs. */

import { type Board, of, type Panel, quantiles, query, rate, sum } from './board.ts';

const offered: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Connections and sessions',
    description: 'Flows open, and those whose session is open, at all gateways.',
    unit: 'short',
    queries: [
      query(sum(of('gateway_connections')), 'connections'),
      query(sum(of('gateway_sessions')), 'sessions'),
    ],
  },
  {
    draws: 'lines',
    title: 'Set-up rate',
    description: 'Sessions welcomed per second, by gateway.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_sessions_opened_total'), 'pod'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Frames in and out',
    description: 'Frames per second taken by the log, and handed to flows.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_appends_total', 'outcome="stored"')), 'in'),
      query(sum(rate('gateway_frames_delivered_total')), 'out'),
    ],
  },
];

const suffered: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Delivery latency',
    description: 'From the gateway of the sender to the socket of the receiver; of one frame in 16.',
    unit: 's',
    queries: quantiles('gateway_delivery_seconds', [0.5, 0.9, 0.99]),
    limits: { warn: 0.1, bad: 0.25 },
  },
  {
    draws: 'lines',
    title: 'Refused or failed',
    description: 'Faults against requests of clients.',
    unit: 'percentunit',
    queries: [
      query(
        `${sum(rate('gateway_faults_total'))} / ${sum(rate('gateway_requests_total'))}`,
        'faults / requests',
      ),
    ],
    limits: { warn: 0.01, bad: 0.05 },
  },
  {
    draws: 'lines',
    title: 'Event loop lag',
    description:
      'The 99th percentile of each process. A process that is late here is full, whatever its CPU says.',
    unit: 's',
    queries: [
      query(`${of('nodejs_eventloop_lag_p99_seconds')} and on (job, pod) ${of('bus_connected')}`, '{{pod}}'),
    ],
    limits: { warn: 0.1, bad: 0.5 },
  },
];

const cost: readonly Panel[] = [
  {
    draws: 'areas',
    title: 'CPU',
    description: 'Cores in use by process, one upon the other.',
    unit: 'short',
    queries: [
      query(`${rate('process_cpu_seconds_total')} and on (job, pod) ${of('bus_connected')}`, '{{pod}}'),
    ],
  },
  {
    draws: 'lines',
    title: 'CPU per frame delivered',
    description: 'CPU seconds of gateways and routers over frames delivered. The bus is not in it.',
    unit: 's',
    queries: [
      query(
        `${sum(`${rate('process_cpu_seconds_total')} and on (job, pod) ${of('bus_connected')}`)} / (${sum(rate('gateway_frames_delivered_total'))} > 0)`,
        'per frame',
      ),
    ],
  },
  {
    draws: 'lines',
    title: 'Memory per connection',
    description: 'Resident memory of all gateways over flows open.',
    unit: 'bytes',
    queries: [
      query(
        `${sum(`${of('process_resident_memory_bytes')} and on (job, pod) ${of('gateway_sockets')}`)} / (${sum(of('gateway_connections'))} > 0)`,
        'per connection',
      ),
    ],
  },
];

export const loadTestBoard: Board = {
  name: 'snowshed-load-test',
  title: 'Snowshed / Load test',
  description: 'What a load test does to the fleet: offered and delivered, latency, and what a frame costs.',
  anchor: 'bus_connected',
  rows: [
    { title: 'Offered', panels: offered },
    { title: 'How it fares', panels: suffered },
    { title: 'What it costs', panels: cost },
  ],
};
