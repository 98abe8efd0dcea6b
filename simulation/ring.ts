/**
 * Ring: a queue of pairs of numbers that grows as needed, with both ends open; millions pass through one.
 */

export class Ring {
  #left = new Float64Array(1_024);
  #right = new Float64Array(1_024);
  #first = 0;
  length = 0;

  push(left: number, right: number): void {
    if (this.length === this.#left.length) this.#grow();
    const at = (this.#first + this.length++) & (this.#left.length - 1);
    this.#left[at] = left;
    this.#right[at] = right;
  }

  /** Of the first; only while there is one. */
  get left(): number {
    return this.#left[this.#first]!;
  }

  get right(): number {
    return this.#right[this.#first]!;
  }

  dropFirst(): void {
    this.#first = (this.#first + 1) & (this.#left.length - 1);
    this.length -= 1;
  }

  get lastLeft(): number {
    return this.#left[(this.#first + this.length - 1) & (this.#left.length - 1)]!;
  }

  get lastRight(): number {
    return this.#right[(this.#first + this.length - 1) & (this.#left.length - 1)]!;
  }

  dropLast(): void {
    this.length -= 1;
  }

  clear(): void {
    this.#first = 0;
    this.length = 0;
  }

  #grow(): void {
    const [left, right, mask] = [this.#left, this.#right, this.#left.length - 1];
    this.#left = new Float64Array(2 * left.length);
    this.#right = new Float64Array(2 * left.length);
    for (let i = 0; i < this.length; i++) {
      this.#left[i] = left[(this.#first + i) & mask]!;
      this.#right[i] = right[(this.#first + i) & mask]!;
    }
    this.#first = 0;
  }
}
