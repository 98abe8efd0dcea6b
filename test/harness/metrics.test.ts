import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetrics, sumOf } from './metrics.ts';

const text = `# HELP faults_total Mistakes.
# TYPE faults_total counter
faults_total{fault="MALFORMED",dialect="native"} 3
faults_total{fault="MALFORMED",dialect="sip"} 4
faults_total{fault="a \\"b\\" {c}"} 1e2
up 1
`;

test('series are read with their labels, and summed over those that are not asked for', () => {
  const series = parseMetrics(text);
  assert.equal(series.length, 4);
  assert.equal(sumOf(series, 'faults_total', { fault: 'MALFORMED' }), 7);
  assert.equal(sumOf(series, 'faults_total', { fault: 'MALFORMED', dialect: 'sip' }), 4);
  assert.equal(sumOf(series, 'faults_total', { fault: 'a \\"b\\" {c}' }), 100);
  assert.equal(sumOf(series, 'up', {}), 1);
  assert.equal(sumOf(series, 'up', { fault: 'MALFORMED' }), 0);
  assert.equal(sumOf(series, 'down', {}), 0);
});
