/** Metrics page: everything that the processes count, out of the registers that count it. */

import { type MetricObject, Registry } from 'prom-client';
import { createBusMetrics } from '#bus/metrics.ts';
import { createGatewayMetrics } from '#gateway/metrics.ts';
import { createRouterMetrics } from '#router/metrics.ts';
import { table } from './markdown.ts';

const intro = `# Metrics

<!-- Made from */metrics.ts by \`npm run docs\`. -->

Every process serves \`/metrics\` on its operations port, in the text format of Prometheus, with the metrics of Node.js itself
(\`process_…\`, \`nodejs_…\`: CPU, memory, lag of the event loop). Times are in seconds. The values of a label come from a closed
set, such as the codes of [faults](faults.md); users and rooms are never among them. All-in-one has the metrics of gateway and router.
`;

const groups: Readonly<Record<string, (register: Registry) => unknown>> = {
  Gateway: createGatewayMetrics,
  Router: createRouterMetrics,
  'Gateway and router: the bus': (register) => createBusMetrics([register]),
};

export function metricsPage(): string {
  return [intro, ...Object.keys(groups).map(section)].join('\n');
}

function section(title: string): string {
  const register = new Registry();
  groups[title]!(register);
  const rows = register.getMetricsAsArray().map((metric) => [
    `\`${metric.name}\``,
    `${metric.type}`,
    labelsOf(metric)
      .map((label) => `\`${label}\``)
      .join(', '),
    metric.help,
  ]);
  return `## ${title}\n\n${table(['Metric', 'Kind', 'Labels', 'What is counted'], rows)}\n`;
}

/** prom-client keeps them on the metric, and leaves them out of its types. */
function labelsOf(metric: MetricObject): readonly string[] {
  return (metric as MetricObject & { readonly labelNames: readonly string[] }).labelNames;
}
