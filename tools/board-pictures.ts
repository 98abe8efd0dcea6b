/**
 * Board pictures: the pictures in `docs/dashboards.md`, drawn from what a real Prometheus saw of real processes under load.
 *
 * `node tools/board-pictures.ts` runs the load of `test/observation/` for some minutes, asks Prometheus for every panel, and
 * draws the boards with `@grafana/ui` in Chromium: the components of Grafana, not Grafana itself, and the pictures say so.
 * `--draw` draws again what was asked last. The 450 MB of `@grafana/ui` are fetched into `.tools/` and are no dependency.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { type Observed, underLoad } from '#test/observation/load.ts';
import type { ResultSeries } from '#test/observation/prometheus-server.ts';
import { interpolated } from '#test/observation/variables.ts';
import { chromiumPath } from './chromium.ts';
import type { Board } from './dashboards/board.ts';
import { boards } from './dashboards/boards.ts';
import { dashboardOf, variableQueries } from './dashboards/grafana.ts';
import { run } from './wheel.ts';

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number | null])[];
}

/** What the page draws: the board as Grafana gets it, and what Prometheus answered by the id of the panel. */
interface Picture {
  readonly name: string;
  readonly dashboard: object;
  readonly answers: Readonly<Record<number, readonly Series[]>>;
  readonly fromS: number;
  readonly toS: number;
  readonly caption: string;
}

const packages = ['@grafana/ui@13.2.2', '@grafana/data@13.2.2', 'react@19.3.1', 'react-dom@19.3.1'];
const load = { callers: 120, everyMs: 500, calmMs: 12_000, ruleFiles: [] };
const stepS = 2;
const widthPixels = 1_600;
const caption = 'Drawn from the data of a test load with @grafana/ui; not a picture of Grafana itself.';

const root = join(import.meta.dirname, '..');
const componentsFolder = join(root, '.tools', 'grafana-ui');
const workFolder = join(root, '.cache', 'board-pictures');
const answersFile = join(workFolder, 'pictures.json');

const html = `<!doctype html><meta charset="utf-8"><title>Board</title><link rel="stylesheet" href="page.css">
<style>* { box-sizing: border-box } body { margin: 0; font: 14px Inter, sans-serif } .uplot, .u-wrap { font-family: inherit }</style>
<div id="board"></div><script src="picture.js"></script><script src="page.js"></script>`;

mkdirSync(workFolder, { recursive: true });
if (!process.argv.includes('--draw')) {
  await underLoad(load, async (observed) => {
    const pictures = await Promise.all(boards.map((board) => pictureOf(board, observed)));
    writeFileSync(answersFile, JSON.stringify(pictures));
  });
}
await draw(JSON.parse(readFileSync(answersFile, 'utf8')));

async function pictureOf(board: Board, { prometheus, fromS, toS }: Observed): Promise<Picture> {
  const { expand } = await interpolated(variableQueries(board), prometheus, '10s');
  const dashboard = dashboardOf(board);
  const answers: Record<number, readonly Series[]> = {};
  for (const panel of dashboard.panels ?? []) {
    if (!('targets' in panel)) continue;
    const series: Series[] = [];
    for (const { expr = '', legendFormat = '' } of (panel.targets ?? []) as {
      expr?: string;
      legendFormat?: string;
    }[]) {
      for (const { labels, points } of await prometheus.range(expand(expr), fromS, toS, stepS)) {
        const name = legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '');
        series.push({ name, points: withHoles(points, fromS, toS) });
      }
    }
    answers[panel.id ?? 0] = series;
  }
  return { name: board.name, dashboard, answers, fromS, toS, caption };
}

/** Where Prometheus has nothing there is a hole, not a line across. */
function withHoles(points: ResultSeries['points'], fromS: number, toS: number): Series['points'] {
  const step = (atS: number) => Math.round((atS - fromS) / stepS);
  const values = new Map(points.map(([atS, value]) => [step(atS), value]));
  return Array.from({ length: step(toS) + 1 }, (_, i) => [fromS + i * stepS, values.get(i) ?? null] as const);
}

async function draw(pictures: readonly Picture[]): Promise<void> {
  fetchComponents();
  await build({
    entryPoints: [join(import.meta.dirname, 'dashboards', 'pictures', 'page.tsx')],
    outfile: join(workFolder, 'page.js'),
    nodePaths: [join(componentsFolder, 'node_modules')],
    bundle: true,
    jsx: 'automatic',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.JEST_WORKER_ID': 'undefined' },
    loader: { '.ttf': 'empty', '.svg': 'dataurl' },
    logLevel: 'error',
  });
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
  try {
    for (const picture of pictures) await drawOne(browser, picture);
  } finally {
    await browser.close();
  }
}

async function drawOne(browser: Browser, picture: Picture): Promise<void> {
  const page = await browser.newPage({ viewport: { width: widthPixels, height: 900 } });
  const errors: Error[] = [];
  page.on('pageerror', (error) => errors.push(error));
  const file = join(workFolder, 'page.html');
  writeFileSync(join(workFolder, 'picture.js'), `window.picture = ${JSON.stringify(picture)}`);
  writeFileSync(file, html);
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector('[data-drawn]', { state: 'attached' });
  if (errors.length > 0) throw errors[0];
  const path = join(root, 'docs', 'images', `${picture.name.replace('snowshed', 'dashboard')}.png`);
  await page.screenshot({ path, fullPage: true });
  await page.close();
  console.log(`tools/board-pictures: drew ${path}`);
}

function fetchComponents(): void {
  if (existsSync(join(componentsFolder, 'node_modules', '@grafana', 'ui'))) return;
  mkdirSync(componentsFolder, { recursive: true });
  writeFileSync(join(componentsFolder, 'package.json'), '{ "private": true }');
  const options = ['--prefix', componentsFolder, '--no-package-lock', '--ignore-scripts', '--silent'];
  if (!run('npm', ['install', ...options, ...packages])) throw new Error('@grafana/ui cannot be fetched');
}
