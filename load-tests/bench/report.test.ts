import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figure } from './figure.ts';
import { reportText } from './report.ts';

const goal: Figure = {
  what: 'frame',
  goal: '≤ 7 × yardstick',
  goalMax: 7,
  spread: { min: 5, median: 6, max: 8 },
  unit: '×',
};
const other: Figure = { what: 'idle', spread: { min: 1, median: 1, max: 1 }, unit: '%' };

test('the page tells the machine, the goals and what else was measured', () => {
  const page = reportText({
    goals: [goal],
    others: [other],
    machine: ['2 × processor'],
    day: '2026-01-31',
    seconds: 590,
    loadBefore: 0.25,
  });
  assert.match(page, /on 2026-01-31, in 10 minutes/);
  assert.match(page, /^- 2 × processor$/m);
  assert.match(page, /^\| frame +\| ≤ 7 × yardstick \| 6\.00 × \(5\.00–8\.00\) +\| yes \|$/m);
  assert.match(page, /^\| idle +\| +\| 1 % +\| +\|$/m);
});
