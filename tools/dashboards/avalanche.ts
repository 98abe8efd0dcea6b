/** Avalanche board: when everybody comes back at once: who arrives, who waits, for how long, and how near the queue drains to what the machines can do. */

import { type Board, of, type Panel, quantiles, query, rate, sum } from './board.ts';

const capacity = sum(of('gateway_door_set_ups_per_second'));
const waiting = sum(of('gateway_door_waiting'));
/** Those who have said nothing yet cannot be set up. */
const mayBeSetUp = sum(of('gateway_door_waiting', 'class!="silent"'));

const now: readonly Panel[] = [
  {
    draws: 'value',
    title: 'Waiting',
    description:
      'Clients whose connection is open and whose session is not set up yet. Each is told how long it will take.',
    unit: 'short',
    queries: [query(waiting, 'waiting')],
  },
  {
    draws: 'value',
    title: 'Estimated time',
    description:
      'Until everybody who was let in is set up: the processor time that they still cost, at the gateway that has most.',
    unit: 's',
    queries: [query(`max(${of('gateway_door_work_seconds')})`, 'work')],
    limits: { warn: 5, bad: 30 },
  },
  {
    draws: 'value',
    title: 'Admitted',
    description: 'Clients per second whose set-up begins.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_door_admitted_total')), 'admitted')],
  },
  {
    draws: 'value',
    title: 'Capacity',
    description:
      'Clients per second that the fleet could set up if it did nothing else, as the gateways have measured it.',
    unit: 'cps',
    queries: [query(capacity, 'capacity')],
  },
  {
    draws: 'value',
    title: 'Gateways that listen',
    description:
      'Share of the gateways that take connections now. Who meets one that does not is refused by the kernel and comes again.',
    unit: 'percentunit',
    queries: [query(`avg(${of('gateway_door_listening', 'listener="main"')})`, 'listening')],
    max: 1,
  },
  {
    draws: 'value',
    title: 'Window of a fleet lost',
    description:
      'Over how long clients would come back if all gateways were lost now. They have been told so while they are connected.',
    unit: 's',
    queries: [query(`max(${of('gateway_spread_seconds', 'window="fleet"')})`, 'window')],
  },
];

const crowd: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Arrivals and admissions',
    description:
      'Connections accepted, opened, set-ups begun, connections closed right after they were accepted, and those whose client left while they waited, per second. While arrivals lie above, the queue grows.',
    unit: 'cps',
    queries: [
      query(sum(rate('gateway_door_arrivals_total')), 'arrivals'),
      query(sum(rate('gateway_door_opened_total')), 'opened'),
      query(sum(rate('gateway_door_admitted_total')), 'admitted'),
      query(
        sum(rate('gateway_door_dropped_total')),
        'closed at once',
        'only when more come in one turn than may wait',
      ),
      query(
        sum(rate('gateway_door_abandoned_total')),
        'left while they waited',
        'only where clients give up before their turn',
      ),
    ],
  },
  {
    draws: 'areas',
    title: 'Waiting by class',
    description:
      'Open and not set up: in a call, resuming, fresh, of clients with a short patience (stock), pretenders, and those that have said nothing yet.',
    unit: 'short',
    queries: [query(sum(of('gateway_door_waiting'), 'class'), '{{class}}')],
  },
  {
    draws: 'lines',
    title: 'Admitted by class',
    description:
      'Set-ups begun per second, by the class in which the client waited. Those in a call go first.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_door_admitted_total'), 'class'), '{{class}}')],
  },
];

