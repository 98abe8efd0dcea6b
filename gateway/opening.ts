/**
 * Opening: from a credential to a `welcome`, and back to the door for whom an operator has revoked.
 *
 * Checks who the client is, opens or resumes its session, tells it that it waits while its attachments are
 * answered, and says welcome with a sealed resume token when all of them stand.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { SessionLimits, Spread } from '#wire/messages.ts';
import type { Calls } from './calls.ts';
import type { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import type { GatewayMetrics } from './metrics.ts';
import type {
  Authenticator,
  Credential,
  DialectEffect,
  DialectEvent,
  Identity,
  Revocations,
} from './seams.ts';
import { Session, type SessionEvent } from './session/record.ts';

export interface OpeningDeps {
  readonly clock: Pick<Clock, 'after'>;
  readonly authenticator: Authenticator;
  readonly revocations: Revocations;
  readonly flows: FlowTable;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  /** What this client is told of how to come back. */
  spreadFor(record: FlowRecord): Spread;
  readonly priorityUrl: string | undefined;
  readonly calls: Pick<Calls, 'resumed' | 'seal'>;
  readonly pingMs: number;
  readonly limits: SessionLimits;
  feed(record: FlowRecord, event: SessionEvent): void;
  tell(record: FlowRecord, event: DialectEvent): void;
  /** A session stands. */
  welcomed(record: FlowRecord): void;
}

export type OpeningSteps = ReturnType<typeof createOpening>;

/** A session that has not been attached for so long is told to wait. */
const WAIT_TOLD_MS = 1_000;
/** The timer of that beside those of the dialect. */
const WAITING = ' waiting';
/** So long after a revocation was read the sessions are looked through, for all that were read by then. */
const REVOKED_MS = 250;

export function createOpening(deps: OpeningDeps) {
  const { authenticator, revocations, flows, random, metrics, log, pingMs, limits, priorityUrl, calls } =
    deps;
  const { feed, tell, welcomed } = deps;
  let dropsSoon = false;

  function authenticate(credential: Credential, then: (who: Identity | FaultCode) => void): void {
    const checked = (who: Identity | FaultCode) =>
      then(typeof who !== 'string' && revocations.revoked(who, who.resumes?.session) ? 'REVOKED' : who);
    const who = authenticator.authenticate(credential);
    if (who instanceof Promise) who.then(checked, () => then('AUTH_UNAVAILABLE'));
    else checked(who);
  }

  function authenticated(record: FlowRecord, who: Identity | FaultCode): void {
    if (record.ended) return;
    if (typeof who === 'string') return flows.fail(record, who);
    record.identity = who;
    tell(record, { kind: 'authenticated', user: who.user });
  }

  function openSession(record: FlowRecord, effect: Extract<DialectEffect, { kind: 'open' }>): void {
    const { identity } = record;
    if (identity === undefined || record.session !== undefined) return;
    const id = identity.resumes?.session ?? random.id();
    const device = identity.resumes?.device ?? effect.device ?? random.id();
    record.session = new Session(record.flow.number, identity, id, device, effect.mode);
    flows.sessionOpened(identity.user);
    const { inCallUntil } = identity.resumes ?? {};
    if (inCallUntil !== undefined && record.callSeal !== undefined) calls.resumed(record, inCallUntil);
    feed(record, { kind: 'open', cursors: effect.cursors });
    tellWaiting(record);
  }

  /** Until its session stands, the client is told that it waits. */
  function tellWaiting(record: FlowRecord): void {
    flows.setTimer(record, WAITING, WAIT_TOLD_MS, () => {
      tell(record, { kind: 'waiting', etaMs: WAIT_TOLD_MS, ahead: 0 });
      tellWaiting(record);
    });
  }

  function welcome(record: FlowRecord): void {
    const session = record.session!;
    // It may have been revoked while it waited.
    if (revocations.revoked(session.identity, session.id)) return flows.fail(record, 'REVOKED');
    welcomed(record);
    metrics.opened.inc({ how: session.resumed ? 'resumed' : 'fresh' });
    flows.setTimer(record, WAITING, undefined, () => undefined);
    const { user, device, resumed, cursors } = session;
    tell(record, {
      kind: 'opened',
      welcome: {
        ...{
          session: session.id,
          user,
          device,
          resumed,
          ...calls.seal(record),
          priorityUrl,
          pingMs,
          cursors,
          limits,
        },
        spread: deps.spreadFor(record),
      },
    });
    session.cursors = [];
    log.debug({ event: 'session.opened', session: session.id, resumed }, 'session opened');
    flows.wake(record, true);
  }

  // Attaching.

  /** After a revocation was read. Looking at fifty thousand takes 20 ms, and who revokes many revokes them one by one. */
  function dropRevokedSoon(): void {
    if (dropsSoon) return;
    dropsSoon = true;
    deps.clock.after(REVOKED_MS, dropRevoked);
  }

  function dropRevoked(): void {
    dropsSoon = false;
    for (const record of flows.all()) {
      if (record.session === undefined || !revocations.revoked(record.session.identity, record.session.id))
        continue;
      flows.fail(record, 'REVOKED');
    }
  }

  return { authenticate, authenticated, openSession, welcome, dropRevokedSoon };
}
