/**
 * Board: what a dashboard shows, as data: rows of panels, each with its expressions; `grafana.ts` writes it for Grafana.
 *
 * Every expression asks only for the jobs and pods that the reader has chosen, and takes rates over the interval that
 * Grafana knows to be wide enough. `test/observation/` runs all of them against a Prometheus that scraped the real
 * processes under load: each must bring data, and more than zero unless its query says why it may be quiet.
 */

export interface Board {
  /** Of the file in `helm/dashboards/`, and of the board within Grafana. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** A series that every process of this board has: out of it come the jobs and pods to choose from. */
  readonly anchor: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly draws: 'lines' | 'areas' | 'value';
  readonly title: string;
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** From where on it is drawn as worth a look, and as bad. */
  readonly limits?: { readonly warn: number; readonly bad: number };
  /** A share that ends at one, a state of zero or one. */
  readonly max?: number;
}

export interface Query {
  readonly expr: string;
  readonly legend: string;
  /** Why it may be zero all the time in a fleet that fares as in the test. */
  readonly quiet?: string;
}

/** By Grafana's names. */
export type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'cps' | 'none';

/** The series of a metric of the processes chosen, `labels` being further matchers. */
export function of(metric: string, labels = ''): string {
  return `${metric}{job=~"$job", pod=~"$pod"${labels === '' ? '' : `, ${labels}`}}`;
}

/** How fast a counter grows, per second. */
export function rate(counter: string, labels = ''): string {
  return `rate(${of(counter, labels)}[$__rate_interval])`;
}

export function sum(expr: string, by = ''): string {
  return by === '' ? `sum(${expr})` : `sum by (${by}) (${expr})`;
}

/** Quantiles of a histogram over all processes chosen, or for each of `by`. */
export function quantiles(histogram: string, shares: readonly number[] = [0.5, 0.99], by = ''): Query[] {
  const groups = by === '' ? 'le' : `le, ${by}`;
  return shares.map((share) => ({
    expr: `histogram_quantile(${share}, ${sum(rate(`${histogram}_bucket`), groups)})`,
    legend: `${by === '' ? '' : `{{${by}}} `}p${share * 100}`,
  }));
}

export function query(expr: string, legend: string, quiet?: string): Query {
  return quiet === undefined ? { expr, legend } : { expr, legend, quiet };
}

/** Processor, memory and event loop of the processes of a board. */
export function processPanels(anchor: string): readonly Panel[] {
  const only = `and on (job, pod) ${of(anchor)}`;
  return [
    {
      draws: 'lines',
      title: 'CPU',
      description:
        'Cores in use, per process. One process uses little more than one core: JavaScript runs in one thread.',
      unit: 'short',
      queries: [query(`${rate('process_cpu_seconds_total')} ${only}`, '{{pod}}')],
      limits: { warn: 0.7, bad: 0.9 },
    },
    {
      draws: 'lines',
      title: 'Event loop lag',
      description:
        'By how much the loop was late: the 99th percentile and the worst since the last scrape. Frames and health checks wait as long.',
      unit: 's',
      queries: [
        query(`${of('nodejs_eventloop_lag_p99_seconds')} ${only}`, '{{pod}} p99'),
        query(`${of('nodejs_eventloop_lag_max_seconds')} ${only}`, '{{pod}} max'),
      ],
      limits: { warn: 0.1, bad: 0.5 },
    },
    {
      draws: 'lines',
      title: 'Memory',
      description: 'Resident memory, and of it what JavaScript uses of its heap.',
      unit: 'bytes',
      queries: [
        query(`${of('process_resident_memory_bytes')} ${only}`, '{{pod}} resident'),
        query(`${of('nodejs_heap_size_used_bytes')} ${only}`, '{{pod}} heap'),
      ],
    },
    {
      draws: 'lines',
      title: 'Garbage collection',
      description: 'Share of the time spent in collecting garbage, per process.',
      unit: 'percentunit',
      queries: [query(`${sum(rate('nodejs_gc_duration_seconds_sum'), 'job, pod')} ${only}`, '{{pod}}')],
      limits: { warn: 0.05, bad: 0.2 },
    },
  ];
}
