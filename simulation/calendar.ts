/**
 * Calendar: what each client does next, a bucket per millisecond (R. Brown, Calendar queues, CACM 1988).
 *
 * A client has one entry at most, so a bucket is a chain through two columns and nothing is allocated. The buckets
 * stand for the milliseconds of one year; what is due in a later year stays in its bucket when the year passes.
 */

const YEAR_MS = 1 << 16;
const NONE = -1;

export class Calendar {
  readonly #heads = new Int32Array(YEAR_MS).fill(NONE);
  readonly #next: Int32Array;
  readonly #dueMs: Int32Array;

  constructor(clients: number) {
    this.#next = new Int32Array(clients);
    this.#dueMs = new Int32Array(clients);
  }

  /** The client must have no entry. */
  enter(client: number, atMs: number, nowMs: number): void {
    const dueMs = Math.max(Math.ceil(atMs), nowMs + 1);
    const bucket = dueMs & (YEAR_MS - 1);
    this.#dueMs[client] = dueMs;
    this.#next[client] = this.#heads[bucket]!;
    this.#heads[bucket] = client;
  }

  /** Takes out and visits all that are due in this millisecond. */
  turn(nowMs: number, visit: (client: number) => void): void {
    const bucket = nowMs & (YEAR_MS - 1);
    let client = this.#heads[bucket]!;
    this.#heads[bucket] = NONE;
    while (client !== NONE) {
      const next = this.#next[client]!;
      if (this.#dueMs[client] === nowMs) visit(client);
      else {
        this.#next[client] = this.#heads[bucket]!;
        this.#heads[bucket] = client;
      }
      client = next;
    }
  }
}
