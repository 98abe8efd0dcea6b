/** Router board: who owns which share of the partitions, how big the directory is, how far behind the log frames are handed on. */

import { type Board, of, type Panel, processPanels, quantiles, query, rate, sum } from './board.ts';

const partitions: readonly Panel[] = [
  {
    draws: 'areas',
    title: 'Partitions owned',
    description:
      'By router, one upon the other: the top is the number of partitions, a dent is a takeover under way.',
    unit: 'short',
    queries: [query(of('router_partitions_owned'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Takeovers',
    description: 'Partitions taken per second: from another router, or for the first time.',
    unit: 'cps',
    queries: [query(sum(rate('router_takeovers_total'), 'pod, from'), '{{pod}} from {{from}}')],
  },
  {
    draws: 'lines',
    title: 'Partitions given up',
    description:
      'Per second, by why: handed over to a new router, lapsed because it could not go on under its term, or lost.',
    unit: 'cps',
    queries: [query(sum(rate('router_partitions_dropped_total'), 'pod, why'), '{{pod}} {{why}}')],
  },
  {
    draws: 'lines',
    title: 'Neighbours',
    description:
      'Routers that each router takes for alive, and gateways that it has heard within three seconds.',
    unit: 'short',
    queries: [
      query(of('router_routers_live'), '{{pod}} routers'),
      query(of('router_gateways_live'), '{{pod}} gateways'),
    ],
  },
];

const directory: readonly Panel[] = [
  {
    draws: 'areas',
    title: 'Directory',
    description: 'Flows in the directory, counted once per channel that they are attached to.',
    unit: 'short',
    queries: [query(of('router_directory_attachments'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Directory operations',
    description: 'Attach, detach and state per second.',
    unit: 'cps',
    queries: [query(rate('router_directory_operations_total'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Time of an attach',
    description: 'From an attach request read to its answer written, all of its operations together.',
    unit: 's',
    queries: quantiles('router_attach_seconds', [0.5, 0.99]),
  },
  {
    draws: 'lines',
    title: 'Gateways',
    description:
      'Registrations begun, one for each partition and announcement, and gateways that fell silent, per second.',
    unit: 'cps',
    queries: [
      query(sum(rate('router_registrations_total')), 'registrations'),
      query(sum(rate('router_gateways_lost_total')), 'gateways lost'),
    ],
  },
];

const frames: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Lag behind the log',
    description:
      'From a frame stored in the log to the router handing it on; of one frame in 16. After a takeover it is as long as the partition had no owner.',
    unit: 's',
    queries: [
      ...quantiles('router_log_lag_seconds', [0.5, 0.99]),
      ...quantiles('router_log_lag_seconds', [0.99], 'pod'),
    ],
    limits: { warn: 0.1, bad: 1 },
  },
  {
    draws: 'lines',
    title: 'Frames looked up and handed on',
    description:
      'Frames per second out of the log and volatile ones, and how often they were handed on to a gateway.',
    unit: 'cps',
    queries: [
      query(sum(rate('router_frames_total'), 'kind'), '{{kind}}'),
      query(sum(rate('router_frames_forwarded_total')), 'handed on'),
    ],
  },
  {
    draws: 'lines',
    title: 'Messages to gateways',
    description:
      'Messages that the bus took, and those not sent, per second. What was not sent the gateways read from the log.',
    unit: 'cps',
    queries: [
      query(sum(rate('router_deliveries_total')), 'sent'),
      query(
        sum(rate('router_deliveries_dropped_total')),
        'not sent',
        'only while the bus is away and frames are in hand',
      ),
    ],
  },
  {
    draws: 'lines',
    title: 'Frames not handed on',
    description:
      'Per second, by reason: expired, stored after their append was given up, malformed, of a newer version.',
    unit: 'cps',
    queries: [
      query(
        sum(rate('router_frames_refused_total'), 'reason'),
        '{{reason}}',
        'the reasons other than expired are faults',
      ),
    ],
  },
  {
    draws: 'lines',
    title: 'Unreachable',
    description:
      'Frames per second that asked to be told when nobody is there: told, held until all have announced, let go.',
    unit: 'cps',
    queries: [query(sum(rate('router_unreachable_total'), 'verdict'), '{{verdict}}')],
  },
  {
    draws: 'lines',
    title: 'Presence and flows',
    description: 'Presence events delivered, and flows told that a younger one is there, per second.',
    unit: 'cps',
    queries: [
      query(sum(rate('router_presence_events_total')), 'presence events'),
      query(sum(rate('router_flows_superseded_total')), 'superseded'),
    ],
  },
];

export const routerBoard: Board = {
  name: 'snowshed-router',
  title: 'Snowshed / Router',
  description: 'Routers from within: partitions and takeovers, directory, lag behind the log.',
  anchor: 'router_partitions_owned',
  rows: [
    { title: 'Partitions', panels: partitions },
    { title: 'Directory', panels: directory },
    { title: 'Frames', panels: frames },
    { title: 'Process', panels: processPanels('router_partitions_owned') },
  ],
};
