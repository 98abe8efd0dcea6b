/**
 * Admission: the gateway's half of what routers decide; it reports the load of the door, and does as it is told.
 *
 *     doorway ──load──▶ routers ──news──▶ credits, moves and limits to the doorway, spread to all clients, sessions shed
 */

import type { Post } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import type { DoorNews, LoadReport } from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import type { Spread } from '#wire/messages.ts';
import type { GatewayConfig } from './config.ts';
import type { Doorway } from './doorway.ts';
import type { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import type { GatewayMetrics } from './metrics.ts';
import { createDoorLine } from './router-client/door-line.ts';
import type { DialectEvent } from './seams.ts';
import { shedOf } from './shedding.ts';
import { createSpreadTelling } from './spread-telling.ts';

export interface AdmissionDeps {
  readonly gateway: string;
  readonly post: Post;
  readonly clock: Clock;
  readonly config: GatewayConfig;
  readonly metrics: GatewayMetrics;
  readonly flows: FlowTable;
  readonly doorway: Doorway;
  sessionsOpen(): number;
  leaving(): boolean;
  tell(record: FlowRecord, event: DialectEvent): void;
}

/** A session handed over or shed comes back within this time; the pace at which they go spreads them. */
export const HAND_OVER_SPREAD_MS = 1_000;

export function createAdmission(deps: AdmissionDeps) {
  const { gateway, post, clock, config, metrics, flows, doorway, tell } = deps;
  const configured: Spread = { gatewayMs: config.SPREAD_GATEWAY_MS, fleetMs: config.SPREAD_FLEET_MS };
  const telling = createSpreadTelling({ clock, flows, configured, busy: doorway.busy, tell });
  const line = createDoorLine({ gateway, post, clock, report, news, faults: metrics.nodeFaults });
  showSpread(configured);

  function news(heard: DoorNews): void {
    doorway.heard(heard);
    if (heard.spread !== undefined) {
      telling.changed(heard.spread);
      showSpread(heard.spread);
    }
    if (heard.shed !== undefined) shed(heard.shed);
  }

  function showSpread({ gatewayMs, fleetMs }: Spread): void {
    metrics.spreadSeconds.set({ window: 'gateway' }, gatewayMs / 1_000);
    metrics.spreadSeconds.set({ window: 'fleet' }, fleetMs / 1_000);
  }

  function report(): LoadReport {
    const { credits, ...load } = doorway.report();
    const told = telling.told();
    const term = line.term();
    return {
      ...{ v: NODE_VERSION, gateway, connections: deps.sessionsOpen(), ...load },
      ...(deps.leaving() && { leaving: true as const }),
      ...(term !== undefined && { term, credits: known(credits) }),
      ...(told !== undefined && { spread: standing(told) }),
    };
  }

  function shed(count: number): void {
    const idle = shedOf(flows.all(), clock.monotonicMs(), count);
    metrics.shed.inc(idle.length);
    for (const record of idle) flows.close(record, 'GOING_AWAY', HAND_OVER_SPREAD_MS);
  }

  return {
    start: line.start,
    /** Says at once that this gateway goes away. */
    saysLeaving: line.say,
    spreadFor: telling.forWelcome,
    /** Over how long the clients of this gateway come back. */
    gatewayMs: () => telling.told()?.gatewayMs ?? configured.gatewayMs,
    stop(): void {
      line.stop();
      telling.stop();
    },
  };
}

function known({ fresh, all }: { fresh: number | undefined; all: number | undefined }) {
  return { ...(fresh !== undefined && { fresh }), ...(all !== undefined && { all }) };
}

function standing({ gatewayMs, fleetMs, gateways }: Spread): NonNullable<LoadReport['spread']> {
  return { gatewayMs, fleetMs, ...(gateways !== undefined && { gateways: gateways.length }) };
}
