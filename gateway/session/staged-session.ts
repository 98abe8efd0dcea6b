/**
 * Staged session: one session that stands, and what a test says to it.
 */

import assert from 'node:assert/strict';
import type { Identity, OutboundFrame, SessionRequest } from '../seams.ts';
import { type Moment, Session, type SessionEffect, type SessionEvent, type SessionPolicy } from './record.ts';
import { step } from './session.ts';

export const policy: SessionPolicy = {
  rights: {
    mayJoin: (_rights, room) => room !== 'closed',
    maySendRoom: (_rights, room) => room !== 'closed',
    maySendUser: (_rights, user) => user !== 'nobody',
    mayWatch: (_rights, channel) => channel !== 'u/nobody',
  },
  gateway: 'g1',
  partitions: 64,
  rate: { perSecond: 1_000_000, burst: 1_000_000 },
  refusalsMax: 10,
  pendingMax: 1_000,
  roomsMax: 3,
  watchesMax: 2,
  ttlMsDefault: 30_000,
  ttlMsMax: 86_400_000,
  repeatMsMax: 28_000,
  retryAfterMs: 500,
};

export const alice: Identity = {
  user: 'alice',
  rights: {},
  issuedAt: 0,
  expiresAt: 1e15,
  tokenId: undefined,
  resumes: undefined,
};

export function at(logMs: number, busUp = true, unreadMs = 0, keptMs = 0): Moment {
  return { nowMs: logMs, monotonicMs: logMs, logMs, busUp, keptMs, unreadMs };
}

export function opened(identity = alice): Session {
  const session = new Session(1, identity, 's1', 'd1', 'replace');
  step(session, { kind: 'open', cursors: [] }, at(0), policy);
  const cursor = { channel: 'u/alice', epoch: 'e', position: 0 };
  const effects = step(
    session,
    { kind: 'attached', channel: 'u/alice', watch: false, cursor },
    at(0),
    policy,
  );
  assert.deepEqual(effects, [{ kind: 'welcome' }]);
  return session;
}

export function frame(id: string, changes: Partial<OutboundFrame> = {}): OutboundFrame {
  const to = { channel: 'u/bob' };
  return {
    id,
    to,
    kind: 'offer',
    format: 'json',
    body: `"${id}"`,
    volatile: false,
    tellIfUnreachable: false,
    ageMs: 0,
    ...changes,
  };
}

export function ask(
  session: Session,
  request: SessionRequest,
  moment = at(1_000),
  rules = policy,
): SessionEffect[] {
  return step(session, { kind: 'request', request, traceparent: 't' }, moment, rules);
}

export function send(
  session: Session,
  sent: OutboundFrame,
  moment = at(1_000),
  rules = policy,
): SessionEffect[] {
  return ask(session, { op: 'send', id: sent.id, frame: sent }, moment, rules);
}

export function faultOf(effects: readonly SessionEffect[]): string | undefined {
  const answer = effects.find((effect) => effect.kind === 'answer');
  return answer?.kind === 'answer' && !answer.answer.ok ? answer.answer.fault : undefined;
}

export function stored(id: string, position: number): SessionEvent {
  return { kind: 'appended', channel: 'u/bob', id, outcome: { kind: 'stored', position } };
}

export const undecided = (id: string): SessionEvent => ({
  kind: 'appended',
  channel: 'u/bob',
  id,
  outcome: { kind: 'undecided' },
});
