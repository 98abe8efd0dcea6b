/**
 * Authenticator: who bears a credential, a JWT or a resume token, or by which name it is refused.
 *
 * Whether the bearer has been revoked meanwhile is asked of `revocations.ts`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock } from '#runtime/clock.ts';
import { ConfigError } from '#runtime/config.ts';
import type { Logger } from '#runtime/log.ts';
import { createSealer } from '#runtime/seal.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Authenticator, Identity } from '../seams.ts';
import { type ClaimsPolicy, identityOfClaims } from './claims.ts';
import { type IdentityConfig, keySources } from './config.ts';
import { fetchedKeys } from './jwks.ts';
import { type Jwt, parsedJwt, verifiedClaims } from './jwt.ts';
import { createFixedKeySet, createKeySet, type KeySet } from './key-set.ts';
import { keyOfSecret, keysOfFile, type VerificationKey } from './keys.ts';
import { openedResume, RESUME_PURPOSE, sealedResume } from './resume.ts';

export interface AuthenticatorParts {
  readonly config: IdentityConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each reading of the issuer's keys. */
  readonly keysWereRead?: (outcome: 'ok' | 'failed') => void;
}

type Keys = readonly VerificationKey[] | FaultCode;

const FETCH_MS_MAX = 5_000;
const JWKS_BYTES_MAX = 512 * 1_024;

/** @throws ConfigError where the file of keys cannot be used. */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator & { close(): void } {
  const { config, clock } = parts;
  assert(config.SNOWSHED_SECRET !== undefined, 'a secret seals the resume tokens');
  const sealer = createSealer([config.SNOWSHED_SECRET, config.SNOWSHED_SECRET_PREVIOUS], RESUME_PURPOSE);
  const keySet = createKeySetOf(parts);
  const policy: ClaimsPolicy = {
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    skewMs: config.AUTH_CLOCK_SKEW_MS,
    ageMsMax: config.AUTH_TOKEN_AGE_MS_MAX,
  };

  function checked(jwt: Jwt, keys: Keys): Identity | FaultCode {
    const claims = typeof keys === 'string' ? keys : verifiedClaims(jwt, keys);
    return typeof claims === 'string' ? claims : identityOfClaims(claims, policy, clock.nowMs());
  }

  /** Where no id says which key it is, one that does not fit may have been rotated out. */
  function checkedTwice(jwt: Jwt, keys: Keys): Identity | FaultCode | Promise<Identity | FaultCode> {
    const first = checked(jwt, keys);
    const now = isNoKeyOf(jwt, keys, first) ? keySet.keysNow(jwt.kid) : undefined;
    if (now === undefined) return first;
    return now instanceof Promise ? now.then((keys) => checked(jwt, keys)) : checked(jwt, now);
  }
  return {
    authenticate(credential) {
      if (credential.scheme === 'resume') return openedResume(sealer, credential.token, clock.nowMs());
      const jwt = parsedJwt(credential.token);
      if (typeof jwt === 'string') return jwt;
      const keys = keySet.keysFor(jwt.kid);
      return keys instanceof Promise ? keys.then((keys) => checkedTwice(jwt, keys)) : checkedTwice(jwt, keys);
    },
    seal(identity, session, device, inCallUntil) {
      const nowMs = clock.nowMs();
      const expiresAt = Math.min(nowMs + config.RESUME_TTL_MS, identity.expiresAt);
      const subject = { identity, session, device, inCallUntil };
      return { resume: sealedResume(sealer, subject, expiresAt, nowMs), expiresAt };
    },
    close: () => keySet.close(),
  };
}

function isNoKeyOf(jwt: Jwt, keys: Keys, outcome: Identity | FaultCode): boolean {
  if (outcome !== 'TOKEN_SIGNATURE' && outcome !== 'TOKEN_ALGORITHM') return false;
  return jwt.kid === undefined || (typeof keys !== 'string' && keys.some(({ kid }) => kid === undefined));
}

function createKeySetOf({ config, clock, log, keysWereRead = () => undefined }: AuthenticatorParts): KeySet {
  assert.equal(keySources(config), 1, 'there is one source of keys');
  const how = {
    refreshMs: config.AUTH_JWKS_REFRESH_MS,
    cooldownMs: config.AUTH_JWKS_COOLDOWN_MS,
    clock,
    log,
    wasRead: keysWereRead,
  };
  const { AUTH_JWKS_URL: url, AUTH_PUBLIC_KEY_FILE: file, AUTH_HMAC_SECRET: secret } = config;
  if (url !== undefined) {
    const server = { url, clock, fetchMsMax: FETCH_MS_MAX, bytesMax: JWKS_BYTES_MAX };
    return createKeySet({ ...how, read: () => fetchedKeys(server) });
  }
  if (file !== undefined) {
    const read = async () => keysOfFile(await readFile(file, 'utf8'));
    return createKeySet({ ...how, read }, keysOfFileNow(file));
  }
  assert(secret !== undefined);
  return createFixedKeySet([keyOfSecret(secret)]);
}

function keysOfFileNow(file: string): readonly VerificationKey[] {
  try {
    return keysOfFile(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError([`AUTH_PUBLIC_KEY_FILE cannot be used: ${reason(cause)}`]);
  }
}

/** Of what the file system says the code alone: JSON's own messages quote the file. */
function reason(cause: unknown): string {
  if (cause instanceof SyntaxError) return 'neither PEM nor JSON';
  if (!(cause instanceof Error)) return 'unreadable';
  return 'code' in cause ? String(cause.code) : cause.message;
}
