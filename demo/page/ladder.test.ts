/** Tests of the ladder: what becomes of a frame is told on its rung. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyLadder, type Ladder, noted, type Rung, received, refused, sent, stored } from './ladder.ts';

const empty = emptyLadder('ann', 'bob', 1_000);

test('a frame sent is a rung, and the acknowledgment adds how long it took', () => {
  const offered = sent(empty, '1', 'offer', 'caller', 'callee', 1_250);
  const rung: Rung = {
    type: 'rung',
    ids: ['1'],
    kind: 'offer',
    from: 'caller',
    to: 'callee',
    state: 'sending',
    atMs: 250,
  };
  assert.deepEqual(offered.rows, [rung]);
  assert.deepEqual(stored(offered, '1', 1.5).rows, [{ ...rung, state: 'stored', ms: 1.5 }]);
  assert.deepEqual(refused(offered, '1', 'FORBIDDEN').rows, [
    { ...rung, state: 'refused', fault: 'FORBIDDEN' },
  ]);
  assert.deepEqual(stored(offered, 'other', 1.5).rows, [rung]);
});

test('candidates that follow one another are one rung, which shows the longest time', () => {
  let ladder = sent(empty, '1', 'candidate', 'caller', 'callee', 1_000);
  ladder = sent(ladder, '2', 'candidate', 'caller', 'callee', 1_001);
  ladder = stored(stored(ladder, '1', 3), '2', 2);
  assert.equal(ladder.rows.length, 1);
  assert.deepEqual([(ladder.rows[0] as Rung).ids, (ladder.rows[0] as Rung).ms], [['1', '2'], 3]);
  ladder = received(ladder, 'candidate', 'callee', 'caller', 1, 1_002);
  ladder = noted(ladder, 'media flows', 'good', 1_003);
  assert.deepEqual(
    ladder.rows.map((row) => row.type),
    ['rung', 'rung', 'note'],
  );
});

test('every frame stands on one rung, in the order it came, and the rows are bounded', () => {
  const kinds = fc.constantFrom('offer', 'candidate', 'candidate', 'hangup');
  fc.assert(
    fc.property(fc.array(kinds, { maxLength: 500, size: 'max' }), (sequence) => {
      const ladder = sequence.reduce<Ladder>(
        (all, kind, index) => sent(all, `${index}`, kind, 'caller', 'callee', index),
        empty,
      );
      assert(ladder.rows.length <= 200);
      const ids = ladder.rows.flatMap((row) => (row.type === 'rung' ? row.ids : []));
      assert.deepEqual(ids, sequence.map((_, index) => `${index}`).slice(sequence.length - ids.length));
    }),
  );
});
