/**
 * Key set: the issuer's keys as they were last read, and read again when that may help.
 *
 * They are read at the start, every `refreshMs` (so that a withdrawn key goes), a minute after a reading that
 * failed, and when a token names a key that is not among them, or fits none where keys have no ids; then at most
 * once in `cooldownMs`, so that made-up tokens cost the issuer nothing. Look-ups that wait share one reading. A reading that fails changes
 * nothing: keys already known stay good, and a token with another key is told `AUTH_UNAVAILABLE`, as nobody
 * can say that it is wrong.
 */

import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { VerificationKey } from './keys.ts';

type Found = readonly VerificationKey[] | FaultCode;

export interface KeySet {
  /** The keys that a token with this key id may have been signed with. */
  keysFor(kid: string | undefined): Found | Promise<Found>;
  /** The same as the issuer has them by now; `undefined` where they were read a moment ago. */
  keysNow(kid: string | undefined): Found | Promise<Found> | undefined;
  close(): void;
}

export interface KeySetSource {
  /** Rejects where the keys cannot be read now. */
  readonly read: () => Promise<readonly VerificationKey[]>;
  readonly refreshMs: number;
  readonly cooldownMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each reading. */
  readonly wasRead: (outcome: 'ok' | 'failed') => void;
}

/** After a reading that failed, how long the next token with an unknown key does not cause another. */
export const FAILURE_COOLDOWN_MS = 1_000;

/** After a reading that failed, when it is tried again at the latest: a day would be long for a key that was withdrawn. */
const AGAIN_MS = 60_000;

/** Keys that are given once and for all. */
export function createFixedKeySet(keys: readonly VerificationKey[]): KeySet {
  return {
    keysFor: (kid) => candidates(keys, kid),
    keysNow: () => undefined,
    close: () => undefined,
  };
}

/** @param initial keys read already; without them the first reading begins at once. */
export function createKeySet(source: KeySetSource, initial?: readonly VerificationKey[]): KeySet {
  const { clock, log } = source;
  let keys = initial ?? [];
  let failed = false;
  let nextMs = initial === undefined ? Number.NEGATIVE_INFINITY : clock.monotonicMs() + source.cooldownMs;
  let reading: Promise<void> | undefined;
  let closed = false;
  let cancelAgain: Cancel | undefined;

  async function read(): Promise<void> {
    try {
      keys = await source.read();
      if (failed)
        log.info({ event: 'keys.read-again', keys: keys.length }, 'the keys of the issuer are read again');
      failed = false;
    } catch (err) {
      if (!failed) {
        log.warn(
          { event: 'keys.unreadable', err, keysKnown: keys.length },
          'the keys of the issuer cannot be read',
        );
      }
      failed = true;
    }
    reading = undefined;
    nextMs = clock.monotonicMs() + (failed ? FAILURE_COOLDOWN_MS : source.cooldownMs);
    source.wasRead(failed ? 'failed' : 'ok');
    cancelAgain?.();
    cancelAgain = failed && !closed ? clock.after(AGAIN_MS, () => void readOnce()) : undefined;
  }
  function readOnce(): Promise<void> {
    reading ??= read();
    return reading;
  }
  function isFresh(): boolean {
    return reading === undefined && clock.monotonicMs() < nextMs;
  }
  function outcome(kid: string | undefined): Found {
    const found = candidates(keys, kid);
    return found.length === 0 && failed ? 'AUTH_UNAVAILABLE' : found;
  }

  const cancel: Cancel = clock.every(source.refreshMs, () => void readOnce());
  if (initial === undefined) void readOnce();
  return {
    keysFor(kid) {
      const found = outcome(kid);
      const known = typeof found !== 'string' && found.length > 0;
      if (known || isFresh()) return found;
      return readOnce().then(() => outcome(kid));
    },
    keysNow(kid) {
      if (isFresh()) return failed ? 'AUTH_UNAVAILABLE' : undefined;
      return readOnce().then(() => (failed ? 'AUTH_UNAVAILABLE' : candidates(keys, kid)));
    },
    close() {
      closed = true;
      cancel();
      cancelAgain?.();
    },
  };
}

function candidates(keys: readonly VerificationKey[], kid: string | undefined): readonly VerificationKey[] {
  return kid === undefined ? keys : keys.filter((key) => key.kid === kid || key.kid === undefined);
}
