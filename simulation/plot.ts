/**
 * Plot: arrivals, set-ups and those still away over time, of several policies, as one SVG.
 */

import { BIN_MS, type Curves } from './figures.ts';

export interface Line {
  readonly title: string;
  readonly curves: Curves;
}

export interface PlotOptions {
  readonly title: string;
  readonly clients: number;
  readonly optimumMs: number;
  readonly untilMs: number;
}

const WIDTH = 900;
const PANEL = { left: 78, width: 770, height: 170, gap: 48, top: 112 } as const;
const colours = ['#0b6e4f', '#c1440e', '#6a4c93', '#3366aa', '#b08900', '#777777', '#aa3377'];
/** Points of a curve; each is the mean of the bins it stands for. */
const POINTS = 300;

interface Panel {
  readonly title: string;
  readonly most: number;
  readonly of: (curves: Curves) => readonly number[];
}

export function plotted(lines: readonly Line[], options: PlotOptions): string {
  const perSecond = 1_000 / BIN_MS;
  const rate = (values: readonly number[]) => values.map((value) => value * perSecond);
  const even = options.clients / (options.optimumMs / 1_000);
  const panels: readonly Panel[] = [
    { title: 'attempts per second', most: 8 * even, of: (curves) => rate(curves.attempts) },
    { title: 'set up per second', most: 1.6 * even, of: (curves) => rate(curves.setUps) },
    { title: 'clients away', most: options.clients, of: (curves) => curves.away },
  ];
  const height = PANEL.top + panels.length * (PANEL.height + PANEL.gap) + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(options.title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${PANEL.left}" y="22" font-size="15" font-weight="bold">${escaped(options.title)}</text>`,
    ...legend(lines),
    ...panels.flatMap((panel, i) => drawn(panel, PANEL.top + i * (PANEL.height + PANEL.gap), lines, options)),
    '</svg>',
    '',
  ].join('\n');
}

function legend(lines: readonly Line[]): string[] {
  return lines.map(({ title }, i) => {
    const [x, y] = [PANEL.left + (i % 3) * 275, 44 + Math.floor(i / 3) * 18];
    const mark = `<line x1="${x}" y1="${y - 4}" x2="${x + 22}" y2="${y - 4}" stroke="${colours[i]}" stroke-width="3"/>`;
    return `${mark}<text x="${x + 28}" y="${y}">${escaped(title)}</text>`;
  });
}

function drawn(
  { title, most, of }: Panel,
  top: number,
  lines: readonly Line[],
  { optimumMs, untilMs }: PlotOptions,
): string[] {
  const bottom = top + PANEL.height;
  const x = (ms: number) => PANEL.left + (ms / untilMs) * PANEL.width;
  const y = (value: number) => bottom - (Math.min(value, most) / most) * PANEL.height;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(part * most).toFixed(1);
    const label = `<text x="${PANEL.left - 6}" y="${Number(at) + 4}" text-anchor="end">${short(part * most)}</text>`;
    return `<line x1="${PANEL.left}" y1="${at}" x2="${PANEL.left + PANEL.width}" y2="${at}" stroke="#dddddd"/>${label}`;
  });
  const ticks = times(untilMs).map(
    (ms) => `<text x="${x(ms).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${ms / 1_000} s</text>`,
  );
  const best = x(optimumMs).toFixed(1);
  return [
    ...grid,
    ...ticks,
    `<line x1="${best}" y1="${top}" x2="${best}" y2="${bottom}" stroke="#333333" stroke-dasharray="4 3"/>`,
    `<text x="${Number(best) + 4}" y="${top + 12}" fill="#333333">optimum</text>`,
    `<text x="${PANEL.left}" y="${top - 8}" font-weight="bold">${title}</text>`,
    // The first line is drawn last, so that it lies on top.
    ...lines.map(({ curves }, i) => curve(of(curves), i, x, y, untilMs)).reverse(),
  ];
}

function curve(
  values: readonly number[],
  i: number,
  x: (ms: number) => number,
  y: (value: number) => number,
  untilMs: number,
): string {
  const bins = Math.min(values.length, Math.ceil(untilMs / BIN_MS));
  const each = Math.max(1, Math.ceil(untilMs / BIN_MS / POINTS));
  const points: string[] = [];
  for (let from = 0; from < bins; from += each) {
    const part = values.slice(from, Math.min(from + each, bins));
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
    points.push(`${x((from + each / 2) * BIN_MS).toFixed(1)},${y(mean).toFixed(1)}`);
  }
  const width = i === 0 ? 2.4 : 1.4;
  return `<polyline fill="none" stroke="${colours[i]}" stroke-width="${width}" points="${points.join(' ')}"/>`;
}

function times(untilMs: number): number[] {
  const stepMs =
    [1, 2, 5, 10, 20, 50, 100].map((s) => s * 1_000).find((step) => untilMs / step <= 12) ?? 200_000;
  return Array.from({ length: Math.floor(untilMs / stepMs) + 1 }, (_, i) => i * stepMs);
}

function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${Math.round(value / 1_000)} k`;
  return value >= 1_000 ? `${(value / 1_000).toFixed(1)} k` : String(Math.round(value));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
