/** Process alerts: a gateway or router that is late, full, restarts again and again, or is cut off from the others. */

import type { AlertGroup } from './alert.ts';

export const processAlerts: AlertGroup = {
  name: 'snowshed-processes',
  alerts: [
    {
      name: 'SnowshedEventLoopLate',
      severity: 'warning',
      holds: '5m',
      value: 'nodejs_eventloop_lag_p99_seconds and on (instance) bus_connected',
      condition: '> 0.2',
      summary: 'A process cannot keep up.',
      description:
        'The event loop of {{ $labels.pod }} is late by {{ $value | humanizeDuration }} (99th percentile): every frame through it waits as long.',
      fires: {
        atMinutes: 8,
        series: {
          'nodejs_eventloop_lag_p99_seconds{instance="a", pod="g1"}': '0.4x10',
          'bus_connected{instance="a", pod="g1"}': '1x10',
        },
      },
      silent: {
        atMinutes: 8,
        series: {
          'nodejs_eventloop_lag_p99_seconds{instance="a", pod="g1"}': '0.02x10',
          'nodejs_eventloop_lag_p99_seconds{instance="b", pod="somebody-else"}': '9x10',
          'bus_connected{instance="a", pod="g1"}': '1x10',
        },
      },
    },
    {
      name: 'SnowshedRestarts',
      severity: 'warning',
      holds: '0m',
      value: 'changes(process_start_time_seconds[15m]) and on (instance) bus_connected',
      condition: '> 2',
      summary: 'A process restarts again and again.',
      description: '{{ $labels.pod }} started {{ $value }} times within a quarter of an hour.',
      quiet: 'processes of the test start once',
      fires: {
        atMinutes: 15,
        series: {
          'process_start_time_seconds{instance="a", pod="g1"}': '1 2 2 2 3 3 4 4 5 5 5 5 5 5 5 5',
          'bus_connected{instance="a", pod="g1"}': '1x20',
        },
      },
      silent: {
        atMinutes: 15,
        series: {
          'process_start_time_seconds{instance="a", pod="g1"}': '1 1 1 1 1 2 2 2 2 2 2 2 2 2 2 2',
          'bus_connected{instance="a", pod="g1"}': '1x20',
        },
      },
    },
    {
      name: 'SnowshedFileDescriptors',
      severity: 'warning',
      holds: '5m',
      value: 'process_open_fds / process_max_fds and on (instance) bus_connected',
      condition: '> 0.85',
      summary: 'A process runs out of file descriptors.',
      description:
        '{{ $labels.pod }} has {{ $value | humanizePercentage }} of its file descriptors open. Each connection takes one.',
      fires: {
        atMinutes: 8,
        series: {
          'process_open_fds{instance="a", pod="g1"}': '950x10',
          'process_max_fds{instance="a", pod="g1"}': '1000x10',
          'bus_connected{instance="a", pod="g1"}': '1x10',
        },
      },
      silent: {
        atMinutes: 8,
        series: {
          'process_open_fds{instance="a", pod="g1"}': '500x10',
          'process_max_fds{instance="a", pod="g1"}': '1000x10',
          'bus_connected{instance="a", pod="g1"}': '1x10',
        },
      },
    },
    {
      name: 'SnowshedSlowConsumers',
      severity: 'warning',
      holds: '10m',
      value:
        '60 * sum by (namespace) (rate(gateway_faults_total{fault="SLOW_CONSUMER"}[5m])) / sum by (namespace) (gateway_sessions)',
      condition: '> 0.01',
      summary: 'Many clients do not take what is sent to them.',
      description:
        '{{ $value | humanizePercentage }} of the sessions in {{ $labels.namespace }} are closed each minute because their outbox is full.',
      fires: {
        atMinutes: 18,
        series: {
          'gateway_faults_total{pod="g1", fault="SLOW_CONSUMER"}': '0+30x20',
          'gateway_sessions{pod="g1"}': '1000x20',
        },
      },
      silent: {
        atMinutes: 18,
        series: {
          'gateway_faults_total{pod="g1", fault="SLOW_CONSUMER"}': '0+1x20',
          'gateway_sessions{pod="g1"}': '1000x20',
        },
      },
    },
    {
      name: 'SnowshedGatewayUnregistered',
      severity: 'warning',
      holds: '1m',
      value:
        'gateway_partitions_registered / on (namespace) group_left () max by (namespace) (router_partitions)',
      condition: '< 1',
      summary: 'Routers do not know a gateway.',
      description:
        'Only {{ $value | humanizePercentage }} of the partitions know {{ $labels.pod }}: its sessions get some frames late, out of the log.',
      fires: {
        atMinutes: 4,
        series: { 'gateway_partitions_registered{pod="g1"}': '60x5', 'router_partitions{pod="r1"}': '64x5' },
      },
      silent: {
        atMinutes: 4,
        series: { 'gateway_partitions_registered{pod="g1"}': '64x5', 'router_partitions{pod="r1"}': '64x5' },
      },
    },
    {
      name: 'SnowshedIssuerKeysUnread',
      severity: 'warning',
      holds: '15m',
      value: 'sum by (namespace, pod) (rate(gateway_issuer_key_readings_total{outcome="failed"}[10m]))',
      condition: '> 0',
      summary: 'A gateway cannot read the keys of the issuer.',
      description:
        '{{ $labels.pod }} reads the keys of the issuer in vain. Tokens under known keys are taken; those under new ones are refused.',
      fires: {
        atMinutes: 35,
        series: { 'gateway_issuer_key_readings_total{pod="g1", outcome="failed"}': '0+1x40' },
      },
      silent: {
        atMinutes: 35,
        series: {
          'gateway_issuer_key_readings_total{pod="g1", outcome="failed"}': '0 0 1 1x37',
          'gateway_issuer_key_readings_total{pod="g1", outcome="ok"}': '0+1x40',
        },
      },
    },
  ],
};
