/**
 * Documents: the pages of `docs/` and the schema of the chart's values that say what the code says, made from the code.
 *
 * `node tools/docs.ts` (`npm run docs`) writes them; `--check` writes nothing and fails where one differs,
 * and is part of `npm run check`.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alertFiles } from './alerts/alerts.ts';
import { boardFiles } from './dashboards/boards.ts';
import { asyncApiText } from './docs/asyncapi.ts';
import { chartDefaultsText, chartSchemaText } from './docs/chart-values.ts';
import { configPage } from './docs/config.ts';
import { dashboardsPage } from './docs/dashboards.ts';
import { faultsPage } from './docs/faults.ts';
import { metricsPage } from './docs/metrics.ts';
import { rulesPage } from './docs/rules.ts';

const root = join(import.meta.dirname, '..');

const pages: Readonly<Record<string, () => string>> = {
  'docs/asyncapi.yaml': asyncApiText,
  'docs/config.md': configPage,
  'docs/dashboards.md': dashboardsPage,
  'docs/faults.md': faultsPage,
  'docs/metrics.md': metricsPage,
  'helm/config-defaults.json': chartDefaultsText,
  'helm/values.schema.json': () => chartSchemaText(root),
  'docs/spec/rules.md': () => rulesPage(root),
  ...boardFiles,
  ...alertFiles,
};

const checkOnly = process.argv.includes('--check');

for (const [path, page] of Object.entries(pages)) {
  const text = page();
  if (text === textNow(path)) continue;
  if (checkOnly) {
    console.error(`tools/docs: ${path} is not what the code says: npm run docs`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, path), text);
    console.log(`tools/docs: wrote ${path}`);
  }
}

function textNow(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}
