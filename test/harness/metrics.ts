/**
 * Metrics: values out of the text that Prometheus reads.
 */

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

export function parseMetrics(text: string): readonly Series[] {
  const series: Series[] = [];
  for (const one of text.split('\n')) {
    const [, name, labels, value] = line.exec(one) ?? [];
    if (name === undefined) continue;
    const pairs = [...(labels ?? '').matchAll(label)].map(([, key, text]) => [key, text]);
    series.push({ name, labels: Object.fromEntries(pairs), value: Number(value) });
  }
  return series;
}

/** The sum over all series of this name that carry these labels; 0 where there is none. */
export function sumOf(
  series: readonly Series[],
  name: string,
  labels: Readonly<Record<string, string>>,
): number {
  const wanted = Object.entries(labels);
  let sum = 0;
  for (const one of series) {
    if (one.name === name && wanted.every(([key, value]) => one.labels[key] === value)) sum += one.value;
  }
  return sum;
}
