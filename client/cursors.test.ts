import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Cursors, follow, listed, pass, skip, unfollow } from './cursors.ts';

const channel = 'u/ann';

function at(epoch: string, position: number): Cursors {
  const cursors: Cursors = new Map();
  follow(cursors, channel, { epoch, position });
  return cursors;
}

/** What two flows of a session bring: the second begins at the cursor the client had when it opened it. */
const twoFlows = fc
  .record({
    log: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 25 }),
    start: fc.integer({ min: 0, max: 20 }),
    before: fc.nat({ max: 25 }),
    turns: fc.infiniteStream(fc.boolean()),
  })
  .map(({ log, start, before, turns }) => {
    const first = log.sort((a, b) => a - b).filter((position) => position > start);
    const mixed = first.splice(0, before);
    const second = log.filter((position) => position > (mixed.at(-1) ?? start));
    while (first.length + second.length > 0) {
      const [one, other] = turns.next().value ? [first, second] : [second, first];
      mixed.push((one.length > 0 ? one : other).shift()!);
    }
    return { sorted: log, start, mixed };
  });

test('[CURSORS-1] however two flows mix, each frame reaches the app once and in order', () => {
  fc.assert(
    fc.property(twoFlows, ({ sorted, start, mixed }) => {
      const cursors = at('e', start);
      const seen = mixed.filter((position) => pass(cursors, { channel, epoch: 'e', position }));
      assert.deepEqual(
        seen,
        sorted.filter((position) => position > start),
      );
    }),
  );
});

test('[CURSORS-2] a resume from the cursor listed brings what follows, whenever it happens', () => {
  fc.assert(
    fc.property(twoFlows, fc.nat(), ({ sorted, start, mixed }, cut) => {
      const before = at('e', start);
      const first = mixed
        .slice(0, cut % (mixed.length + 1))
        .filter((position) => pass(before, { channel, epoch: 'e', position }));
      const after: Cursors = new Map();
      for (const { channel, ...cursor } of listed(before)) follow(after, channel, cursor);
      const rest = sorted.filter((position) => pass(after, { channel, epoch: 'e', position }));
      assert.deepEqual(
        [...first, ...rest],
        sorted.filter((position) => position > start),
      );
    }),
  );
});

test('[CURSORS-3] another epoch begins anew, and what an older flow still brings of the ended one is dropped', () => {
  const cursors = at('old', 90);
  assert(skip(cursors, { channel, epoch: 'new', from: 90, to: 7 }));
  assert.deepEqual(listed(cursors), [{ channel, epoch: 'new', position: 0 }]);
  assert(
    pass(cursors, { channel, epoch: 'new', position: 5 }),
    'what is alive lies before the end of the gap',
  );
  assert(!pass(cursors, { channel, epoch: 'old', position: 91 }));
  assert(!skip(cursors, { channel, epoch: 'new', from: 90, to: 7 }));
  assert(!skip(cursors, { channel, epoch: 'old', from: 91, to: 95 }));
  assert(pass(cursors, { channel, epoch: 'newer', position: 1 }), 'also without a gap before it');
  assert(!pass(cursors, { channel, epoch: 'new', position: 6 }));
});

test('[CURSORS-4] a gap is told once; one that goes back takes the cursor back to the first frame alive', () => {
  const cursors = at('e', 50);
  const back = { channel, epoch: 'e', from: 50, to: 30 };
  assert(skip(cursors, back));
  assert(pass(cursors, { channel, epoch: 'e', position: 28 }));
  assert(!skip(cursors, back));
  assert(!pass(cursors, { channel, epoch: 'e', position: 28 }));
  const forward = { channel, epoch: 'e', from: 28, to: 40 };
  assert(skip(cursors, forward));
  assert.equal(listed(cursors)[0]?.position, 28, 'nothing that may still come is passed over');
  assert(pass(cursors, { channel, epoch: 'e', position: 41 }));
  assert(!skip(cursors, forward));
});

test('[CURSORS-5] what is not followed, or no longer, is dropped; what is volatile passes', () => {
  const cursors = at('e', 5);
  assert(pass(cursors, { channel }));
  assert(pass(cursors, { channel, position: 0 }));
  assert.deepEqual(listed(cursors), [{ channel, epoch: 'e', position: 5 }]);
  for (const other of [{ channel: 'r/x' }, { channel: 'r/x', epoch: 'e', position: 9 }])
    assert(!pass(cursors, other));
  assert(!skip(cursors, { channel: 'r/x', epoch: 'e', from: 1, to: 2 }));
  unfollow(cursors, channel);
  assert(!pass(cursors, { channel, epoch: 'e', position: 6 }));
});

test('[CURSORS-6] a room that is being joined has no cursor yet; frames that come before the answer are the better one', () => {
  const cursors: Cursors = new Map();
  follow(cursors, 'r/x');
  assert.deepEqual(listed(cursors), []);
  assert(pass(cursors, { channel: 'r/x', epoch: 'e', position: 9 }));
  follow(cursors, 'r/x', { epoch: 'e', position: 7 });
  assert.deepEqual(listed(cursors), [{ channel: 'r/x', epoch: 'e', position: 9 }]);
  follow(cursors, 'r/y');
  follow(cursors, 'r/y', { epoch: 'e', position: 7 });
  assert(!pass(cursors, { channel: 'r/y', epoch: 'e', position: 7 }));
});
