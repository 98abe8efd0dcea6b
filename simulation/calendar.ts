/**
 * Calendar: what each client does next, a bucket per millisecond (R. Brown, Calendar queues, CACM 1988).
 *
 * A client has one entry at most, so a bucket is a chain through the entries and nothing is allocated. The buckets
 * stand for the milliseconds of one year; what is due in a later year stays in its bucket when the year passes.
 */

const YEAR_MS = 1 << 16;
const NONE = -1;

export class Calendar {
  readonly #heads = new Int32Array(YEAR_MS).fill(NONE);
  /** Per client the next of its bucket, and when it is due. */
  readonly #entries: Int32Array;

  constructor(clients: number) {
    this.#entries = new Int32Array(2 * clients);
  }

  /** The client must have no entry. */
  enter(client: number, atMs: number, nowMs: number): void {
    const dueMs = Math.max(Math.ceil(atMs), nowMs + 1);
    const bucket = dueMs & (YEAR_MS - 1);
    this.#entries[2 * client] = this.#heads[bucket]!;
    this.#entries[2 * client + 1] = dueMs;
    this.#heads[bucket] = client;
  }

  /** Takes out and visits all that are due in this millisecond. */
  turn(nowMs: number, visit: (client: number) => void): void {
    const entries = this.#entries;
    const bucket = nowMs & (YEAR_MS - 1);
    let client = this.#heads[bucket]!;
    this.#heads[bucket] = NONE;
    while (client !== NONE) {
      const next = entries[2 * client]!;
      if (entries[2 * client + 1] === nowMs) visit(client);
      else {
        entries[2 * client] = this.#heads[bucket]!;
        this.#heads[bucket] = client;
      }
      client = next;
    }
  }
}
