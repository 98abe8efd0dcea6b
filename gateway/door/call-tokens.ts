/**
 * Call tokens: each resume token that says its session is in a call brings one connection before the others.
 *
 * Who has been set up gets a new token with its `welcome`, so one that comes again is a copy, and waits with the rest. While
 * its bearer still waits the newest connection counts, since the one before may have died without a word.
 *
 * Pure, though it changes its state in place. A table of bounded size; what falls out may come once more.
 */

/** The flow that waits with a token; 0: somebody was set up with it. */
export type CallTokens = Map<string, number>;

const REMEMBERED_MAX = 16_384;
/** The end of a token is its seal, which no other token has. */
const SEAL_CHARS = 24;

export type Presented =
  | { readonly kind: 'first' }
  /** The flow that came with it before has no claim to it any more. */
  | { readonly kind: 'again'; readonly before: number }
  | { readonly kind: 'replayed' };

export function sealOf(token: string): string {
  return token.slice(-SEAL_CHARS);
}

export function presented(tokens: CallTokens, seal: string, flow: number): Presented {
  const before = tokens.get(seal);
  if (before === 0) return { kind: 'replayed' };
  tokens.delete(seal);
  tokens.set(seal, flow);
  if (tokens.size > REMEMBERED_MAX) tokens.delete(tokens.keys().next().value!);
  return before === undefined ? { kind: 'first' } : { kind: 'again', before };
}

/** It was set up. */
export function used(tokens: CallTokens, seal: string): void {
  if (tokens.has(seal)) tokens.set(seal, 0);
}

/** It went away before that. */
export function returned(tokens: CallTokens, seal: string, flow: number): void {
  if (tokens.get(seal) === flow) tokens.delete(seal);
}
