/**
 * Router metrics: everything a router counts.
 *
 * Labels come from closed sets: reasons and kinds. `docs/metrics.md` is generated from it.
 */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type RouterMetrics = ReturnType<typeof createRouterMetrics>;

export function createRouterMetrics(register: Registry) {
  const registers = [register];
  return { ...shareMetrics(registers), ...directoryMetrics(registers), ...deliveryMetrics(registers) };
}

function shareMetrics(registers: Registry[]) {
  return {
    partitions: new Gauge({
      name: 'router_partitions_owned',
      help: 'Partitions this router owns now.',
      registers,
    }),
    partitionsAll: new Gauge({
      name: 'router_partitions',
      help: 'Partitions of the deployment, whichever router owns them.',
      registers,
    }),
    routers: new Gauge({
      name: 'router_routers_live',
      help: 'Routers this one takes for alive, itself among them.',
      registers,
    }),
    takeovers: new Counter({
      name: 'router_takeovers_total',
      help: 'Partitions taken, from another router or for the first time.',
      labelNames: ['from'] as const,
      registers,
    }),
    drops: new Counter({
      name: 'router_partitions_dropped_total',
      help: 'Partitions given up: handed over, lapsed because the lease was not renewed, or lost to another.',
      labelNames: ['why'] as const,
      registers,
    }),
  };
}

function directoryMetrics(registers: Registry[]) {
  return {
    attachments: new Gauge({
      name: 'router_directory_attachments',
      help: 'Flows in the directory, counted per channel, at the last tick.',
      registers,
    }),
    gateways: new Gauge({
      name: 'router_gateways_live',
      help: 'Gateways heard of within three seconds.',
      registers,
    }),
    gatewaysLost: new Counter({
      name: 'router_gateways_lost_total',
      help: 'Gateways that fell silent, so that their registrations ended.',
      registers,
    }),
    registrations: new Counter({
      name: 'router_registrations_total',
      help: 'Registrations begun by gateways, one for each partition and announcement.',
      registers,
    }),
    ops: new Counter({
      name: 'router_directory_operations_total',
      help: 'Operations of gateways that were applied: attach, detach, state.',
      registers,
    }),
    attachSeconds: new Histogram({
      name: 'router_attach_seconds',
      help: 'From an attach request read to its answer written, all of its operations together.',
      buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
      registers,
    }),
    faults: new Counter({
      name: 'router_faults_total',
      help: 'Requests and attaches refused: stale ones, those of a newer version, malformed ones, sessions over their limit.',
      labelNames: ['fault'] as const,
      registers,
    }),
    superseded: new Counter({
      name: 'router_flows_superseded_total',
      help: 'Flows told that a younger flow of their session is there.',
      registers,
    }),
  };
}

function deliveryMetrics(registers: Registry[]) {
  return {
    frames: new Counter({
      name: 'router_frames_total',
      help: 'Frames looked up in the directory: from the log, or volatile.',
      labelNames: ['kind'] as const,
      registers,
    }),
    lagSeconds: new Histogram({
      name: 'router_log_lag_seconds',
      help: 'From a frame stored in the log to this router handing it on, by the clock of the log; of one frame in 16.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
      registers,
    }),
    forwarded: new Counter({
      name: 'router_frames_forwarded_total',
      help: 'Frames handed on to gateways, counted per gateway.',
      registers,
    }),
    refused: new Counter({
      name: 'router_frames_refused_total',
      help: 'Frames not forwarded: malformed, of a newer version, stored after their append was given up, expired.',
      labelNames: ['reason'] as const,
      registers,
    }),
    deliveries: new Counter({
      name: 'router_deliveries_total',
      help: 'Messages to gateways that the bus took.',
      registers,
    }),
    deliveriesDropped: new Counter({
      name: 'router_deliveries_dropped_total',
      help: 'Messages or sections to gateways not sent: the bus was away, the lease was over, or there was no room. Gateways mend it.',
      registers,
    }),
    unreachable: new Counter({
      name: 'router_unreachable_total',
      help: 'Frames that asked to be told when nobody is attached: told, held first, or let go past the bound.',
      labelNames: ['verdict'] as const,
      registers,
    }),
    presenceEvents: new Counter({
      name: 'router_presence_events_total',
      help: 'Presence events delivered, counted per gateway: parts of lists and changes.',
      registers,
    }),
  };
}
