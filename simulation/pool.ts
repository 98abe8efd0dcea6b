/**
 * Pool: as many threads as there are cores share the runs, the longest first.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Figures } from './figures.ts';
import { keyOf, type Run } from './runs.ts';
import type { Size } from './scenarios.ts';
import type { Order, Report } from './simulate-worker.ts';

/** Done runs, and how far the others are. */
export type Progress = (
  done: number,
  underWay: readonly { readonly key: string; readonly share: number }[],
) => void;

/** Figures by the key of the run; runs of the same key are run once. */
export async function carryOut(
  runs: readonly Run[],
  size: Size,
  seed: number,
  progress: Progress,
): Promise<ReadonlyMap<string, Figures>> {
  const waiting = new Map(runs.map((run) => [keyOf(run), run]));
  const longestFirst = [...waiting.values()].sort((a, b) => effort(b) - effort(a));
  const figures = new Map<string, Figures>();
  const shares = new Map<string, number>();
  const tell = () =>
    progress(
      figures.size,
      [...shares].map(([key, share]) => ({ key, share })),
    );
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), longestFirst.length) }, async () => {
      const worker = new Worker(new URL('./simulate-worker.ts', import.meta.url));
      for (let run = longestFirst.shift(); run !== undefined; run = longestFirst.shift()) {
        const key = keyOf(run);
        const order: Order = { scenario: run.scenario.name, policy: run.policy.name, size, seed };
        const result = await answered(worker, order, (share) => {
          shares.set(key, share);
          tell();
        });
        shares.delete(key);
        figures.set(key, result);
        tell();
      }
      await worker.terminate();
    }),
  );
  return figures;
}

function effort({ scenario: { clients, slowness }, policy }: Run): number {
  return clients * (policy.gateway.kind === 'queue' ? 4 : 1) * Math.sqrt(slowness);
}

function answered(worker: Worker, order: Order, progress: (share: number) => void): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const onMessage = (report: Report) => {
      if (report.kind === 'progress') return progress(report.share);
      worker.off('message', onMessage).off('error', onError);
      resolve(report.figures);
    };
    const onError = (error: unknown) => {
      worker.off('message', onMessage).off('error', onError);
      reject(error);
    };
    worker.on('message', onMessage).on('error', onError);
    worker.postMessage(order);
  });
}
