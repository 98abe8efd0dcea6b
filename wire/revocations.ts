/**
 * Revocation: the word of an operator that a user, a session or one token is no longer welcome; the entry
 * of the journal that every gateway reads.
 */

export interface Revocation {
  readonly kind: 'user' | 'session' | 'token';
  /** The user, session id or `jti`. */
  readonly value: string;
  /** What was issued at or before this moment is void; Unix milliseconds. */
  readonly at: number;
}

/** The bytes of a revocation in the journal. */
export function encodeRevocation({ kind, value, at }: Revocation): Uint8Array {
  return Buffer.from(JSON.stringify({ v: 1, kind, value, at }));
}

/** The revocation in these bytes, or `undefined` where they hold none. Unknown fields are ignored. */
export function decodeRevocation(data: Uint8Array): Revocation | undefined {
  let entry: Partial<Revocation> | null;
  try {
    entry = JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { kind, value, at } = entry;
  if (kind !== 'user' && kind !== 'session' && kind !== 'token') return undefined;
  if (typeof value !== 'string' || value === '' || typeof at !== 'number' || !Number.isFinite(at)) {
    return undefined;
  }
  return { kind, value, at };
}
