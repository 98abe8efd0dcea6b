/**
 * Claims: what a token whose signature fits says of its bearer, as far as this service asks for it.
 *
 * `sub`, `iat` and `exp` are required: without `iat` nobody could tell whether a token was issued before
 * its user was revoked. Pure.
 */

import { isName } from '#wire/channels.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Identity } from '../seams.ts';
import { rightsOfClaim } from './rights.ts';

export interface ClaimsPolicy {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly skewMs: number;
  readonly ageMsMax: number;
}

/** Characters of a `jti`: it stands in every resume token too. */
const TOKEN_ID_CHARS_MAX = 256;

/** The identity in these claims. Its `expiresAt` has the allowance for the issuer's clock in it, its greatest age has not. */
export function identityOfClaims(
  claims: Readonly<Record<string, unknown>>,
  policy: ClaimsPolicy,
  nowMs: number,
): Identity | FaultCode {
  const { sub, iat, exp, nbf = iat, jti } = claims;
  if (!isSeconds(iat) || !isSeconds(exp) || !isSeconds(nbf)) return 'TOKEN_CLAIMS';
  if (typeof sub !== 'string' || !isName(sub) || !isTokenId(jti)) return 'TOKEN_CLAIMS';
  if (policy.issuer !== undefined && claims['iss'] !== policy.issuer) return 'TOKEN_CLAIMS';
  if (policy.audience !== undefined && !isMeant(claims['aud'], policy.audience)) return 'TOKEN_CLAIMS';
  const rights = rightsOfClaim(claims['snowshed']);
  if (rights === undefined) return 'TOKEN_CLAIMS';

  const issuedAt = Math.floor(iat * 1000);
  const expiresAt = Math.floor(Math.min(exp * 1000 + policy.skewMs, issuedAt + policy.ageMsMax));
  if (expiresAt <= nowMs) return 'TOKEN_EXPIRED';
  if (Math.max(issuedAt, nbf * 1000) - policy.skewMs > nowMs) return 'TOKEN_NOT_YET_VALID';
  return { user: sub, rights, issuedAt, expiresAt, tokenId: jti, resumes: undefined };
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isTokenId(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= TOKEN_ID_CHARS_MAX);
}

function isMeant(aud: unknown, audience: string): boolean {
  return aud === audience || (Array.isArray(aud) && aud.includes(audience));
}
