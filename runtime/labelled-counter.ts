/**
 * Labelled counter: a counter's children by the value of its one label, kept, for paths taken per frame.
 *
 * prom-client looks a child up by a hash of its labels, at half a microsecond; this is one look-up in a Map. The values
 * come from a closed set, so the Map stays as small as the metric.
 */

import type { Counter } from 'prom-client';

export interface LabelledCounter {
  inc(value: string): void;
}

export function labelledCounter<Label extends string>(
  counter: Counter<Label>,
  label: Label,
): LabelledCounter {
  const children = new Map<string, Counter.Internal>();
  return {
    inc(value) {
      let child = children.get(value);
      if (child === undefined) {
        child = counter.labels({ [label]: value } as Record<Label, string>);
        children.set(value, child);
      }
      child.inc();
    },
  };
}
