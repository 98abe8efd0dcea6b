/**
 * Load: a fleet with callers and incidents, watched by a real Prometheus; what boards and alerts are tried on.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { createJwksIssuer } from '../harness/tokens.ts';
import { startCallers } from './callers.ts';
import { incidents, type Scene, smallBounds } from './incidents.ts';
import { type PrometheusServer, startPrometheus, type Target } from './prometheus-server.ts';

export interface LoadOptions {
  readonly callers: number;
  readonly everyMs: number;
  /** Before the first incident, between two, and after the last. */
  readonly calmMs: number;
  readonly ruleFiles: readonly string[];
}

export interface Observed {
  readonly prometheus: PrometheusServer;
  readonly fromS: number;
  readonly toS: number;
  /** When each incident began. */
  readonly incidents: Readonly<Record<string, number>>;
}

/** Runs the load, then lets `look` at what Prometheus has; ends everything whatever happens. */
export async function underLoad(
  options: LoadOptions,
  look: (observed: Observed) => Promise<void>,
): Promise<void> {
  const issuer = await createJwksIssuer();
  const prometheus = await startPrometheus(options.ruleFiles);
  let fleet: Fleet | undefined;
  try {
    fleet = await startFleet({ gateways: 2, routers: 2, env: { ...issuer.env, ...smallBounds } });
    const scraped = fleet;
    const scene: Scene = { fleet, issuer, changed: () => prometheus.scrape(targetsOf(scraped)) };
    scene.changed();
    await prometheus.reaches(4);
    await look({ prometheus, ...(await run(options, scene)) });
  } catch (error) {
    fleet?.show();
    throw error;
  } finally {
    await fleet?.stop();
    await prometheus.stop();
    await issuer.close();
  }
}

async function run(
  { callers: count, everyMs, calmMs }: LoadOptions,
  scene: Scene,
): Promise<Omit<Observed, 'prometheus'>> {
  const fromS = Date.now() / 1_000;
  const begun: Record<string, number> = {};
  const { issuer, fleet } = scene;
  const callers = await startCallers({ count, everyMs, issuer, urls: fleet.urls });
  try {
    await pause(calmMs);
    for (const [name, incident] of Object.entries(incidents)) {
      begun[name] = Date.now() / 1_000;
      await incident(scene);
      await pause(calmMs);
    }
  } finally {
    await callers.stop();
  }
  return { fromS, toS: Date.now() / 1_000, incidents: begun };
}

function targetsOf(fleet: Fleet): readonly Target[] {
  const jobs = [
    ['gateway', fleet.gateways],
    ['router', fleet.routers],
  ] as const;
  return jobs.flatMap(([job, processes]) =>
    processes
      .filter(({ running }) => running)
      .map(({ name, opsUrl }) => ({ job, pod: `snowshed-${name}`, address: new URL(opsUrl).host })),
  );
}
