import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { exprOf } from '#tools/alerts/alert.ts';
import { alertFiles, alerts } from '#tools/alerts/alerts.ts';
import type { Board } from '#tools/dashboards/board.ts';
import { boards } from '#tools/dashboards/boards.ts';
import { variableQueries } from '#tools/dashboards/grafana.ts';
import { type Observed, underLoad } from './load.ts';
import { interpolated } from './variables.ts';

const root = join(import.meta.dirname, '..', '..');
/** Alerts about what the load does. */
const caused = [
  'SnowshedBusAway',
  'SnowshedPartitionsUnowned',
  'SnowshedLogFull',
  'SnowshedFaultsMany',
  'SnowshedIssuerKeysUnread',
  'SnowshedAppendsUndecided',
];
const ruleFiles = Object.keys(alertFiles).map((path) => join(root, path));

/** What is wrong with the answer of Prometheus to an expression, or `undefined`. */
async function wrongWith(
  { prometheus, fromS, toS }: Observed,
  expr: string,
  quiet: string | undefined,
): Promise<string | undefined> {
  const series = await prometheus.range(expr, fromS, toS, 1);
  const values = series
    .flatMap(({ points }) => points.map(([, value]) => value))
    .filter((v) => !Number.isNaN(v));
  if (values.length === 0) return 'no data';
  if (quiet === undefined && !values.some((value) => value > 0)) return 'zero all the time';
  return undefined;
}

test('every expression of every panel and alert brings data of real processes under load, and shows what was caused', async (context) => {
  await underLoad({ callers: 40, everyMs: 400, calmMs: 1_000, ruleFiles }, async (observed) => {
    const incidents = Object.entries(observed.incidents).map(
      ([name, atS]) => `${name} ${Math.round(atS - observed.fromS)}`,
    );
    context.diagnostic(
      `seconds into the load: ${incidents.join(', ')}, end ${Math.round(observed.toS - observed.fromS)}`,
    );
    assert.equal(await wrongWith(observed, 'gateway_no_such_metric', undefined), 'no data');
    assert.equal(await wrongWith(observed, 'bus_connected * 0', undefined), 'zero all the time');
    const wrong: string[] = [];
    for (const board of boards) wrong.push(...(await wrongPanels(board, observed)));
    for (const alert of alerts) {
      const problem = await wrongWith(observed, alert.value, alert.quiet);
      if (problem !== undefined) wrong.push(`${alert.name}: ${problem}: ${alert.value}`);
      // Whether it fires depends on the moment; here it only has to be an expression.
      await observed.prometheus.range(exprOf(alert), observed.toS, observed.toS, 1);
    }
    assert.deepEqual(wrong, []);
    // None holds long enough to fire, but all that the load causes begin to.
    const begun = await observed.prometheus.range('ALERTS', observed.fromS, observed.toS, 1);
    const names = new Set(begun.map(({ labels }) => labels['alertname']));
    context.diagnostic(`alerts that began: ${[...names].join(', ')}`);
    for (const name of caused) assert(names.has(name), `${name} did not begin`);
    const states = await observed.prometheus.rules();
    assert.deepEqual(states.map(({ name }) => name).sort(), alerts.map(({ name }) => name).sort());
    for (const { name, health, lastError, alerts: active } of states) {
      assert.equal(health, 'ok', `${name}: ${lastError}`);
      for (const { annotations } of active) {
        assert(!JSON.stringify(annotations).includes('<error'), `${name}: ${JSON.stringify(annotations)}`);
      }
    }
  });
});

async function wrongPanels(board: Board, observed: Observed): Promise<readonly string[]> {
  const { expand, chosen } = await interpolated(variableQueries(board), observed.prometheus);
  const wrong: string[] = [];
  if (chosen.job.length === 0 || chosen.pod.length < 2)
    wrong.push(`${board.title}: ${JSON.stringify(chosen)}`);
  for (const { title, queries } of board.rows.flatMap(({ panels }) => panels)) {
    for (const { expr, quiet } of queries) {
      const problem = await wrongWith(observed, expand(expr), quiet);
      if (problem !== undefined) wrong.push(`${board.title} / ${title}: ${problem}: ${expr}`);
    }
  }
  return wrong;
}
