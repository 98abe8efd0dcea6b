/** Door alerts: clients that are not let in, or wait for long, or wait although the machines could do more. */

import type { AlertGroup } from './alert.ts';

export const doorAlerts: AlertGroup = {
  name: 'snowshed-door',
  alerts: [
    {
      name: 'SnowshedDoorShut',
      severity: 'critical',
      holds: '5m',
      value: 'avg by (namespace) (avg_over_time(gateway_door_listening{listener="main"}[5m]))',
      condition: '< 0.5',
      summary: 'Gateways mostly do not listen.',
      description:
        'Over five minutes gateways in {{ $labels.namespace }} listened {{ $value | humanizePercentage }} of the time: they are full, or more clients come than they can set up.',
      fires: {
        atMinutes: 12,
        series: {
          'gateway_door_listening{pod="g1", listener="main"}': '0x15',
          'gateway_door_listening{pod="g2", listener="main"}': '0 0 1 0 0 0 0 0 1 0 0 0 0 0 0',
        },
      },
      silent: {
        atMinutes: 12,
        series: {
          'gateway_door_listening{pod="g1", listener="main"}': '1 0 1 1 1 0 1 1 1 1 1 1 1 1 1',
          'gateway_door_listening{pod="g1", listener="call"}': '0x15',
        },
      },
    },
    {
      name: 'SnowshedWaitLong',
      severity: 'warning',
      holds: '1m',
      value: 'max by (namespace) (gateway_door_work_seconds)',
      condition: '> 60',
      summary: 'Clients wait for more than a minute.',
      description:
        'Whoever came last to the fullest gateway in {{ $labels.namespace }} waits {{ $value | humanizeDuration }} for its session.',
      fires: { atMinutes: 4, series: { 'gateway_door_work_seconds{pod="g1"}': '90x5' } },
      silent: { atMinutes: 4, series: { 'gateway_door_work_seconds{pod="g1"}': '90 20 5 1 0 0' } },
    },
    {
      name: 'SnowshedDrainSlow',
      severity: 'warning',
      holds: '2m',
      value:
        'sum by (namespace) (rate(gateway_door_admitted_total[2m])) / min by (namespace) (sum by (namespace) (gateway_door_set_ups_per_second) or max by (namespace, kind) (router_admission_ceiling > 0))',
      condition: '< 0.5 and on (namespace) sum by (namespace) (gateway_door_waiting{class!="silent"}) > 100',
      summary: 'Clients wait although gateways could do more.',
      description:
        'Clients wait in {{ $labels.namespace }}, and are set up at {{ $value | humanizePercentage }} of the pace that gateways and ceilings allow: something else holds them back.',
      fires: {
        atMinutes: 6,
        series: {
          'gateway_door_admitted_total{pod="g1", class="resume"}': '0+6000x8',
          'gateway_door_set_ups_per_second{pod="g1"}': '5000x8',
          'gateway_door_waiting{pod="g1", class="resume"}': '4000x8',
        },
      },
      silent: {
        atMinutes: 6,
        series: {
          'gateway_door_admitted_total{pod="g1", class="fresh"}': '0+6000x8',
          'gateway_door_set_ups_per_second{pod="g1"}': '5000x8',
          'router_admission_ceiling{pod="r1", kind="fresh"}': '100x8',
          'router_admission_ceiling{pod="r1", kind="all"}': '0x8',
          'gateway_door_waiting{pod="g1", class="fresh"}': '4000x8',
        },
      },
    },
    {
      name: 'SnowshedAdmissionUndecided',
      severity: 'warning',
      holds: '1m',
      value: 'sum by (namespace) (router_admission_deciding)',
      condition: '!= 1',
      summary: 'Not exactly one router decides on admission.',
      description:
        '{{ $value }} routers in {{ $labels.namespace }} decide on admission. Gateways go on with what they were told last.',
      fires: {
        atMinutes: 3,
        series: {
          'router_admission_deciding{pod="r1"}': '0x5',
          'router_admission_deciding{pod="r2"}': '0x5',
        },
      },
      silent: {
        atMinutes: 3,
        series: {
          'router_admission_deciding{pod="r1"}': '1x5',
          'router_admission_deciding{pod="r2"}': '0x5',
        },
      },
    },
  ],
};
