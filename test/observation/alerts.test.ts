import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Alert, Sample } from '#tools/alerts/alert.ts';
import { runbookOf } from '#tools/alerts/alert.ts';
import { alertFiles, alerts } from '#tools/alerts/alerts.ts';
import { boards } from '#tools/dashboards/boards.ts';
import { prometheusPaths } from '#tools/prometheus.ts';

const root = join(import.meta.dirname, '..', '..');
const [ruleFile = ''] = Object.keys(alertFiles);

describe('alerts', () => {
  test('promtool finds nothing wrong with the rules', () => {
    const { status, stdout, stderr } = promtool('check', 'rules', join(root, ruleFile));
    assert.equal(status, 0, stderr);
    assert(stdout.includes(`SUCCESS: ${alerts.length} rules found`), stdout);
  });

  test('each alert fires on what it is for, once, and not on what is like it (promtool test rules)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'snowshed-rules-'));
    try {
      const file = join(folder, 'alerts.test.json');
      writeFileSync(file, JSON.stringify(ruleTests(join(root, ruleFile))));
      const { status, stdout, stderr } = promtool('test', 'rules', file);
      assert.equal(status, 0, stdout + stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('each alert has severity, summary, description and a runbook, and each runbook its alert', () => {
    for (const alert of alerts) {
      assert.match(alert.summary, /^[A-Z].{10,60}\.$/, alert.name);
      assert.match(alert.description, /^.{30,}\.$/, alert.name);
      assert(existsSync(join(root, runbookOf(alert))), runbookOf(alert));
      const text = read(runbookOf(alert));
      assert(text.startsWith(`# ${alert.name}\n`), runbookOf(alert));
      for (const heading of ['## What it means', '## How to see it', '## What to do']) {
        assert(text.includes(`\n${heading}\n`), `${runbookOf(alert)}: ${heading}`);
      }
    }
    const files = readdirSync(join(root, 'docs', 'runbooks')).filter((name) => name.startsWith('Snowshed'));
    assert.deepEqual(files.sort(), alerts.map(({ name }) => `${name}.md`).sort());
  });

  test('panels, variables, faults, log events and pages that a runbook names are there', () => {
    const titles = boards.flatMap(({ rows }) =>
      rows.flatMap(({ panels }) => panels.map(({ title }) => title)),
    );
    const known = ['docs/config.md', 'docs/faults.md', 'docs/metrics.md'].map(read).join('\n');
    const sources = globSync('{gateway,router,bus,runtime}/**/*.ts', { cwd: root }).map(read).join('\n');
    for (const alert of alerts) {
      const text = read(runbookOf(alert));
      for (const [, title = ''] of text.matchAll(/(?<!\*)\*(?:\w+ \/ )?([^*]+)\*(?!\*)/g)) {
        assert(titles.includes(title) || title === 'Fleet', `${alert.name}: panel ${title}`);
      }
      for (const [, name = ''] of text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:`|=)/g)) {
        assert(known.includes(`\`${name}\``), `${alert.name}: ${name}`);
      }
      for (const [, event = ''] of text.matchAll(/event `([a-z.]+)`/g)) {
        assert(sources.includes(`event: '${event}'`), `${alert.name}: event ${event}`);
      }
      for (const [, page = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
        const [file = '', anchor = ''] = page.split('#');
        assert(existsSync(join(root, 'docs', 'runbooks', file)), `${alert.name}: ${page}`);
        const headings = read(join('docs', 'runbooks', file))
          .toLowerCase()
          .replaceAll(' ', '-');
        assert(anchor === '' || headings.includes(`#-${anchor}\n`), `${alert.name}: ${page}`);
      }
    }
  });

  test('what an annotation says of a series, the series has', () => {
    for (const { name, description, value } of alerts) {
      const labels = [...description.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      const grouping = /^[^(]*\bby \(([^)]*)\)/.exec(value)?.[1]?.split(/, */);
      for (const label of labels)
        assert(grouping === undefined || grouping.includes(label), `${name}: ${label}`);
    }
  });
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function promtool(...args: readonly string[]) {
  return spawnSync(prometheusPaths().promtool, [...args], { encoding: 'utf8' });
}

/** JSON is YAML. */
function ruleTests(file: string): object {
  return {
    rule_files: [file],
    evaluation_interval: '30s',
    tests: alerts.flatMap((alert) => [
      ruleTest(alert, alert.fires, 1),
      ruleTest(alert, alert.silent, 0),
      ...(alert.calm === undefined ? [] : [ruleTest(alert, alert.calm, 0)]),
    ]),
  };
}

function ruleTest({ name }: Alert, { atMinutes, series }: Sample, firing: 0 | 1): object {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([one, values]) => ({
      series: one.replace('{', '{namespace="test", '),
      values,
    })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${name}", alertstate="firing"})`,
        eval_time: `${atMinutes}m`,
        exp_samples: firing === 1 ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  };
}
