/**
 * Calendar: what each client does next, a bucket per millisecond (R. Brown, Calendar queues, CACM 1988).
 *
 * A client has one entry at most, so a bucket is a chain through the entries and nothing is allocated. The buckets
 * stand for the milliseconds of one year; what is due in a later year stays in its bucket when the year passes.
 */

import { Integers } from './columns.ts';

const YEAR_MS = 1 << 16;
const NONE = -1;

export class Calendar {
  readonly #heads = new Int32Array(YEAR_MS).fill(NONE);
  /** Per client the next of its bucket, and when it is due. */
  readonly #next: Integers;
  readonly #due: Integers;

  /** @param times the records of the clients; the first eight bytes of each are the calendar's. */
  constructor(times: ArrayBuffer) {
    this.#next = new Integers(times, 0);
    this.#due = new Integers(times, 4);
  }

  /** The client must have no entry. */
  enter(client: number, atMs: number, nowMs: number): void {
    const dueMs = Math.max(Math.ceil(atMs), nowMs + 1);
    const bucket = dueMs & (YEAR_MS - 1);
    this.#next.set(client, this.#heads[bucket]!);
    this.#due.set(client, dueMs);
    this.#heads[bucket] = client;
  }

  /** Takes out and visits all that are due in this millisecond. */
  turn(nowMs: number, visit: (client: number) => void): void {
    const bucket = nowMs & (YEAR_MS - 1);
    let client = this.#heads[bucket]!;
    this.#heads[bucket] = NONE;
    while (client !== NONE) {
      const next = this.#next.of(client);
      if (this.#due.of(client) === nowMs) visit(client);
      else {
        this.#next.set(client, this.#heads[bucket]!);
        this.#heads[bucket] = client;
      }
      client = next;
    }
  }
}
