/**
 * Fleet metrics: what all gateways together report, as this router hears it.
 *
 * Reports count from the beginning of each gateway; the difference to the report before is what happened meanwhile, so
 * reports that were lost lose nothing.
 */

import { type LoadReport, type WaitingCounts, waitingClasses } from '#wire/admission.ts';
import type { RouterMetrics } from '../metrics.ts';
import type { FleetView } from './admission.ts';

const limitNames = ['fresh', 'all', 'perAddress', 'perUser'] as const;

/** What happened at one gateway since the report before. */
export function countReport(
  metrics: RouterMetrics,
  before: LoadReport | undefined,
  report: LoadReport,
): void {
  if (before === undefined) return;
  // A gateway has a new name each time it starts, so its counts never go back; of one that says so nothing is believed.
  metrics.fleetSetUps.inc(Math.max(0, report.setUps - before.setUps));
  for (const limit of limitNames) {
    const grown = (of: 'limited' | 'wouldLimit') => (report[of]?.[limit] ?? 0) - (before[of]?.[limit] ?? 0);
    metrics.fleetLimited.inc({ limit, mode: 'enforced' }, Math.max(0, grown('limited')));
    metrics.fleetLimited.inc({ limit, mode: 'dry-run' }, Math.max(0, grown('wouldLimit')));
  }
}

/** How the fleet stands now. */
export function showFleet(
  metrics: RouterMetrics,
  { loads, silent }: FleetView,
  reports: ReadonlyMap<string, LoadReport>,
): void {
  metrics.fleetGateways.set({ state: 'heard' }, loads.size);
  metrics.fleetGateways.set({ state: 'silent' }, silent);
  const heard = [...loads.keys()].flatMap((gateway) => reports.get(gateway) ?? []);
  const sum = (of: (report: LoadReport) => number) => heard.reduce((all, report) => all + of(report), 0);
  metrics.fleetConnections.set(sum((report) => report.connections));
  metrics.fleetCapacity.set([...loads.values()].reduce((all, load) => all + load.setUpsPerSecond, 0));
  metrics.fleetHandshakes.set(sum((report) => report.handshakes));
  metrics.fleetShut.set(sum((report) => (report.listening.main ? 0 : 1)));
  for (const name of waitingClasses) {
    metrics.fleetWaiting.set(
      { class: name satisfies keyof WaitingCounts },
      sum((report) => report.waiting[name]),
    );
  }
}
