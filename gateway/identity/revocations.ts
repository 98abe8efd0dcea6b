/**
 * Revocations: who is no longer welcome, as the journal says, and every gateway knows within a moment.
 *
 * A user is revoked up to a moment: what was issued at or before it is void, a token issued later is good
 * again. Sessions and tokens have ids that never come again, so they are revoked for good. An entry is
 * forgotten when every token it can concern has expired. Past the bound the oldest go first, and then
 * everything issued up to them is void: what cannot be remembered is refused, never let in.
 */

import type { Journal } from '#bus/seams.ts';
import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import { decodeRevocation } from '#wire/revocations.ts';
import type { Identity, Revocation, Revocations } from '../seams.ts';

export interface RevocationsParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** The longest life of a token. */
  readonly keepMs: number;
  readonly entriesMax?: number;
}

export interface FollowedRevocations extends Revocations {
  /** Whether everything that stood in the journal at the start has been read: not before then is a gateway ready. */
  caughtUp(): boolean;
  /** Entries remembered, for a gauge. */
  size(): number;
  close(): void;
}

/** The state that the journal leaves behind; pure. */
export interface RevocationTable {
  /** By kind and value, in the order they were read; the moment up to which it is void. */
  readonly entries: Map<string, number>;
  /** Everything issued at or before this moment is void. */
  floorMs: number;
}

/** Some 100 MB. */
const ENTRIES_MAX = 500_000;
const SWEEP_MS = 60_000;

/** Follows the journal until closed. */
export function followRevocations(parts: RevocationsParts): FollowedRevocations {
  const { journal, clock, log, keepMs, entriesMax = ENTRIES_MAX } = parts;
  const table: RevocationTable = { entries: new Map(), floorMs: Number.NEGATIVE_INFINITY };
  const watchers: ((revocation: Revocation) => void)[] = [];
  let caughtUp = false;

  const cancels: readonly Cancel[] = [
    clock.every(SWEEP_MS, () => forget(table, clock.nowMs() - keepMs)),
    journal.follow({
      entry({ sequence, data }) {
        const revocation = decodeRevocation(data);
        if (revocation === undefined) {
          log.error({ event: 'revocation.unreadable', sequence }, 'an entry of the journal is no revocation');
          return;
        }
        if (revocation.at <= clock.nowMs() - keepMs) return;
        const floorMs = table.floorMs;
        add(table, revocation, entriesMax);
        if (table.floorMs > floorMs) {
          log.error(
            { event: 'revocation.overflow', floorMs: table.floorMs },
            'too many revocations: older tokens are void',
          );
        }
        for (const told of watchers) told(revocation);
      },
      caughtUp() {
        caughtUp = true;
      },
    }),
  ];
  return {
    revoked: (identity, session) => isRevoked(table, identity, session),
    watch: (changed) => void watchers.push(changed),
    caughtUp: () => caughtUp,
    size: () => table.entries.size,
    close: () => {
      for (const cancel of cancels) cancel();
    },
  };
}

/** Adds a revocation; where one of the same stands, the later counts. */
export function add(table: RevocationTable, { kind, value, at }: Revocation, entriesMax: number): void {
  const key = `${kind}/${value}`;
  const atMs = Math.max(at, table.entries.get(key) ?? at);
  table.entries.delete(key);
  table.entries.set(key, atMs);
  if (table.entries.size <= entriesMax) return;
  const [oldest, oldestAtMs] = table.entries.entries().next().value!;
  table.entries.delete(oldest);
  table.floorMs = Math.max(table.floorMs, oldestAtMs);
}

/** Drops what was revoked at or before a moment: nothing issued then is alive. */
export function forget(table: RevocationTable, untilMs: number): void {
  for (const [key, atMs] of table.entries) if (atMs <= untilMs) table.entries.delete(key);
}

export function isRevoked(table: RevocationTable, identity: Identity, session: string | undefined): boolean {
  const { entries } = table;
  if (identity.issuedAt <= table.floorMs) return true;
  if (entries.size === 0) return false;
  const userAtMs = entries.get(`user/${identity.user}`);
  if (userAtMs !== undefined && identity.issuedAt <= userAtMs) return true;
  if (identity.tokenId !== undefined && entries.has(`token/${identity.tokenId}`)) return true;
  if (session !== undefined && entries.has(`session/${session}`)) return true;
  return identity.resumes !== undefined && entries.has(`session/${identity.resumes.session}`);
}
