import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOf } from './pub-ack.ts';

function outcome(text: string) {
  const surprises: number[] = [];
  const decided = outcomeOf(Buffer.from(text), ({ err_code }) => surprises.push(err_code));
  return { decided, surprises };
}

function refusal(code: number, description: string): string {
  return `{"error":{"code":503,"err_code":${code},"description":"${description}"},"stream":"snowshed-log-0","seq":0}`;
}

test('stored and repeated frames have their position', () => {
  const first = outcome('{"stream":"snowshed-log-0","seq":9007199254740991}').decided;
  assert.deepEqual(first, { kind: 'stored', position: Number.MAX_SAFE_INTEGER, duplicate: false });
  const repeat = outcome('{"stream":"snowshed-log-0","seq":7,"duplicate": true}').decided;
  assert.deepEqual(repeat, { kind: 'stored', position: 7, duplicate: true });
  const hub = outcome('{"stream":"snowshed-log-0", "domain":"hub", "seq":7, "duplicate": true}').decided;
  assert.deepEqual(hub, { kind: 'stored', position: 7, duplicate: true });
});

test('a full log and a full channel are told apart', () => {
  const full = { kind: 'refused', fault: 'LOG_FULL' };
  assert.deepEqual(outcome(refusal(10077, 'maximum bytes exceeded')).decided, full);
  assert.deepEqual(outcome(refusal(10023, 'insufficient resources')).decided, full);
  assert.deepEqual(outcome(refusal(10047, 'insufficient storage resources available')).decided, full);
  const channel = outcome(refusal(10077, 'maximum messages per subject exceeded')).decided;
  assert.deepEqual(channel, { kind: 'refused', fault: 'CHANNEL_FULL' });
});

test('what is not understood is undecided, and an error told', () => {
  for (const text of ['', '{}', 'no', '{"stream":"a","seq":0}', '{"stream":"a","seq":']) {
    assert.deepEqual(outcome(text).decided, { kind: 'undecided' });
  }
  assert.deepEqual(outcome(refusal(10158, 'message id is being processed')), {
    decided: { kind: 'undecided' },
    surprises: [10158],
  });
});
