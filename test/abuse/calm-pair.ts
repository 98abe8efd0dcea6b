/**
 * Calm pair: two sessions that exchange frames before, while and after others misbehave; how long each frame took.
 *
 * While they are abused, the median may be twice what it is in calm, or 5 ms more where that is little: the processes of
 * a test share two cores with the attack itself, and a frame takes less than a millisecond when all is quiet.
 * Both are measured in the same run, calm first and last, so that a slow machine is slow in both.
 */

import assert from 'node:assert/strict';
import type { RawClient } from '../harness/raw-client.ts';
import type { Stage } from '../harness/stage.ts';

type Phase = 'calm' | 'abused';

export interface CalmPair {
  /** Measures so long in calm. */
  calm(ms?: number): Promise<void>;
  /** Measures while something is done, and at least so long. */
  abused<T>(act: () => Promise<T>, msMin?: number): Promise<T>;
  /** Everything arrived, once and in order; nobody was closed; and the abuse was hardly felt. */
  unharmed(): Promise<string>;
}

const SLOWER_TIMES = 2;
const SLOWER_MS = 5;
const BETWEEN_MS = 15;
const ARRIVES_MS = 10_000;

export async function startCalmPair(stage: Stage): Promise<CalmPair> {
  const [ann, bob] = [stage.name('calm'), stage.name('calm')];
  const [alice, robert] = [await stage.open(ann), await stage.open(bob)];
  const took: Record<Phase, number[]> = { calm: [], abused: [] };
  let phase: Phase = 'calm';
  let sent = 0;
  let stopping = false;

  /** One frame there and one back. */
  async function exchange(): Promise<void> {
    const of = phase;
    const text = `calm ${++sent}`;
    for (const [from, to, user] of [
      [alice, robert, bob],
      [robert, alice, ann],
    ] as const) {
      const startMs = performance.now();
      const [acked] = await Promise.all([
        from.send({ user }, text),
        to.nextBody(text, ARRIVES_MS).then(() => took[of].push(performance.now() - startMs)),
      ]);
      assert.equal(acked.type, 'ack');
    }
  }
  const exchanging = (async () => {
    while (!stopping) {
      await exchange();
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  })();
  // Whoever waits next is told.
  exchanging.catch(() => undefined);

  async function lasts(ms: number): Promise<void> {
    await Promise.race([exchanging, new Promise((resolve) => setTimeout(resolve, ms))]);
  }
  return {
    calm: (ms = 1_500) => lasts(ms),
    async abused(act, msMin = 1_500) {
      phase = 'abused';
      try {
        const [done] = await Promise.all([act(), lasts(msMin)]);
        return done;
      } finally {
        phase = 'calm';
      }
    },
    async unharmed() {
      stopping = true;
      await exchanging;
      for (const client of [alice, robert]) assertAll(client, sent);
      const [calm, abused] = [median(took.calm), median(took.abused)];
      const said = `median ${calm.toFixed(2)} ms in calm (${took.calm.length}), ${abused.toFixed(2)} ms abused (${took.abused.length})`;
      assert(abused <= Math.max(SLOWER_TIMES * calm, calm + SLOWER_MS), said);
      for (const client of [alice, robert]) client.cut();
      return said;
    },
  };
}

function assertAll(client: RawClient, sent: number): void {
  assert.equal(client.closing, undefined, 'nobody closed it');
  const bodies = client.frames().map(({ body }) => body);
  assert.deepEqual(
    bodies,
    Array.from({ length: sent }, (_, i) => `calm ${i + 1}`),
  );
}

function median(values: readonly number[]): number {
  assert(values.length >= 20, `only ${values.length} frames were measured`);
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
