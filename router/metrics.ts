/**
 * Router metrics: everything a router counts.
 *
 * Labels come from closed sets: reasons and kinds. `docs/metrics.md` is generated from it.
 */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { fromZero } from '#runtime/tally.ts';

export type RouterMetrics = ReturnType<typeof createRouterMetrics>;

export function createRouterMetrics(register: Registry) {
  const registers = [register];
  return {
    ...shareMetrics(registers),
    ...directoryMetrics(registers),
    ...deliveryMetrics(registers),
    ...admissionMetrics(registers),
    ...fleetMetrics(registers),
  };
}

function shareMetrics(registers: Registry[]) {
  return {
    partitions: new Gauge({
      name: 'router_partitions_owned',
      help: 'Partitions this router owns and may deliver for now, as its leases are renewed in time.',
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
    takeovers: fromZero(
      new Counter({
        name: 'router_takeovers_total',
        help: 'Partitions taken, from another router or for the first time.',
        labelNames: ['from'] as const,
        registers,
      }),
      'from',
      ['router', 'nobody'],
    ),
    drops: fromZero(
      new Counter({
        name: 'router_partitions_dropped_total',
        help: 'Partitions given up: handed over, lapsed because they could not go on under their term, or lost to another.',
        labelNames: ['why'] as const,
        registers,
      }),
      'why',
      ['handed-over', 'lapsed', 'lost'],
    ),
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
      help: 'Gateways heard of within three seconds, or up to eight where their beats came late before.',
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
    faults: fromZero(
      new Counter({
        name: 'router_faults_total',
        help: 'Requests and attaches refused: stale ones, those of a newer version, malformed ones, sessions over their limit.',
        labelNames: ['fault'] as const,
        registers,
      }),
      'fault',
      ['STALE', 'VERSION', 'MALFORMED', 'TOO_LARGE', 'TOO_MANY_SESSIONS'],
    ),
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
      help: 'Frames not forwarded: malformed, of a newer version, stored after their append was given up; or expired, and forwarded only to be said to be missing.',
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
    unreachable: fromZero(
      new Counter({
        name: 'router_unreachable_total',
        help: 'Frames that asked to be told when nobody is attached: told, held first, or let go past the bound.',
        labelNames: ['verdict'] as const,
        registers,
      }),
      'verdict',
      ['told', 'held', 'let-go'],
    ),
    presenceEvents: new Counter({
      name: 'router_presence_events_total',
      help: 'Presence events delivered, counted per gateway: parts of lists and changes.',
      registers,
    }),
  };
}

function admissionMetrics(registers: Registry[]) {
  return {
    deciding: new Gauge({
      name: 'router_admission_deciding',
      help: '1 while this router decides on admission; of all routers one does.',
      registers,
    }),
    ceiling: new Gauge({
      name: 'router_admission_ceiling',
      help: 'Set-ups per second that the fleet may begin: of clients with a token (fresh), of all. 0: no ceiling.',
      labelNames: ['kind'] as const,
      registers,
    }),
    credits: new Counter({
      name: 'router_admission_credits_total',
      help: 'Credits dealt to gateways; each lets one set-up begin.',
      labelNames: ['kind'] as const,
      registers,
    }),
    spreadSeconds: new Gauge({
      name: 'router_admission_spread_seconds',
      help: 'Over how long clients were told last to come back: after the loss of one gateway, and of the fleet.',
      labelNames: ['window'] as const,
      registers,
    }),
    spreadsTold: new Counter({
      name: 'router_admission_spreads_told_total',
      help: 'Times that a gateway was given windows to tell its clients.',
      registers,
    }),
    moves: new Counter({
      name: 'router_admission_moves_total',
      help: 'Waiting clients that a gateway was asked to send on to another one.',
      registers,
    }),
    sheds: new Counter({
      name: 'router_admission_sheds_total',
      help: 'Idle sessions that a gateway was asked to close, since it held more than its part.',
      registers,
    }),
    reportsRefused: new Counter({
      name: 'router_load_reports_refused_total',
      help: 'Load reports and limits not heeded: malformed, of a newer version, or of more gateways than can be.',
      labelNames: ['reason'] as const,
      registers,
    }),
  };
}

/** Every router hears all gateways: over routers take the maximum, not the sum. */
function fleetMetrics(registers: Registry[]) {
  const heard = 'As this router hears it from all gateways.';
  return {
    fleetGateways: new Gauge({
      name: 'router_fleet_gateways',
      help: 'Gateways that report their load, and those silent for 3 to 10 s, whose part of a ceiling is set aside.',
      labelNames: ['state'] as const,
      registers,
    }),
    fleetConnections: new Gauge({
      name: 'router_fleet_connections',
      help: `Connections of the fleet. ${heard}`,
      registers,
    }),
    fleetCapacity: new Gauge({
      name: 'router_fleet_set_ups_per_second_max',
      help: `Clients a second that the fleet could set up if it did nothing else. ${heard}`,
      registers,
    }),
    fleetSetUps: new Counter({
      name: 'router_fleet_set_ups_total',
      help: `Clients set up. ${heard}`,
      registers,
    }),
    fleetWaiting: new Gauge({
      name: 'router_fleet_waiting',
      help: `Clients that are open and wait to be set up, by class. ${heard}`,
      labelNames: ['class'] as const,
      registers,
    }),
    fleetHandshakes: new Gauge({
      name: 'router_fleet_handshakes',
      help: `Connections accepted whose handshake is not done. ${heard}`,
      registers,
    }),
    fleetShut: new Gauge({
      name: 'router_fleet_gateways_shut',
      help: `Gateways that do not listen now, since those who came are more than they can set up in time. ${heard}`,
      registers,
    }),
    fleetLimited: new Counter({
      name: 'router_fleet_limited_total',
      help: `Clients made to wait or refused for a limit, or that would have been where it is a dry run. ${heard}`,
      labelNames: ['limit', 'mode'] as const,
      registers,
    }),
  };
}
