import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figure, figuresText, isMet, spreadText, tableText } from './figure.ts';

const figure: Figure = {
  what: 'frame',
  goal: '≤ 7 × yardstick',
  goalMax: 7,
  spread: { min: 6, median: 7, max: 8 },
  unit: '×',
};

test('a goal is kept by the median, not by the best round', () => {
  assert.equal(isMet(figure), true);
  assert.equal(isMet({ ...figure, spread: { min: 6, median: 7.01, max: 8 } }), false);
  assert.equal(isMet({ what: 'told', spread: figure.spread, unit: '×' }), undefined);
});

test('a spread of one measurement is told as one number', () => {
  assert.equal(spreadText({ min: 1, median: 2, max: 3 }, 'µs'), '2.0 µs (1.0–3.0)');
  assert.equal(spreadText({ min: 70, median: 70, max: 70 }, ''), '70');
});

test('every line of a table has the same columns at the same places', () => {
  const lines = tableText(['a', 'long title'], [['x'], ['much longer', 'y']]).split('\n');
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(figuresText([figure]), /\| frame +\| ≤ 7 × yardstick \| 7\.00 × \(6\.00–8\.00\) +\| yes \|/);
});
