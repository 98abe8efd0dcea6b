/**
 * Resume token: the identity and session of a client, sealed, so that any gateway can go on with it.
 *
 * It spares the signature check and the state: what a gateway has to know stands in it. It ends with the
 * identity it was sealed for at the latest, and revocations count for it as for the token it came from.
 */

import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Sealer } from '#runtime/seal.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Identity } from '../seams.ts';
import { RightsClaim } from './rights.ts';

const Payload = Type.Object({
  user: Type.String(),
  device: Type.String(),
  session: Type.String(),
  rights: RightsClaim,
  inCallUntil: Type.Optional(Type.Number()),
  sealedAt: Type.Optional(Type.Number()),
  issuedAt: Type.Number(),
  identityExpiresAt: Type.Number(),
  tokenId: Type.Optional(Type.String()),
  expiresAt: Type.Number(),
});
type Payload = Static<typeof Payload>;

const validator = Compile(Payload);

/** What the seal of a resume token is for. */
export const RESUME_PURPOSE = 'resume';

export interface ResumeSubject {
  readonly identity: Identity;
  readonly session: string;
  readonly device: string;
  /** Until when the session counts as in a call; it stands in the seal, so nobody can claim it. */
  readonly inCallUntil: number | undefined;
}

export function sealedResume(
  sealer: Sealer,
  { identity, session, device, inCallUntil }: ResumeSubject,
  expiresAt: number,
  nowMs: number,
): string {
  const payload: Payload = {
    user: identity.user,
    device,
    session,
    rights: identity.rights as Payload['rights'],
    // A token that says so is good for one return before others: the next one has to be another.
    ...(inCallUntil !== undefined && { inCallUntil, sealedAt: nowMs }),
    issuedAt: identity.issuedAt,
    identityExpiresAt: identity.expiresAt,
    ...(identity.tokenId !== undefined && { tokenId: identity.tokenId }),
    expiresAt,
  };
  return sealer.seal(payload);
}

export function openedResume(sealer: Sealer, token: string, nowMs: number): Identity | FaultCode {
  const payload = sealer.open(token);
  if (!validator.Check(payload)) return 'RESUME_INVALID';
  if (Math.min(payload.expiresAt, payload.identityExpiresAt) <= nowMs) return 'RESUME_EXPIRED';
  const { inCallUntil = 0 } = payload;
  return {
    user: payload.user,
    rights: payload.rights,
    issuedAt: payload.issuedAt,
    expiresAt: payload.identityExpiresAt,
    tokenId: payload.tokenId,
    resumes: {
      session: payload.session,
      device: payload.device,
      inCallUntil: inCallUntil > nowMs ? inCallUntil : undefined,
    },
  };
}
