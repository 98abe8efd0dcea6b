/** Bus alerts: NATS away, unsteady, slow or full, as gateways and routers see it. */

import type { AlertGroup } from './alert.ts';

export const busAlerts: AlertGroup = {
  name: 'snowshed-bus',
  alerts: [
    {
      name: 'SnowshedBusAway',
      severity: 'critical',
      holds: '30s',
      value: 'bus_connected',
      condition: '== 0',
      summary: 'A process has lost the bus.',
      description:
        '{{ $labels.pod }} is not connected to NATS. Connections of clients stay; what they send is refused with the word to repeat it.',
      fires: { atMinutes: 3, series: { 'bus_connected{pod="g1"}': '0x5' } },
      silent: { atMinutes: 3, series: { 'bus_connected{pod="g1"}': '1x5' } },
    },
    {
      name: 'SnowshedBusUnsteady',
      severity: 'warning',
      holds: '0m',
      value: 'increase(bus_reconnects_total[30m])',
      condition: '> 3',
      summary: 'A process loses the bus again and again.',
      description:
        '{{ $labels.pod }} connected to NATS anew {{ $value | humanize }} times within half an hour.',
      fires: { atMinutes: 30, series: { 'bus_reconnects_total{pod="g1"}': '0 0 1 2 3 3 4 4 5 5 6 6x30' } },
      silent: { atMinutes: 30, series: { 'bus_reconnects_total{pod="g1"}': '0 0 0 1 1 1 1 1x30' } },
    },
    {
      name: 'SnowshedAppendsUndecided',
      severity: 'warning',
      holds: '5m',
      value:
        'sum by (namespace) (rate(bus_appends_undecided_total[5m])) / sum by (namespace) (rate(gateway_appends_total[5m]))',
      condition: '> 0.01',
      summary: 'The log does not answer in time.',
      description:
        '{{ $value | humanizePercentage }} of the appends in {{ $labels.namespace }} get no usable answer and are repeated.',
      fires: {
        atMinutes: 12,
        series: {
          'bus_appends_undecided_total{pod="g1"}': '0+5x15',
          'gateway_appends_total{pod="g1", outcome="stored"}': '0+100x15',
        },
      },
      silent: {
        atMinutes: 12,
        series: {
          'bus_appends_undecided_total{pod="g1"}': '0 0 40 40x12',
          'gateway_appends_total{pod="g1", outcome="stored"}': '0+1000x15',
        },
      },
    },
    {
      name: 'SnowshedLogFull',
      severity: 'critical',
      holds: '1m',
      value: 'sum by (namespace) (rate(gateway_appends_total{outcome="refused"}[5m]))',
      condition: '> 0',
      summary: 'The log takes no more frames.',
      description:
        '{{ $value | humanize }} frames per second are refused in {{ $labels.namespace }}, since the log, or the part of a channel, is full. It forgets only what has expired.',
      fires: {
        atMinutes: 10,
        series: { 'gateway_appends_total{pod="g1", outcome="refused"}': '0+10x15' },
      },
      silent: {
        atMinutes: 10,
        series: {
          'gateway_appends_total{pod="g1", outcome="refused"}': '10x15',
          'gateway_appends_total{pod="g1", outcome="stored"}': '0+100x15',
        },
      },
    },
    {
      name: 'SnowshedLogFilling',
      severity: 'warning',
      holds: '5m',
      value: 'max by (namespace, stream) (bus_stream_bytes / bus_stream_bytes_max)',
      condition: '> 0.8',
      summary: 'The log is nearly full.',
      description:
        'Stream {{ $labels.stream }} in {{ $labels.namespace }} holds {{ $value | humanizePercentage }} of what it may. Full, it refuses frames.',
      fires: {
        atMinutes: 8,
        series: {
          'bus_stream_bytes{pod="r1", stream="log-0"}': '850x10',
          'bus_stream_bytes_max{pod="r1", stream="log-0"}': '1000x10',
        },
      },
      silent: {
        atMinutes: 8,
        series: {
          'bus_stream_bytes{pod="r1", stream="log-0"}': '700x10',
          'bus_stream_bytes_max{pod="r1", stream="log-0"}': '1000x10',
          'bus_stream_bytes{pod="r1", stream="unbound"}': '999999x10',
        },
      },
    },
    {
      name: 'SnowshedCopiesMissing',
      severity: 'warning',
      holds: '2m',
      value: 'min by (namespace, stream) (bus_stream_replicas / bus_stream_replicas_configured)',
      condition: '< 1',
      summary: 'A stream has too few copies.',
      description:
        'Of stream {{ $labels.stream }} in {{ $labels.namespace }} only {{ $value | humanizePercentage }} of the copies are there and not behind. The loss of another node may stop it.',
      fires: {
        atMinutes: 5,
        series: {
          'bus_stream_replicas{pod="r1", stream="log-0"}': '2x8',
          'bus_stream_replicas_configured{pod="r1", stream="log-0"}': '3x8',
        },
      },
      silent: {
        atMinutes: 5,
        series: {
          'bus_stream_replicas{pod="r1", stream="log-0"}': '3 2 3x6',
          'bus_stream_replicas_configured{pod="r1", stream="log-0"}': '3x8',
        },
      },
    },
    {
      name: 'SnowshedAppendSlow',
      severity: 'warning',
      holds: '5m',
      value: 'histogram_quantile(0.99, sum by (namespace, le) (rate(gateway_append_seconds_bucket[5m])))',
      condition: '> 0.1',
      summary: 'The log is slow.',
      description:
        'One append in a hundred takes more than {{ $value | humanizeDuration }} in {{ $labels.namespace }}. Every frame waits as long before it is acknowledged.',
      fires: {
        atMinutes: 12,
        series: {
          'gateway_append_seconds_bucket{pod="g1", le="0.1"}': '0+90x15',
          'gateway_append_seconds_bucket{pod="g1", le="0.5"}': '0+100x15',
          'gateway_append_seconds_bucket{pod="g1", le="+Inf"}': '0+100x15',
        },
      },
      silent: {
        atMinutes: 12,
        series: {
          'gateway_append_seconds_bucket{pod="g1", le="0.1"}': '0+100x15',
          'gateway_append_seconds_bucket{pod="g1", le="0.5"}': '0+100x15',
          'gateway_append_seconds_bucket{pod="g1", le="+Inf"}': '0+100x15',
        },
      },
    },
    {
      name: 'SnowshedForeignMessages',
      severity: 'warning',
      holds: '5m',
      value: 'sum by (namespace) (rate(bus_foreign_messages_total[5m]))',
      condition: '> 0',
      summary: 'Somebody else writes to the log.',
      description:
        '{{ $value | humanize }} messages per second in the streams of {{ $labels.namespace }} name no channel. They are left out.',
      quiet: 'nobody else writes to the streams',
      fires: { atMinutes: 12, series: { 'bus_foreign_messages_total{pod="r1"}': '0+3x15' } },
      silent: { atMinutes: 12, series: { 'bus_foreign_messages_total{pod="r1"}': '5x15' } },
    },
  ],
};