const drain: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Drain against optimum',
    description:
      'Set-ups per second against the most there could be while anybody waits: what the machines could do if they did nothing else, or a ceiling for all where one is lower; and those of fresh clients against their ceiling. Near 1 nothing is wasted.',
    unit: 'percentunit',
    queries: [
      query(
        `${sum(rate('gateway_door_admitted_total'))} / (min(${capacity} or max by (kind) (${of('router_admission_ceiling', 'kind="all"')} > 0)) > 0) and ${mayBeSetUp} > 0`,
        'all',
      ),
      query(
        `${sum(rate('gateway_door_admitted_total', 'class="fresh"'))} / (max(${of('router_admission_ceiling', 'kind="fresh"')}) > 0) and ${mayBeSetUp} > 0`,
        'fresh, against their ceiling',
      ),
    ],
  },
  {
    draws: 'lines',
    title: 'Drain under way against its optimum',
    description:
      'What was admitted since the drain began, or in the last one, over what the gateways could have set up in that time if they did nothing else: of the fleet, and of each gateway. 0.95 means that the drain takes a twentieth longer than it must.',
    unit: 'percentunit',
    queries: [
      query(
        `${sum(of('gateway_door_drain_admitted'))} / (${sum(of('gateway_door_drain_allowed'))} > 0)`,
        'fleet',
      ),
      query(`${of('gateway_door_drain_admitted')} / (${of('gateway_door_drain_allowed')} > 0)`, '{{pod}}'),
    ],
  },
  {
    draws: 'lines',
    title: 'Time under way',
    description: 'How long the drain of each gateway has taken; 0 where none is under way.',
    unit: 's',
    queries: [query(of('gateway_door_drain_seconds'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Time waited',
    description: 'From a connection open to the beginning of its set-up.',
    unit: 's',
    queries: quantiles('gateway_door_wait_seconds', [0.5, 0.9, 0.99]),
    limits: { warn: 5, bad: 30 },
  },
  {
    draws: 'lines',
    title: 'Work ahead by gateway',
    description:
      'Processor time that everything accepted still costs. They should be even: waiting clients are sent on from the fullest.',
    unit: 's',
    queries: [query(of('gateway_door_work_seconds'), '{{pod}}')],
  },
];

const door: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Listening',
    description:
      '1 while a gateway listens, by listener: the one for all, and the one for those in a call, which stays at 0 where there is none.',
    unit: 'short',
    queries: [query(of('gateway_door_listening'), '{{pod}} {{listener}}')],
    max: 1,
  },
  {
    draws: 'lines',
    title: 'Times that listening stopped',
    description: 'Per second, by gateway. In an avalanche it stops and goes on many times; in calm never.',
    unit: 'cps',
    queries: [query(sum(rate('gateway_door_stops_total'), 'pod'), '{{pod}}')],
  },
  {
    draws: 'lines',
    title: 'Handshakes',
    description: 'Connections accepted whose handshake is not done, by gateway.',
    unit: 'short',
    queries: [
      query(
        of('gateway_door_handshakes'),
        '{{pod}}',
        'on loopback a handshake is over before the next scrape',
      ),
    ],
  },
];

const decisions: readonly Panel[] = [
  {
    draws: 'lines',
    title: 'Windows told',
    description:
      'Over how long clients are told to come back: after the loss of their gateway, and of the fleet.',
    unit: 's',
    queries: [query(`max by (window) (${of('gateway_spread_seconds')})`, '{{window}} lost')],
  },
  {
    draws: 'lines',
    title: 'Credits and ceilings',
    description:
      'Credits dealt per second, each for one set-up, and the ceilings in force (0: none), which protect what all gateways share.',
    unit: 'cps',
    queries: [
      query(sum(rate('router_admission_credits_total'), 'kind'), 'credits: {{kind}}'),
      query(`max by (kind) (${of('router_admission_ceiling')})`, 'ceiling: {{kind}}'),
    ],
  },
  {
    draws: 'lines',
    title: 'Sent on and shed',
    description:
      'Clients per second that were told to come later or elsewhere, as another gateway has less to do, and idle sessions closed at gateways that hold more than their part.',
    unit: 'cps',
    queries: [
      query(
        sum(rate('router_admission_moves_total')),
        'asked by routers',
        'only where gateways differ by more than half a second of work',
      ),
      query(sum(rate('gateway_sessions_shed_total')), 'shed', 'only where gateways differ by a quarter'),
    ],
  },
  {
    draws: 'lines',
    title: 'Who decides',
    description:
      'Of all routers one decides on admission; for three seconds after it died none does, and gateways go on with what they know.',
    unit: 'short',
    queries: [query(of('router_admission_deciding'), '{{pod}}')],
    max: 1,
  },
];

export const avalancheBoard: Board = {
  name: 'snowshed-avalanche',
  title: 'Snowshed / Avalanche',
  description:
    'When everybody comes back at once: who arrives, who waits, for how long, and how fast the queue drains.',
  anchor: 'bus_connected',
  rows: [
    { title: 'Now', panels: now },
    { title: 'The crowd', panels: crowd },
    { title: 'The drain', panels: drain },
    { title: 'The door', panels: door },
    { title: 'What routers decide', panels: decisions },
  ],
};
