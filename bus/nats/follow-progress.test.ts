import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { consumerBegins, deliveredOf, heedHeartbeat, heedMessage, progressAfter } from './follow-progress.ts';

/** What a server does towards one follower: stores frames (for it or for others), sends, loses, beats. */
const events = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant('store' as const) },
    { weight: 3, arbitrary: fc.constant('store for others' as const) },
    { weight: 6, arbitrary: fc.constant('send' as const) },
    { weight: 1, arbitrary: fc.constant('lose' as const) },
    { weight: 2, arbitrary: fc.constant('beat' as const) },
    { weight: 1, arbitrary: fc.constant('lose the connection' as const) },
  ),
  { maxLength: 200 },
);

test('[P1][P2] whatever is lost on the way, every entry is brought once and in order, and the head is true', () => {
  fc.assert(
    fc.property(events, fc.integer({ min: 0, max: 20 }), (happening, start) => {
      const progress = progressAfter(start);
      const ours: number[] = [];
      const brought: number[] = [];
      let end = start;
      let consumer = { next: start + 1, sent: 0 };
      const begin = () => {
        consumerBegins(progress);
        consumer = { next: progress.position + 1, sent: 0 };
      };
      const due = () => ours.find((position) => position >= consumer.next);
      const send = (arrives: boolean): void => {
        const position = due();
        if (position === undefined) return;
        consumer.next = position + 1;
        consumer.sent++;
        if (!arrives) return;
        const verdict = heedMessage(progress, position, consumer.sent);
        if (verdict === 'bring') brought.push(position);
        if (verdict === 'hole') begin();
      };
      const beat = (): void => {
        if (due() === undefined) consumer.next = Math.max(consumer.next, end + 1);
        const head = heedHeartbeat(progress, consumer.sent, consumer.next - 1);
        if (head === 'hole') begin();
      };
      for (const event of happening) {
        if (event === 'store') ours.push(++end);
        else if (event === 'store for others') end++;
        else if (event === 'send') send(true);
        else if (event === 'lose') send(false);
        else if (event === 'beat') beat();
        else begin();
        assert.deepEqual(brought, ours.slice(0, brought.length));
        assert(ours.filter((position) => position <= progress.head).every((p) => brought.includes(p)));
        assert(progress.head <= end);
      }
      // However it went, a few beats and sends bring the rest.
      for (let n = 0; n < 2 * happening.length + 4; n++) {
        beat();
        send(true);
      }
      beat();
      assert.deepEqual(brought, ours);
      assert.equal(progress.head, end);
    }),
  );
});

test('an entry that a new consumer brings again is dropped', () => {
  const progress = progressAfter(0);
  assert.equal(heedMessage(progress, 5, 1), 'bring');
  consumerBegins(progress);
  assert.equal(heedMessage(progress, 5, 1), 'drop');
  assert.equal(heedMessage(progress, 9, 2), 'bring');
});

test('the place of a message is read out of both forms of its subject', () => {
  const place = { position: 7, consumerSequence: 3, storedAtMs: 1795366301009, pending: 2 };
  assert.deepEqual(deliveredOf('$JS.ACK.t.c2.1.7.3.1795366301009316578.2'), place);
  assert.deepEqual(deliveredOf('$JS.ACK.hub.AbCdEf.t.c2.1.7.3.1795366301009316578.2'), place);
  assert.deepEqual(deliveredOf('$JS.ACK.hub.AbCdEf.t.c2.1.7.3.1795366301009316578.2.random'), place);
  assert.equal(deliveredOf('$JS.FC.t.c2.x'), undefined);
  assert.equal(deliveredOf(''), undefined);
});
