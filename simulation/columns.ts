/**
 * Columns: the numbers of every client, those that are used together side by side in memory.
 *
 * An event touches most numbers of one client, and the next event those of any other. With an array for each number, each
 * would be fetched from memory on its own, and of a million clients that takes most of the time. So the small numbers
 * of a client share a record of 16 bytes, and its times one of 32 with its place in the calendar. Times are kept to seven
 * digits: of 500 s that is a thirtieth of a millisecond.
 */

const RECORD_BYTES = 16;
const TIMES_BYTES = 32;

/** Numbers from 0 to 255. */
export class Bytes {
  readonly #cells: Uint8Array;

  constructor(records: ArrayBuffer, offset: number) {
    this.#cells = new Uint8Array(records, offset);
  }

  of(client: number): number {
    return this.#cells[client * RECORD_BYTES]!;
  }

  set(client: number, value: number): void {
    this.#cells[client * RECORD_BYTES] = value;
  }

  /** One more; after 255 comes 0. */
  count(client: number): void {
    this.#cells[client * RECORD_BYTES]! += 1;
  }
}

/** Numbers from 0 to 65,535. */
export class Words {
  readonly #cells: Uint16Array;

  constructor(records: ArrayBuffer, offset: number) {
    this.#cells = new Uint16Array(records, offset);
  }

  of(client: number): number {
    return this.#cells[client * (RECORD_BYTES / 2)]!;
  }

  set(client: number, value: number): void {
    this.#cells[client * (RECORD_BYTES / 2)] = value;
  }

  /** One more; after 65,535 comes 0. */
  count(client: number): void {
    this.#cells[client * (RECORD_BYTES / 2)]! += 1;
  }
}

/** Real numbers of seven digits. */
export class Reals {
  readonly #cells: Float32Array;

  constructor(times: ArrayBuffer, offset: number) {
    this.#cells = new Float32Array(times, offset);
  }

  of(client: number): number {
    return this.#cells[client * (TIMES_BYTES / 4)]!;
  }

  set(client: number, value: number): void {
    this.#cells[client * (TIMES_BYTES / 4)] = value;
  }
}

/** Whole numbers of 32 bits with their sign, beside the times. */
export class Integers {
  readonly #cells: Int32Array;

  constructor(times: ArrayBuffer, offset: number) {
    this.#cells = new Int32Array(times, offset);
  }

  of(client: number): number {
    return this.#cells[client * (TIMES_BYTES / 4)]!;
  }

  set(client: number, value: number): void {
    this.#cells[client * (TIMES_BYTES / 4)] = value;
  }
}

export interface ClientRecords {
  readonly small: ArrayBuffer;
  readonly times: ArrayBuffer;
}

export function recordsOf(clients: number): ClientRecords {
  return { small: new ArrayBuffer(clients * RECORD_BYTES), times: new ArrayBuffer(clients * TIMES_BYTES) };
}
