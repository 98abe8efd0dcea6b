/**
 * Simulate worker: runs what it is sent, one after the other, in a thread of its own.
 */

import assert from 'node:assert/strict';
import { parentPort } from 'node:worker_threads';
import type { Figures } from './figures.ts';
import { policies } from './policies.ts';
import { seedOf } from './runs.ts';
import { type Size, scenarios } from './scenarios.ts';
import { simulated } from './world.ts';

export interface Order {
  readonly scenario: string;
  readonly policy: string;
  readonly size: Size;
  readonly seed: number;
}

export type Report =
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'done'; readonly figures: Figures };

export function carriedOut(order: Order, progress: (share: number) => void = () => {}): Figures {
  const scenario = scenarios(order.size).find(({ name }) => name === order.scenario);
  const policy = policies.find(({ name }) => name === order.policy);
  assert(scenario !== undefined && policy !== undefined);
  // Policies are compared under the same chance.
  return simulated(scenario, policy, seedOf(order.scenario, order.seed), progress);
}

parentPort?.on('message', (order: Order) => {
  const tell = (report: Report) => parentPort?.postMessage(report);
  const figures = carriedOut(order, (share) => tell({ kind: 'progress', share }));
  tell({ kind: 'done', figures });
});
