/**
 * Columns: the numbers of every client, those that are used together side by side in memory.
 *
 * An event touches most numbers of one client, and the next event those of any other. With an array for each number, each
 * would be fetched from memory on its own, and of a million clients that takes most of the time. So the small numbers
 * of a client share a record of 16 bytes, and its times one of 32.
 */

const RECORD_BYTES = 16;
const REALS_BYTES = 32;

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

export class Reals {
  readonly #cells: Float64Array;

  constructor(records: ArrayBuffer, offset: number) {
    this.#cells = new Float64Array(records, offset);
  }

  of(client: number): number {
    return this.#cells[client * (REALS_BYTES / 8)]!;
  }

  set(client: number, value: number): void {
    this.#cells[client * (REALS_BYTES / 8)] = value;
  }
}

export function recordsOf(clients: number): { readonly small: ArrayBuffer; readonly reals: ArrayBuffer } {
  return { small: new ArrayBuffer(clients * RECORD_BYTES), reals: new ArrayBuffer(clients * REALS_BYTES) };
}
