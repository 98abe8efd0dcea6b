/**
 * Speech: how the client of one peer speaks, so that the same lines and the same load serve them all.
 *
 * Pure: text and bytes in, text and what was understood out.
 */

export interface Speech {
  /** Where the client of this name connects to. */
  path(name: string): string;
  /** What it says first, when the connection stands. */
  greeting(name: string): string;
  /** Whether this message says that the client is in. */
  isWelcome(text: string): boolean;
  /**
   * A frame to this client; `number` is a text of fixed length that will be overwritten with digits, also where it
   * occurs more than once, and may begin with zeros.
   */
  message(target: string, body: string, number: string): string;
  heard(bytes: Buffer, start: number, end: number, told: Told): void;
}

/** What a message came to. */
export interface Told {
  /** A frame whose body begins here. */
  frame(bytes: Buffer, bodyAt: number): void;
  acknowledged(): void;
  refused(text: string): void;
}
