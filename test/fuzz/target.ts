/**
 * Target: one reader of the service's input, and the oracle that judges what it makes of bytes.
 */

export interface Target {
  readonly name: string;
  /** How many of the inputs of the tests this one gets, from 0 to 1: less where an input costs much more than elsewhere. */
  readonly share?: number;
  /**
   * Reads the input and judges the outcome: what kind it was, in a word or two. New kinds are kept as starting points.
   *
   * @throws whatever breaks the oracle; readers throw by their contract alone.
   */
  judge(input: Buffer): string | Promise<string>;
  close?(): void;
}

export type MakeTarget = () => Target | Promise<Target>;
