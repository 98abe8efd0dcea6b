import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DoorCosts, ways } from './costs.ts';
import { doorSection, doorTable, doorText, withDoorSection } from './costs-text.ts';

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
