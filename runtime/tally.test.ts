import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Registry } from 'prom-client';
import { fromZero, labelledTally, tally } from './tally.ts';

function counter(labelNames: readonly string[]): { register: Registry; counter: Counter<string> } {
  const register = new Registry();
  return { register, counter: new Counter({ name: 'n', help: 'h', labelNames, registers: [register] }) };
}

async function shown(register: Registry): Promise<string[]> {
  return (await register.metrics()).split('\n').filter((line) => line.startsWith('n'));
}

test('what was tallied is shown each time the metric is read, once', async () => {
  const { register, counter: plain } = counter([]);
  const frames = tally(plain);
  frames.inc();
  frames.inc(4);
  assert.deepEqual(await shown(register), ['n 5']);
  assert.deepEqual(await shown(register), ['n 5']);
  frames.inc();
  assert.deepEqual(await shown(register), ['n 6']);
});

test('a counter may be tallied for several labels and counted directly beside them', async () => {
  const { register, counter: labelled } = counter(['kind']);
  const [logged, late] = [tally(labelled, { kind: 'logged' }), tally(labelled, { kind: 'late' })];
  logged.inc(2);
  late.inc();
  labelled.inc({ kind: 'late' });
  assert.deepEqual((await shown(register)).sort(), ['n{kind="late"} 2', 'n{kind="logged"} 2']);
});

test('a labelled tally counts each value by itself', async () => {
  const { register, counter: labelled } = counter(['op']);
  const requests = labelledTally(labelled, 'op');
  for (const op of ['send', 'join', 'send']) requests.inc(op);
  assert.deepEqual((await shown(register)).sort(), ['n{op="join"} 1', 'n{op="send"} 2']);
});

test('a counter that begins from zero shows every value of its label before one is counted', async () => {
  const { register, counter: labelled } = counter(['fault']);
  fromZero(labelled, 'fault', ['BUSY', 'FLOOD']).inc({ fault: 'FLOOD' });
  assert.deepEqual(await shown(register), ['n{fault="BUSY"} 0', 'n{fault="FLOOD"} 1']);
});
