/**
 * Figure: one line of the table: what was measured, what it should be at most, and what it came to.
 */

import type { Spread } from './spread.ts';

export interface Figure {
  readonly what: string;
  /** As it stands in the table: `≤ 7 × yardstick`. Absent: told, and held to nothing. */
  readonly goal?: string;
  /** The most that meets the goal, in the unit of the spread. */
  readonly goalMax?: number;
  readonly spread: Spread;
  readonly unit: Unit;
}

export type Unit = '×' | 'µs' | 'ms' | 's' | 'kB' | '' | '%';

/** Whether the median keeps the goal; `undefined` where there is none. */
export function isMet({ goalMax, spread }: Figure): boolean | undefined {
  return goalMax === undefined ? undefined : spread.median <= goalMax;
}

const decimals: Readonly<Record<Unit, number>> = { '×': 2, µs: 1, ms: 2, s: 2, kB: 2, '': 0, '%': 0 };

/** `6.71 × (6.52–7.04)` */
export function spreadText({ min, median, max }: Spread, unit: Unit): string {
  const text = (value: number) => value.toFixed(decimals[unit]);
  const middle = unit === '' ? text(median) : `${text(median)} ${unit}`;
  return min === max ? middle : `${middle} (${text(min)}–${text(max)})`;
}

/** A table of Markdown that also reads well as plain text. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(header), rule, ...rows.map(line)].join('\n');
}

export function figuresText(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const met = isMet(figure);
    return [
      figure.what,
      figure.goal ?? '',
      spreadText(figure.spread, figure.unit),
      met === undefined ? '' : met ? 'yes' : 'no',
    ];
  });
  return tableText(['figure', 'goal', 'median (least–greatest)', 'met'], rows);
}
