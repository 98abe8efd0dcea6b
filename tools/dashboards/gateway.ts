/** Gateway board: one gateway or several from within: connections, outboxes, event loop, what it asks of routers and log. */

import { type Board, of, type Panel, processPanels, quantiles, query, rate, sum } from './board.ts';

const connections: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Sockets, connections, sessions',
    description:
      'TCP connections, flows among them that have sent a request, and flows whose session is open. They lie apart while clients are being set up.',
    unit: 'short',
    queries: [
      query(of('gateway_sockets'), '{{pod}} sockets'),
      query(sum(of('gateway_connections'), 'pod'), '{{pod}} connections'),
      query(of('gateway_sessions'), '{{pod}} sessions'),
    ],
  },
  {
    draws: 'lines',
    title: 'Connections by dialect',
    description: 'Flows open, by the protocol that they speak.',
    unit: 'short',
    queries: [query(sum(of('gateway_connections'), 'dialect'), '{{dialect}}')],
  },
  {
    draws: 'lines',
    title: 'Memory per connection',
    description:
      'Resident memory over flows open. It falls as a gateway fills, since the process itself needs some 100 MB; a rise at a steady number is a leak.',
    unit: 'bytes',
    queries: [
      query(
        `${sum(of('process_resident_memory_bytes'), 'pod')} / (${sum(of('gateway_connections'), 'pod')} > 0)`,
        '{{pod}}',
      ),
    ],
  },
  {
    draws: 'lines',
    title: 'File descriptors',
    description: 'Open ones against the limit of the process. Each connection takes one.',
    unit: 'percentunit',
    queries: [
      query(
        `${of('process_open_fds')} / ${of('process_max_fds')} and on (job, pod) ${of('gateway_sockets')}`,
        '{{pod}}',
      ),
    ],
    limits: { warn: 0.7, bad: 0.85 },
    max: 1,
  },
];

const outboxes: readonly Panel[] = [
  {
    draws: 'areas',
    title: 'Outboxes',
    description: 'Bytes that clients have not taken yet, at the moment of the scrape, of all flows together.',
    unit: 'bytes',
    queries: [query(of('gateway_outbox_bytes'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Largest outbox',
    description:
      'Of the flow that has most. Past GATEWAY_OUTBOX_BYTES_MAX (256 KiB by default) it is closed.',
    unit: 'bytes',
    queries: [query(of('gateway_outbox_largest_bytes'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Slow consumers',
    description: 'Flows closed per second because their client did not take what was sent. It may resume.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_faults_total', 'fault="SLOW_CONSUMER"'), 'pod'), '{{pod}}')],
  },
];

const work: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Requests',
    description: 'Requests of clients per second, by operation.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_requests_total'), 'op'), '{{op}}')],
  },
  {
    draws: 'lines',
    title: 'Frames handed to flows',
    description: 'Per second, by gateway, counted once for each flow.',
    unit: 'cps',
    queries: [query(rate('gateway_frames_delivered_total'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Faults',
    description: 'Mistakes and refusals per second, by gateway and code.',
    unit: 'cps',
    queries: [query(`${sum(rate('gateway_faults_total'), 'pod, fault')} > 0`, '{{pod}} {{fault}}')],
  },
  {
    draws: 'lines',
    title: 'Delivery latency by gateway',
    description: 'The 99th percentile, of the frames that went out here.',
    unit: 's',
    queries: quantiles('gateway_delivery_seconds', [0.99], 'pod'),
    limits: { warn: 0.1, bad: 0.25 },
  },
];

const neighbours: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Partitions registered',
    description:
      'Partitions whose owner knows this gateway. Fewer than there are: some frames come late, out of the log.',
    unit: 'short',
    queries: [query(of('gateway_partitions_registered'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Announcements',
    description:
      'Partitions announced anew per second, by cause. A takeover announces a router’s share once.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_announcements_total'), 'cause'), '{{cause}}')],
  },
  {
    draws: 'lines',
    title: 'Pages read from the log',
    description: 'Reads per second for sessions that came back behind the present.',
    unit: 'cps',
    queries: [query(rate('gateway_log_reads_total'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Keys and revocations',
    description: 'Readings of the issuer’s keys by outcome, and revocations read, per second.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_issuer_key_readings_total'), 'outcome'), 'keys: {{outcome}}'),
      query(sum(rate('gateway_revocations_read_total'), 'kind'), 'revoked: {{kind}}'),
    ],
  },
];

export const gatewayBoard: Board = {
  name: 'snowshed-gateway',
  title: 'Snowshed / Gateway',
  description:
    'Gateways from within: connections, outboxes, event loop, memory, what they ask of routers and log.',
  anchor: 'gateway_sockets',
  rows: [
    { title: 'Connections', panels: connections },
    { title: 'Outboxes', panels: outboxes },
    { title: 'Process', panels: processPanels('gateway_sockets') },
    { title: 'Work', panels: work },
    { title: 'Routers, log, issuer', panels: neighbours },
  ],
};
