import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DoorCosts, ways } from './costs.ts';
import { doorCostsFile, doorSection, doorTable, doorText, withDoorSection } from './costs-text.ts';

const transport = (first: number) => ({
  micros: Object.fromEntries(
    ways.map((way, i) => [way, [first + i, first + i, first + i]]),
  ) as unknown as DoorCosts['plain']['micros'],
  waitingBytes: [1_500],
});
const costs: DoorCosts = { plain: transport(20), tls: transport(200), refusedMicros: [8] };
const text = (clients: number) =>
  doorText({ costs, clients, waiting: 1_500, day: '2026-01-31', loadBefore: 0.1 });

test('a run replaces its own section and leaves the rest of the page', () => {
  const page = withDoorSection('# Page\n\nbefore\n', text(10));
  assert(page.startsWith('# Page\n\nbefore\n'));
  const again = withDoorSection(`${page}after $1\n`, text(20));
  assert.equal(doorSection(again), text(20));
  assert(again.includes('before') && again.endsWith('after $1\n'));
  assert.equal(withDoorSection(again, ''), again);
});

test('a table without Python says what was not measured', () => {
  assert.match(doorTable({ ...costs, refusedMicros: [] }), /both ends +\| not measured/);
});

test('waiting sockets that were cut before their memory was read are not measured', () => {
  assert.match(
    doorTable({ ...costs, tls: { ...costs.tls, waitingBytes: [] } }),
    /waits +\|[^|]+kB +\| not measured/,
  );
});

test('what gateways and the simulation count with are the medians of the page', () => {
  const root = join(import.meta.dirname, '../..');
  const page = doorSection(readFileSync(join(root, 'docs/benchmarks.md'), 'utf8'));
  const file = JSON.parse(readFileSync(join(root, 'gateway/door/costs.json'), 'utf8'));
  for (const way of ways) {
    const row = page.split('\n').find((line) => line.startsWith(`| ${way} `))!;
    const medians = [...row.matchAll(/ ([\d.]+) µs/g)].map(([, median]) => Number(median));
    assert.deepEqual(medians, [file.plain[way], file.tls[way]], way);
  }
  const run = { costs, clients: 1, waiting: 1, day: '2026-01-31', loadBefore: 0 };
  const written = JSON.parse(doorCostsFile(run));
  assert.deepEqual(Object.keys(written), Object.keys(file));
  assert.deepEqual(Object.keys(written.tls), Object.keys(file.tls));
});
