/**
 * Variables: what Grafana puts in the place of `$job`, `$pod` and `$__rate_interval`, with everything chosen that there is.
 */

import assert from 'node:assert/strict';
import type { PrometheusServer } from './prometheus-server.ts';

export interface Interpolation {
  readonly chosen: { readonly job: readonly string[]; readonly pod: readonly string[] };
  expand(expr: string): string;
}

/** Four times the scrape interval is what Grafana takes at least; a second more, as scrapes of a busy machine come late. */
const rateIntervalMin = '5s';
const labelValues = /^label_values\((.+), (\w+)\)$/;

/** @param queries of the variables `job` and `pod`, as the board has them. */
export async function interpolated(
  queries: Readonly<Record<string, string>>,
  prometheus: PrometheusServer,
  rateInterval = rateIntervalMin,
): Promise<Interpolation> {
  const chosen: Record<string, readonly string[]> = {};
  function expand(expr: string): string {
    return expr
      .replaceAll('$__rate_interval', rateInterval)
      .replace(/\$(\w+)/g, (_, name: string) => `(${(chosen[name] ?? assert.fail(name)).join('|')})`);
  }
  for (const [name, query] of Object.entries(queries)) {
    const [, selector = '', label = ''] = labelValues.exec(query) ?? assert.fail(query);
    chosen[name] = await prometheus.labelValues(label, expand(selector));
  }
  return { chosen: { job: chosen['job'] ?? [], pod: chosen['pod'] ?? [] }, expand };
}
