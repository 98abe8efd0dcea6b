/**
 * Resume tokens: texts that claim to be sealed by this service.
 *
 * None but those in the corpus is opened, as nobody else has the secret. And what is sealed with the secret, but not as
 * this release writes it, is an identity of the right types or `RESUME_INVALID`.
 */

import assert from 'node:assert/strict';
import { openedResume, RESUME_PURPOSE, sealedResume } from '#gateway/identity/resume.ts';
import { mayJoin, maySendUser, mayWatch } from '#gateway/identity/rights.ts';
import type { Identity } from '#gateway/seams.ts';
import { createSealer } from '#runtime/seal.ts';
import type { Target } from '../target.ts';

const sealer = createSealer(['a secret that only these tests know', undefined], RESUME_PURPOSE);
export const nowMs = 1_800_000_000_000;

const identity: Identity = {
  user: 'bob',
  rights: { rooms: { 'team-*': ['join', 'send'] }, users: { send: ['*'] } },
  issuedAt: nowMs - 1_000,
  expiresAt: nowMs + 900_000,
  tokenId: 'j1',
  resumes: undefined,
};

/** What was truly sealed: of a session, and one that has run out. The corpus begins with them. */
export const sealedTokens: readonly string[] = [nowMs + 60_000, nowMs - 1].map((expiresAt) =>
  sealedResume(
    sealer,
    { identity, session: 's1', device: 'phone', inCallUntil: nowMs + 30_000 },
    expiresAt,
    nowMs,
  ),
);

export function resumeTarget(): Target {
  return {
    name: 'resume',
    judge(input) {
      const text = input.toString('latin1');
      const who = openedResume(sealer, text, nowMs);
      if (typeof who !== 'string') {
        assert.equal(text, sealedTokens[0], 'opened what was never sealed');
        return 'opened';
      }
      assert(who === 'RESUME_INVALID' || who === 'RESUME_EXPIRED');
      if (who === 'RESUME_EXPIRED')
        assert.equal(text, sealedTokens[1], 'took a forged token for one of its own');
      return `${who} ${Math.min(4, text.split('.').length)}`;
    },
  };
}

export function resumePayloadTarget(): Target {
  return {
    name: 'resume-payload',
    judge(input) {
      let sealed: string;
      try {
        sealed = sealer.seal(JSON.parse(input.toString('utf8')) as object);
      } catch {
        return 'nothing that can be sealed';
      }
      const who = openedResume(sealer, sealed, nowMs);
      if (typeof who === 'string') {
        assert(who === 'RESUME_INVALID' || who === 'RESUME_EXPIRED');
        return who;
      }
      assertIdentity(who);
      assert(who.resumes !== undefined && typeof who.resumes.session === 'string');
      return `opened ${who.resumes.inCallUntil !== undefined} ${who.tokenId === undefined}`;
    },
  };
}

/** Of the right types, not over, and with rights that can be asked for. */
export function assertIdentity(who: Identity): void {
  assert.equal(typeof who.user, 'string');
  assert(Number.isFinite(who.issuedAt), 'issued at no time');
  assert(Number.isFinite(who.expiresAt) && who.expiresAt > nowMs, 'expires at no time, or has expired');
  assert(who.tokenId === undefined || typeof who.tokenId === 'string');
  mayJoin(who.rights, 'team-a');
  maySendUser(who.rights, 'ann', who.user);
  mayWatch(who.rights, 'u/ann', who.user);
  mayWatch(who.rights, 'r/team-a', who.user);
}
