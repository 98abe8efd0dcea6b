/** Router alerts: partitions that nobody owns, or that change owners too often, and routers that fall behind the log. */

import type { AlertGroup } from './alert.ts';

export const routerAlerts: AlertGroup = {
  name: 'snowshed-routers',
  alerts: [
    {
      name: 'SnowshedRoutersGone',
      severity: 'critical',
      holds: '1m',
      value: 'router_partitions_owned',
      condition: 'absent',
      summary: 'No router is there.',
      description:
        'Prometheus reaches no router: frames wait in the log and reach nobody, or nothing is measured any more.',
      fires: { atMinutes: 2, series: { 'gateway_sockets{pod="g1"}': '5x3' } },
      silent: { atMinutes: 2, series: { 'router_partitions_owned{pod="r1"}': '64x3' } },
    },
    {
      name: 'SnowshedPartitionsUnowned',
      severity: 'critical',
      holds: '30s',
      value: 'max by (namespace) (router_partitions) - sum by (namespace) (router_partitions_owned)',
      condition: '> 0',
      summary: 'Partitions have no router.',
      description:
        '{{ $value }} partitions in {{ $labels.namespace }} have no owner: their frames wait in the log. A takeover takes 5 s.',
      fires: {
        atMinutes: 3,
        series: { 'router_partitions{pod="r1"}': '64x5', 'router_partitions_owned{pod="r1"}': '32x5' },
      },
      silent: {
        atMinutes: 3,
        series: {
          'router_partitions{pod="r1"}': '64x5',
          'router_partitions_owned{pod="r1"}': '32x5',
          'router_partitions_owned{pod="r2"}': '32x5',
        },
      },
    },
    {
      name: 'SnowshedTakeoversMany',
      severity: 'warning',
      holds: '0m',
      value:
        'sum by (namespace) (increase(router_takeovers_total{from="router"}[15m])) / max by (namespace) (router_partitions)',
      condition: '> 3',
      summary: 'Partitions change owners again and again.',
      description:
        'Each partition in {{ $labels.namespace }} was taken over {{ $value | humanize }} times within a quarter of an hour. Each time its frames stop for a moment.',
      fires: {
        atMinutes: 15,
        series: {
          'router_takeovers_total{pod="r1", from="router"}': '0+32x20',
          'router_partitions{pod="r1"}': '64x20',
        },
      },
      silent: {
        atMinutes: 15,
        series: {
          'router_takeovers_total{pod="r1", from="router"}': '0 32 64 64x17',
          'router_partitions{pod="r1"}': '64x20',
        },
      },
    },
    {
      name: 'SnowshedRouterBehind',
      severity: 'warning',
      holds: '5m',
      value:
        'histogram_quantile(0.99, sum by (namespace, pod, le) (rate(router_log_lag_seconds_bucket[5m])))',
      condition: '> 1',
      summary: 'A router is behind the log.',
      description:
        '{{ $labels.pod }} hands frames on {{ $value | humanizeDuration }} after they were stored (99th percentile).',
      fires: {
        atMinutes: 12,
        series: {
          'router_log_lag_seconds_bucket{pod="r1", le="1"}': '0+90x15',
          'router_log_lag_seconds_bucket{pod="r1", le="5"}': '0+100x15',
          'router_log_lag_seconds_bucket{pod="r1", le="+Inf"}': '0+100x15',
        },
      },
      silent: {
        atMinutes: 12,
        series: {
          'router_log_lag_seconds_bucket{pod="r1", le="1"}': '0+100x15',
          'router_log_lag_seconds_bucket{pod="r1", le="5"}': '0+100x15',
          'router_log_lag_seconds_bucket{pod="r1", le="+Inf"}': '0+100x15',
        },
      },
    },
    {
      name: 'SnowshedDeliveriesDropped',
      severity: 'warning',
      holds: '5m',
      value:
        'sum by (namespace) (rate(router_deliveries_dropped_total[5m])) / sum by (namespace) (rate(router_deliveries_total[5m]))',
      condition: '> 0.01',
      summary: 'Routers cannot hand frames to gateways.',
      description:
        '{{ $value | humanizePercentage }} of the messages to gateways in {{ $labels.namespace }} are not sent. Gateways read the frames from the log instead, which is slower.',
      quiet: 'only while the bus is away and frames are in hand',
      fires: {
        atMinutes: 12,
        series: {
          'router_deliveries_dropped_total{pod="r1"}': '0+5x15',
          'router_deliveries_total{pod="r1"}': '0+100x15',
        },
      },
      silent: {
        atMinutes: 12,
        series: {
          'router_deliveries_dropped_total{pod="r1"}': '3x15',
          'router_deliveries_total{pod="r1"}': '0+100x15',
        },
      },
    },
    {
      name: 'SnowshedVersionsMixed',
      severity: 'warning',
      holds: '5m',
      value:
        'sum by (namespace, reason) (rate(router_frames_refused_total{reason=~"version|malformed"}[5m]))',
      condition: '> 0',
      summary: 'Processes do not understand one another.',
      description:
        'Routers in {{ $labels.namespace }} refuse {{ $value | humanize }} frames per second as {{ $labels.reason }}: some process is of a newer version, or somebody else writes to the log.',
      quiet: 'all processes of the test are of one version',
      fires: {
        atMinutes: 12,
        series: { 'router_frames_refused_total{pod="r1", reason="version"}': '0+3x15' },
      },
      silent: {
        atMinutes: 12,
        series: {
          'router_frames_refused_total{pod="r1", reason="version"}': '0x15',
          'router_frames_refused_total{pod="r1", reason="expired"}': '0+3x15',
        },
      },
    },
  ],
};
