/**
 * Summary: how a load script reports: a table on standard output, and JSON and Markdown where it is told
 * (`SUMMARY`: the path of both without its ending).
 */

interface Metric {
  readonly type: string;
  readonly contains: string;
  readonly values: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

interface SummaryData {
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly state: { readonly testRunDurationMs: number };
}

const shown = /^(snowshed_|ws_connecting|dropped_iterations|vus_max)/;

export function handleSummary(data: SummaryData): Record<string, string> {
  const rows = Object.entries(data.metrics)
    .filter(([name, { thresholds }]) => shown.test(name) || thresholds !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const table = [
    '| metric | figure | threshold | |',
    '|---|---|---|---|',
    ...rows.map(([name, metric]) => `| ${name} | ${figure(metric)} | ${judged(metric)} |`),
  ].join('\n');
  const seconds = (data.state.testRunDurationMs / 1_000).toFixed(0);
  const page = `# Load: ${__ENV['SCENARIO'] ?? 'script'}\n\n${seconds} s.\n\n${table}\n`;
  const path = __ENV['SUMMARY'];
  return {
    stdout: `${table}\n`,
    ...(path === undefined
      ? {}
      : { [`${path}.json`]: JSON.stringify(data, undefined, 2), [`${path}.md`]: page }),
  };
}

function figure({ type, contains, values }: Metric): string {
  const unit = contains === 'time' ? ' ms' : '';
  switch (type) {
    case 'trend':
      return `median ${number(values['med'])}, p95 ${number(values['p(95)'])}, max ${number(values['max'])}${unit}`;
    case 'rate':
      return `${number(100 * (values['rate'] ?? 0))} %`;
    case 'counter':
      return number(values['count']);
    default:
      return number(values['value']);
  }
}

function judged({ thresholds = {} }: Metric): string {
  const all = Object.entries(thresholds);
  const rules = all.map(([rule]) => `\`${rule}\``).join(', ');
  if (all.length === 0) return ' | ';
  return `${rules} | ${all.every(([, { ok }]) => ok) ? 'met' : '**missed**'}`;
}

function number(value: number | undefined): string {
  if (value === undefined) return '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}
