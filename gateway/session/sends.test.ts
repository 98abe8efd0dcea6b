import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  emptySendQueue,
  givenBack,
  givenUp,
  isOver,
  offered,
  type PendingSend,
  refusedBefore,
  settled,
} from './sends.ts';

/** Past all that a test does. */
const END_MS = 200_000;

function send(id: number): PendingSend {
  return {
    id: `${id}`,
    messageId: `m${id}`,
    data: new Uint8Array(),
    ttlMs: 60_000,
    notAfter: 60_000,
    endMs: 60_000,
  };
}

/** How the log answers at a moment: it takes the frame, is full, or the bus is away. */
type Weather = 'takes' | 'full' | 'away';

const REPEAT_MS = 500;

test('[SESSION-13] whatever refuses them and however long, frames enter the log in the order they were sent', () => {
  const weather = fc.array(
    fc.tuple(fc.constantFrom<Weather>('takes', 'full', 'away'), fc.integer({ min: 1, max: 24 })),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(weather, fc.integer({ min: 1, max: 4 }), (spells, perTurn) => {
      const queue = emptySendQueue();
      const stored: number[] = [];
      const waiting: number[] = [];
      let next = 0;
      let nowMs = 0;
      // A client that sends on and repeats what was refused, in order, each half second; at the end all is well.
      for (const [now, turns] of [...spells, ['takes', 2] as const]) {
        for (let turn = 0; turn < turns; turn++, nowMs += REPEAT_MS) {
          for (let n = 0; n < perTurn; n++) waiting.push(++next);
          for (const id of [...waiting]) offer(id, now);
        }
      }
      assert.deepEqual(
        stored,
        [...stored].sort((a, b) => a - b),
      );
      assert.equal(stored.length, next);

      function offer(id: number, now: Weather): void {
        if (now === 'away') return refusedBefore(queue, `${id}`, 'UNDECIDED', END_MS, nowMs);
        if (offered(queue, send(id), nowMs).kind !== 'append') return;
        if (now === 'full') return void givenBack(queue, 'LOG_FULL', nowMs);
        stored.push(id);
        waiting.splice(waiting.indexOf(id), 1);
        settled(queue);
      }
    }),
  );
});

test('[SESSION-13] however late the client hears of a refusal, what it sent meanwhile is not taken first', () => {
  const queue = emptySendQueue();
  assert.equal(offered(queue, send(1), 0).kind, 'append');
  givenBack(queue, 'LOG_FULL', 0);
  assert.deepEqual(offered(queue, send(2), 20_000), { kind: 'refused', fault: 'LOG_FULL' });
  assert.equal(offered(queue, send(1), 20_000).kind, 'append');
  assert.equal(offered(queue, send(2), 20_000).kind, 'waits');
});

test('[SESSION-13] what may not come any more is not waited for, and no channel is remembered for it', () => {
  const queue = emptySendQueue();
  refusedBefore(queue, '1', 'UNDECIDED', 1_000, 0);
  refusedBefore(queue, '2', 'UNDECIDED', 28_000, 0);
  assert.equal(offered(queue, send(2), 1_001).kind, 'append');
  settled(queue);
  refusedBefore(queue, '3', 'LOG_FULL', 2_000, 1_500);
  assert.equal(isOver(queue, 2_000), false);
  assert.equal(isOver(queue, 2_001), true);
});

test('[SESSION-13] a client that gives a refused frame up is not held back by it, unless it may still be stored', () => {
  const queue = emptySendQueue();
  refusedBefore(queue, '1', 'RATE_LIMITED', 28_000, 0);
  refusedBefore(queue, '2', 'UNDECIDED', 28_000, 0);
  for (const id of ['1', '2']) givenUp(queue, id);
  assert.equal(offered(queue, send(3), 0).kind, 'refused');
  assert.equal(offered(queue, send(2), 0).kind, 'append');
});

test('[SESSION-13] a refusal of what is in the queue does not make it owed', () => {
  const queue = emptySendQueue();
  offered(queue, send(1), 0);
  refusedBefore(queue, '1', 'RATE_LIMITED', 28_000, 0);
  settled(queue);
  assert.equal(offered(queue, send(2), 0).kind, 'append');
});
