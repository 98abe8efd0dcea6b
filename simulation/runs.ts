/**
 * Runs: which scenarios run under which policies, and where each stands in the table.
 *
 * The law runs in every case. What is usual elsewhere, and the law without one of its parts, run in the few that
 * tell them apart.
 */

import { ablations, baselines, law, type Policy } from './policies.ts';
import type { Scenario } from './scenario.ts';
import { CLIENTS, type Size, scenarios } from './scenarios.ts';

export type Section = 'cases' | 'baselines' | 'parts';

export interface Run {
  readonly section: Section;
  readonly scenario: Scenario;
  readonly policy: Policy;
}

const baselineCases = ['fleet-plain', 'fleet-tls', 'slow'];
const partCases = ['fleet-tls', 'away', 'slow-socketio', 'one-blind'];

/** @param only the name of a scenario, a policy or a section; everything without it. */
export function runs(size: Size, only: string | undefined): readonly Run[] {
  const all = scenarios(size);
  const across = (section: Section, names: readonly string[], policies: readonly Policy[]): Run[] =>
    policies.flatMap((policy) =>
      all.filter(({ name }) => names.includes(name)).map((scenario) => ({ section, scenario, policy })),
    );
  const everything: Run[] = [
    ...all.map((scenario) => ({ section: 'cases' as const, scenario, policy: law })),
    ...across('baselines', baselineCases, [law, ...baselines]),
    ...across('parts', partCases, [law, ...ablations]),
  ];
  return only === undefined ? everything : everything.filter((run) => isMeant(run, only));
}

function isMeant({ section, scenario, policy }: Run, only: string): boolean {
  if (section === only) return true;
  if (scenario.name === only) return section === 'cases' || policy !== law;
  return policy.name === only && policy !== law;
}

/** What a run is known by; the seed of its chance as well. */
export function keyOf({ scenario, policy }: Pick<Run, 'scenario' | 'policy'>): string {
  return `${scenario.name}/${policy.name}`;
}

/** A run's own seed, so that no run depends on which others there are. FNV-1a. */
export function seedOf(key: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const char of key) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return hash;
}

export function isFullSize({ clients }: Size): boolean {
  return clients === CLIENTS;
}
