/**
 * Prometheus server: a real one for tests, that scrapes the processes of a fleet each second and is asked over HTTP.
 *
 * Whom it scrapes stands in a file that it watches, so that processes may come and go. Series carry the labels that a
 * PodMonitor gives them: job, namespace, pod.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { prometheusPaths } from '#tools/prometheus.ts';
import { freePorts } from '../harness/free-ports.ts';

export interface Target {
  readonly job: string;
  readonly pod: string;
  /** `host:port`. */
  readonly address: string;
}

export interface ResultSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970, and the value. */
  readonly points: readonly (readonly [number, number])[];
}

export interface RuleState {
  readonly name: string;
  /** `ok`, or that its expression failed, and how. */
  readonly health: string;
  readonly lastError?: string;
  readonly alerts: readonly {
    readonly state: string;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

export interface PrometheusServer {
  scrape(targets: readonly Target[]): void;
  /** Resolves when as many targets answer. */
  reaches(count: number): Promise<void>;
  /** @throws Error with the words of Prometheus, if the expression is none. */
  range(expr: string, fromS: number, toS: number, stepS: number): Promise<readonly ResultSeries[]>;
  labelValues(label: string, selector: string): Promise<readonly string[]>;
  rules(): Promise<readonly RuleState[]>;
  stop(): Promise<void>;
}

const startMsMax = 30_000;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** @param ruleFiles rules that it evaluates each second. */
export async function startPrometheus(ruleFiles: readonly string[]): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-prometheus-'));
  const targetsFile = join(folder, 'targets.json');
  writeFileSync(targetsFile, '[]');
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(configOf(targetsFile, ruleFiles)));
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const child = spawn(prometheusPaths().server, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  running.add(child);
  const exited = once(child, 'exit').then(() => running.delete(child));
  const server = serverAt(url, targetsFile, async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  try {
    await until(async () => (await fetch(`${url}/-/ready`)).ok, 'Prometheus to be ready');
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function configOf(targetsFile: string, ruleFiles: readonly string[]): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: [
      { job_name: 'snowshed', file_sd_configs: [{ files: [targetsFile], refresh_interval: '1s' }] },
    ],
  };
}

function serverAt(url: string, targetsFile: string, stop: () => Promise<void>): PrometheusServer {
  async function ask<T>(path: string, parameters: Readonly<Record<string, string>>): Promise<T> {
    const answer = await fetch(`${url}/api/v1/${path}`, {
      method: path.startsWith('query') ? 'POST' : 'GET',
      ...(path.startsWith('query') ? { body: new URLSearchParams(parameters) } : {}),
    });
    const { status, error, data } = (await answer.json()) as { status: string; error?: string; data: T };
    assert.equal(status, 'success', `${error}: ${JSON.stringify(parameters)}`);
    return data;
  }
  return {
    scrape(targets) {
      const groups = targets.map(({ job, pod, address }) => ({
        targets: [address],
        labels: { job, pod, namespace: 'test' },
      }));
      writeFileSync(`${targetsFile}.next`, JSON.stringify(groups));
      renameSync(`${targetsFile}.next`, targetsFile);
    },
    reaches: (count) =>
      until(async () => {
        const { activeTargets } = await ask<{ activeTargets: { health: string }[] }>('targets', {});
        return activeTargets.filter(({ health }) => health === 'up').length === count;
      }, `Prometheus to reach ${count} processes`),
    async range(query, fromS, toS, stepS) {
      const parameters = { query, start: `${fromS}`, end: `${toS}`, step: `${stepS}` };
      const { result } = await ask<{
        result: { metric: Record<string, string>; values: [number, string][] }[];
      }>('query_range', parameters);
      return result.map(({ metric, values }) => ({
        labels: metric,
        points: values.map(([atS, value]) => [atS, Number(value)] as const),
      }));
    },
    labelValues: (label, selector) =>
      ask(`label/${label}/values?${new URLSearchParams({ 'match[]': selector })}`, {}),
    async rules() {
      const { groups } = await ask<{ groups: { rules: RuleState[] }[] }>('rules', {});
      return groups.flatMap(({ rules }) => rules);
    },
    stop,
  };
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + startMsMax;
  while (!(await holds().catch(() => false))) {
    assert(performance.now() < endMs, `waited in vain for ${what}`);
    await pause(100);
  }
}
