/** Service alerts: what callers notice: no gateway, slow delivery, refusals, gaps; and one gateway with too much. */

import type { AlertGroup } from './alert.ts';

export const serviceAlerts: AlertGroup = {
  name: 'snowshed-service',
  alerts: [
    {
      name: 'SnowshedGatewaysGone',
      severity: 'critical',
      holds: '1m',
      value: 'gateway_sockets',
      condition: 'absent',
      summary: 'No gateway is there.',
      description: 'Prometheus reaches no gateway: nobody can connect, or nothing is measured any more.',
      fires: { atMinutes: 2, series: { 'router_partitions_owned{pod="r1"}': '64x3' } },
      silent: { atMinutes: 2, series: { 'gateway_sockets{pod="g1"}': '5x3' } },
    },
    {
      name: 'SnowshedDeliverySlow',
      severity: 'warning',
      holds: '5m',
      value: 'histogram_quantile(0.99, sum by (namespace, le) (rate(gateway_delivery_seconds_bucket[5m])))',
      condition: '> 0.25',
      summary: 'Frames take long from sender to receiver.',
      description:
        'One frame in a hundred needs more than {{ $value | humanizeDuration }} from the gateway of its sender to the socket of its receiver in {{ $labels.namespace }}.',
      fires: {
        atMinutes: 12,
        series: {
          'gateway_delivery_seconds_bucket{pod="g1", le="0.25"}': '0+90x15',
          'gateway_delivery_seconds_bucket{pod="g1", le="1"}': '0+100x15',
          'gateway_delivery_seconds_bucket{pod="g1", le="+Inf"}': '0+100x15',
        },
      },
      silent: {
        atMinutes: 12,
        series: {
          'gateway_delivery_seconds_bucket{pod="g1", le="0.25"}': '0+1000x15',
          'gateway_delivery_seconds_bucket{pod="g1", le="1"}': '0+1001x15',
          'gateway_delivery_seconds_bucket{pod="g1", le="+Inf"}': '0+1001x15',
        },
      },
    },
    {
      name: 'SnowshedFaultsMany',
      severity: 'warning',
      holds: '10m',
      value:
        'sum by (namespace) (rate(gateway_faults_total[5m])) / sum by (namespace) (rate(gateway_requests_total[5m]))',
      condition: '> 0.05 and on (namespace) sum by (namespace) (rate(gateway_faults_total[5m])) > 0.05',
      summary: 'Many requests of clients are refused.',
      description:
        '{{ $value | humanizePercentage }} of what clients ask in {{ $labels.namespace }} is answered by a fault. The fleet board tells which.',
      fires: {
        atMinutes: 18,
        series: {
          'gateway_faults_total{pod="g1", fault="TOKEN_EXPIRED"}': '0+10x20',
          'gateway_requests_total{pod="g1", op="send"}': '0+100x20',
        },
      },
      silent: {
        atMinutes: 18,
        series: {
          'gateway_faults_total{pod="g1", fault="TOKEN_EXPIRED"}': '0+1x20',
          'gateway_requests_total{pod="g1", op="send"}': '0+100x20',
        },
      },
      calm: {
        atMinutes: 18,
        series: {
          'gateway_faults_total{pod="g1", fault="ORIGIN_REFUSED"}': '0+1x20',
          'gateway_requests_total{pod="g1", op="send"}': '7x20',
        },
      },
    },
    {
      name: 'SnowshedGaps',
      severity: 'warning',
      holds: '10m',
      value:
        'sum by (namespace) (rate(gateway_gaps_total[10m])) / sum by (namespace) (rate(gateway_sessions_opened_total{how="resumed"}[10m]))',
      condition: '> 0.01',
      summary: 'Sessions that come back have missed frames.',
      description:
        '{{ $value | humanizePercentage }} of the resumed sessions in {{ $labels.namespace }} were told a gap: what they missed is not in the log any more.',
      fires: {
        atMinutes: 25,
        series: {
          'gateway_gaps_total{pod="g1"}': '0+5x30',
          'gateway_sessions_opened_total{pod="g1", how="resumed"}': '0+100x30',
        },
      },
      silent: {
        atMinutes: 25,
        series: {
          'gateway_gaps_total{pod="g1"}': '0+0x30',
          'gateway_sessions_opened_total{pod="g1", how="resumed"}': '0+100x30',
        },
      },
    },
    {
      name: 'SnowshedImbalance',
      severity: 'warning',
      holds: '15m',
      value:
        'max by (namespace) (sum by (namespace, pod) (gateway_connections)) / avg by (namespace) (sum by (namespace, pod) (gateway_connections))',
      condition: '> 1.5 and on (namespace) sum by (namespace) (gateway_connections) > 1000',
      summary: 'One gateway carries far more than the others.',
      description:
        'The fullest gateway in {{ $labels.namespace }} has {{ $value | humanize }} times the connections of the mean. Its loss would bring so many more back at once.',
      fires: {
        atMinutes: 20,
        series: {
          'gateway_connections{pod="g1", dialect="native"}': '9000x25',
          'gateway_connections{pod="g2", dialect="native"}': '1000x25',
        },
      },
      silent: {
        atMinutes: 20,
        series: {
          'gateway_connections{pod="g1", dialect="native"}': '90x25',
          'gateway_connections{pod="g2", dialect="native"}': '10x25',
        },
      },
    },
  ],
};
