/** Bus board: NATS as gateways and routers see it: connections, appends to the log and their time, reads, repairs. */

import { type Board, of, type Panel, quantiles, query, rate, sum } from './board.ts';

const connection: readonly Panel[] = [
  {
    draws: 'value',
    title: 'Connected',
    description: 'Share of the processes that are connected to the bus.',
    unit: 'percentunit',
    queries: [query(`avg(${of('bus_connected')})`, 'connected')],
    max: 1,
  },
  {
    draws: 'lines',
    title: 'Connected, by process',
    description:
      '1 while the process is connected to the bus. Client connections stay up meanwhile; senders are told to repeat.',
    unit: 'short',
    queries: [query(of('bus_connected'), '{{pod}}')],
    max: 1,
  },
  {
    draws: 'lines',
    title: 'Reconnects',
    description:
      'Connections to the bus made again after one was lost, per second. All processes at once: a node of the bus went.',
    unit: 'cps',
    queries: [query(rate('bus_reconnects_total'), '{{pod}}')],
  },
];

const appends: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Appends by outcome',
    description:
      'Answers of the log per second: stored, a repeat of one stored before, refused because it is full, undecided.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_appends_total'), 'outcome'), '{{outcome}}')],
  },
  {
    draws: 'lines',
    title: 'Undecided appends',
    description:
      'Appends without a usable answer per second, by process; the frame is repeated under the same id until its time has passed.',
    unit: 'cps',
    queries: [query(rate('bus_appends_undecided_total'), '{{pod}}', 'routers append nothing')],
  },
  {
    draws: 'lines',
    title: 'Time of an append',
    description:
      'From a frame handed to the log to its answer; of one frame in 16. Replication and the disks of the bus are in it.',
    unit: 's',
    queries: quantiles('gateway_append_seconds', [0.5, 0.99]),
    limits: { warn: 0.05, bad: 0.5 },
  },
];

const stream = 'max by (stream)';
const streams: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Fill of the log',
    description:
      'Bytes in each stream of the log against its bound. Past it frames are refused as LOG_FULL; nothing is evicted.',
    unit: 'percentunit',
    queries: [query(`${stream} (${of('bus_stream_bytes')} / ${of('bus_stream_bytes_max')})`, '{{stream}}')],
    limits: { warn: 0.7, bad: 0.9 },
    max: 1,
  },
  {
    draws: 'areas',
    title: 'Messages in the streams',
    description:
      'Frames alive in the log, by stream; leases, settings and the journal of revocations beside them.',
    unit: 'short',
    queries: [query(`${stream} (${of('bus_stream_messages')})`, '{{stream}}')],
  },
  {
    draws: 'lines',
    title: 'Copies of the streams',
    description:
      'Copies that are there and not behind, by stream, and the smallest number that is configured.',
    unit: 'short',
    queries: [
      query(`min by (stream) (${of('bus_stream_replicas')})`, '{{stream}}'),
      query(`min(${of('bus_stream_replicas_configured')})`, 'configured'),
    ],
  },
];

const following: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Stored and followed',
    description:
      'Frames per second that gateways appended, and that routers followed. They lie upon one another, but for a takeover, which follows 30 s again.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_appends_total', 'outcome="stored"')), 'stored'),
      query(sum(rate('router_frames_total', 'kind="logged"')), 'followed'),
    ],
  },
  {
    draws: 'lines',
    title: 'Lag behind the log',
    description: 'From a frame stored to a router handing it on; of one frame in 16.',
    unit: 's',
    queries: quantiles('router_log_lag_seconds', [0.5, 0.99]),
    limits: { warn: 0.1, bad: 1 },
  },
  {
    draws: 'lines',
    title: 'Consumers made anew',
    description:
      'Per second, by why the one before was given up: a hole in its numbers, silence, a refusal, a reconnect.',
    unit: 'cps',
    queries: [query(sum(rate('bus_follow_restarts_total'), 'reason'), '{{reason}}')],
  },
  {
    draws: 'lines',
    title: 'Pages read from the log',
    description: 'Reads of gateways per second, for sessions that came back behind the present.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_log_reads_total')), 'pages')],
  },
  {
    draws: 'lines',
    title: 'Messages of strangers',
    description:
      'Messages in the log’s streams that name no channel, per second. Somebody else writes to these subjects.',
    unit: 'cps',
    queries: [query(sum(rate('bus_foreign_messages_total')), 'foreign', 'nobody else writes to the streams')],
  },
];

export const busBoard: Board = {
  name: 'snowshed-bus',
  title: 'Snowshed / Bus',
  description:
    'NATS as gateways and routers see it. The servers themselves are on the boards that come with their exporter.',
  anchor: 'bus_connected',
  rows: [
    { title: 'Connection', panels: connection },
    { title: 'Into the log', panels: appends },
    { title: 'Out of the log', panels: following },
    { title: 'Streams', panels: streams },
  ],
};
