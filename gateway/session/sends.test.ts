import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptySendQueue, givenBack, offered, type PendingSend, refusedBefore, settled } from './sends.ts';

function send(id: number): PendingSend {
  return { id: `${id}`, messageId: `m${id}`, data: new Uint8Array(), ttlMs: 60_000, notAfter: 60_000 };
}

/** How the log answers at a moment: it takes the frame, is full, or the bus is away. */
type Weather = 'takes' | 'full' | 'away';

const OWED_MS = { full: 5_500, away: 28_000 } as const;
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
        if (now === 'away') return refusedBefore(queue, `${id}`, 'UNDECIDED', nowMs + OWED_MS.away, 60_000);
        if (offered(queue, send(id), nowMs).kind !== 'append') return;
        if (now === 'full') return void givenBack(queue, 'LOG_FULL', nowMs, OWED_MS.full);
        stored.push(id);
        waiting.splice(waiting.indexOf(id), 1);
        settled(queue);
      }
    }),
  );
});

test('[SESSION-13] one that comes late is not behind those sent after it, as long as it may come', () => {
  const queue = emptySendQueue();
  refusedBefore(queue, '2', 'UNDECIDED', 28_000, 28_000);
  assert.equal(offered(queue, send(2), 0).kind, 'append');
  queue.waiting.push(send(3));
  refusedBefore(queue, '4', 'UNDECIDED', 28_000, 28_000);
  givenBack(queue, 'LOG_FULL', 0, OWED_MS.full);
  const refused = offered(queue, send(3), 20_000);
  assert.deepEqual(refused, { kind: 'refused', fault: 'LOG_FULL' });
  assert.equal(offered(queue, send(2), 20_000).kind, 'append');
});

test('[SESSION-13] what the client has given up is not waited for', () => {
  const queue = emptySendQueue();
  refusedBefore(queue, '1', 'UNDECIDED', 1_000, 1_000);
  refusedBefore(queue, '2', 'UNDECIDED', 28_000, 28_000);
  assert.equal(offered(queue, send(2), 1_001).kind, 'append');
});
