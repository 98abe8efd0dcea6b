/**
 * Tables: the state of the fleet and its limits as text for a terminal.
 *
 * Pure. Columns are as wide as what stands in them.
 */

import { type LimitName, type Limits, limitNames } from '#wire/admission.ts';
import type { DoorState, FleetState } from './fleet.ts';

export function fleetText(state: FleetState): string {
  if (state.gateways.length === 0) return 'no gateway reports';
  const head = ['gateway', 'listens', 'conns', 'call', 'stock', 'resume', 'fresh', 'last', 'shaking'];
  const more = ['set-ups/s', 'of', 'busy', 'credits/s', 'W1', 'W2', 'drain'];
  const rows = state.gateways.map(doorRow);
  return `${aligned([[...head, ...more], ...rows])}\n\n${summary(state)}`;
}

function doorRow(door: DoorState): string[] {
  const { waiting, credits, spread } = door;
  const name = door.url?.replace(/^\w+:\/\//, '') ?? door.gateway;
  return [
    door.silentMs > SILENT_MS ? `${name} (silent ${seconds(door.silentMs)})` : name,
    door.byItself ? `${door.listening}, by itself` : door.listening,
    `${door.connections}`,
    ...[waiting.call, waiting.stock, waiting.resume, waiting.fresh, waiting.pretender].map(String),
    `${door.handshakes}`,
    rounded(door.setUpsPerSecond),
    `${rounded(door.setUpsPerSecondMax)}${door.believed ? '?' : ''}`,
    `${Math.round(100 * door.busyShare)} %`,
    creditsText(credits),
    spread === null ? '-' : seconds(spread.gatewayMs),
    spread === null ? '-' : seconds(spread.fleetMs),
    seconds(door.drainMs),
  ];
}

/** Reports come every 250 ms. */
const SILENT_MS = 3_000;

function creditsText({ fresh, all }: DoorState['credits']): string {
  if (fresh === null && all === null) return '-';
  return [fresh === null ? [] : [`${fresh} fresh`], all === null ? [] : [`${all} all`]].flat().join(', ');
}

function summary(state: FleetState): string {
  const { gateways, connections, waiting, setUpsPerSecond, setUpsPerSecondMax, drainMs } = state;
  const ceilings = (['fresh', 'all'] as const).flatMap((kind) => {
    const perSecond = state.ceilings[kind];
    const tried = state.dryRun[kind] ? ' (dry run)' : '';
    return perSecond === null ? [] : [`${kind} ${perSecond}/s${tried}`];
  });
  return [
    `${gateways.length} gateways, ${connections} connections, ${waiting} waiting, ` +
      `${rounded(setUpsPerSecond)} set-ups/s of ${rounded(setUpsPerSecondMax)}, drain ${seconds(drainMs)}`,
    state.router === null
      ? 'no router decides: gateways go on by themselves'
      : `decided by router ${state.router} (term ${state.term})`,
    `ceilings: ${ceilings.length === 0 ? 'none' : ceilings.join(', ')}`,
  ].join('\n');
}

function rounded(value: number): string {
  return value < 10 ? `${Math.round(10 * value) / 10}` : `${Math.round(value)}`;
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 1_000)} s`;
}

// Limits.

export const limitUnits: { readonly [name in LimitName]: string } = {
  tokenService: 'set-ups/s of clients with a token, in the fleet',
  log: 'set-ups/s in the fleet',
  directory: 'set-ups/s in the fleet',
  perAddress: 'set-ups/min of one address at one gateway',
  perUser: 'set-ups/min of one user at one gateway',
};

/** How many a limit has held up or refused, and would have, since the gateways began. */
export type Counts = { readonly [name in LimitName]: { readonly did: number; readonly would: number } };

export function limitsText(limits: Limits, counts: Counts | undefined): string {
  const rows = limitNames.map((name) => {
    const limit = limits[name];
    const state = limit === undefined ? '-' : limit.dryRun === true ? 'dry run' : 'enforced';
    const { did, would } = counts?.[name] ?? { did: undefined, would: undefined };
    return [
      name,
      limit === undefined ? '-' : `${limit.value}`,
      state,
      `${did ?? '-'}`,
      `${would ?? '-'}`,
      limitUnits[name],
    ];
  });
  return aligned([['limit', 'set to', 'state', 'held up', 'would have', 'in'], ...rows]);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          i === 0 || Number.isNaN(Number.parseFloat(cell))
            ? cell.padEnd(widths[i]!)
            : cell.padStart(widths[i]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
