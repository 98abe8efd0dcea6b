/**
 * Benchmark: what a frame, a session and a resume cost, in real processes on loopback, by a yardstick.
 *
 * `npm run bench` measures everything and writes `docs/benchmarks.md`. `-- --quick` is short and writes nothing;
 * `-- --only frames,sessions` takes some of the groups, and writes nothing either.
 */

import { parseArgs } from 'node:util';
import { type Figure, figuresText } from './bench/figure.ts';
import { frameFigures } from './bench/frame-figures.ts';
import { sessionFigures } from './bench/session-figures.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const { quick } = values;
const schedule = quick
  ? { rounds: 2, warmMs: 300, windowMs: 1_000 }
  : { rounds: 5, warmMs: 500, windowMs: 2_000 };

const groups: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  frames: () => frameFigures({ users: quick ? 200 : 400, schedule, tenfold: !quick, progress }),
  sessions: () => sessionFigures({ sessions: quick ? 3_000 : 15_000, rounds: quick ? 1 : 2, progress }),
};

const startMs = performance.now();
function progress(line: string): void {
  console.error(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(4)} s  ${line}`);
}

const wanted = values.only?.split(',') ?? Object.keys(groups);
const figures: Figure[] = [];
for (const name of wanted) {
  const group = groups[name];
  if (group === undefined) throw new Error(`no group ${name}; there are ${Object.keys(groups).join(', ')}`);
  figures.push(...(await group()));
}
console.log(figuresText(figures));
