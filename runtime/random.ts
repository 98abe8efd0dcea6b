/**
 * Random: chance as a value that is handed in, so that a test can replay it.
 *
 * Only this file touches the platform's sources of chance. Ids and secrets come from the operating
 * system's generator, also in tests that seed the draws.
 */

import { randomBytes } from 'node:crypto';

export interface Random {
  /** One draw from [0, 1). */
  draw(): number;
  /** An unguessable id of 128 bits, 22 characters of base64url. */
  id(): string;
}

export function createSystemRandom(): Random {
  return { draw: Math.random, id: unguessableId };
}

/** Draws that a seed repeats (mulberry32), and ids that count. Never in production. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  let ids = 0;
  return {
    draw() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
    id: () => `seeded-${++ids}`,
  };
}

function unguessableId(): string {
  return randomBytes(16).toString('base64url');
}
