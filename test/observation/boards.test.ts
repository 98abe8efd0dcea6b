import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { boardFiles, boards } from '#tools/dashboards/boards.ts';

/** As Grafana reads it; only what the rules look at. */
interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly panels: readonly PanelJson[];
}

interface VariableJson {
  readonly name: string;
  readonly type: string;
  readonly query: string;
  readonly datasource?: { readonly uid: string };
}

interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat?: string;
    readonly datasource?: { readonly uid: string };
  }[];
}

const folder = join(import.meta.dirname, '..', '..', 'helm', 'dashboards');
const dashboards = Object.entries(boardFiles).map(
  ([path, text]) => [path, JSON.parse(text()) as DashboardJson] as const,
);
const panels = dashboards.flatMap(([path, { panels }]) =>
  panels.filter(({ type }) => type !== 'row').map((panel) => ({ ...panel, at: `${path}: ${panel.title}` })),
);

describe('boards', () => {
  test('the folder of the chart holds these boards and no others', () => {
    const files = readdirSync(folder).map((name) => `helm/dashboards/${name}`);
    assert.deepEqual(files.sort(), Object.keys(boardFiles).sort());
    assert.equal(new Set(dashboards.map(([, { uid }]) => uid)).size, boards.length);
    for (const [path, { title, description }] of dashboards) assert(title && description, path);
  });

  test('every panel has title, description and unit', () => {
    for (const { at, title, description, fieldConfig } of panels) {
      assert(title.length > 2, at);
      assert(/^\S.{20,}\.$/.test(description ?? ''), `${at}: ${description}`);
      assert(fieldConfig?.defaults.unit !== undefined, at);
    }
  });

  test('titles within a board and ids are unique, and no panel lies upon another', () => {
    for (const [path, { panels }] of dashboards) {
      const shown = panels.filter(({ type }) => type !== 'row');
      assert.equal(new Set(shown.map(({ title }) => title)).size, shown.length, path);
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, path);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length, path);
    }
  });

  test('the data source is chosen, and so are job and pod, out of what the chosen source has', () => {
    for (const [path, { templating }] of dashboards) {
      const [source, job, pod] = templating.list;
      assert.deepEqual(
        [source?.name, source?.type, source?.query],
        ['datasource', 'datasource', 'prometheus'],
        path,
      );
      assert.deepEqual([job?.name, job?.type, job?.datasource?.uid], ['job', 'query', '$datasource'], path);
      assert.deepEqual([pod?.name, pod?.type, pod?.datasource?.uid], ['pod', 'query', '$datasource'], path);
      assert.match(pod?.query ?? '', /\{job=~"\$job"\}/, path);
    }
    for (const { at, datasource, targets = [] } of panels) {
      assert.deepEqual(datasource, { type: 'prometheus', uid: '$datasource' }, at);
      for (const target of targets) assert.equal(target.datasource?.uid, '$datasource', at);
    }
  });

  test('every series asked for is of the jobs and pods chosen, and has a legend', () => {
    for (const { at, targets = [] } of panels) {
      assert(targets.length > 0, at);
      for (const { expr, legendFormat } of targets) {
        assert(legendFormat, at);
        const selectors = expr.match(/\{[^}]*\}/g) ?? [];
        assert.equal(selectors.length, metricsIn(expr).length, `${at}: a metric without matchers in ${expr}`);
        for (const selector of selectors) assert.match(selector, /^\{job=~"\$job", pod=~"\$pod"[,}]/, at);
      }
    }
  });

  test('rates are taken over the interval that Grafana finds wide enough', () => {
    for (const { at, targets = [] } of panels) {
      for (const { expr } of targets) {
        const ranges = expr.match(/\[[^\]]*\]/g) ?? [];
        for (const range of ranges) assert.equal(range, '[$__rate_interval]', at);
        const counters = metricsIn(expr).filter((name) => /_(total|bucket|sum|count)$/.test(name));
        assert.equal(ranges.length, counters.length, `${at}: a counter without its rate in ${expr}`);
        assert(!/\birate\(|\bincrease\(/.test(expr), at);
      }
    }
  });
});

/** The names of metrics in an expression: words with an underscore that stand before no bracket and in no grouping. */
function metricsIn(expr: string): readonly string[] {
  const plain = expr
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\b(by|on|ignoring|without)\s*\([^)]*\)/g, ' ');
  return [...plain.matchAll(/\b[a-z]+(?:_[a-z0-9]+)+\b(?!\s*\()/g)].map(([name]) => name);
}
