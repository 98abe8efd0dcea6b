/**
 * Identity configuration: the variables that say whose tokens count and what clients get for their media.
 */

import Type, { type Static } from 'typebox';
import { SECRET_CHARS_MIN } from '#runtime/seal.ts';

const DAY_MS = 86_400_000;
const JWKS_URL_TITLE = 'an http or https URL, without a user and a password';

export const identityProperties = {
  AUTH_JWKS_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^\\s/?#@]+([/?#][^\\s]*)?$',
      title: JWKS_URL_TITLE,
      description:
        'Where the issuer publishes its public keys (JWKS, RFC 7517). One of the three sources of keys. A set without a usable key counts as not read: those known before stay.',
    }),
  ),
  AUTH_PUBLIC_KEY_FILE: Type.Optional(
    Type.String({
      description:
        'A file with the public keys of the issuer: PEM, JWK or JWKS. Read again every `AUTH_JWKS_REFRESH_MS`. One of the three sources of keys.',
    }),
  ),
  AUTH_HMAC_SECRET: Type.Optional(
    Type.String({
      minLength: SECRET_CHARS_MIN,
      writeOnly: true,
      description:
        'The secret shared with an issuer that signs with HS256. One of the three sources of keys.',
    }),
  ),
  AUTH_ISSUER: Type.Optional(
    Type.String({ description: 'What `iss` of a token has to be. Not set: `iss` is not looked at.' }),
  ),
  AUTH_AUDIENCE: Type.Optional(
    Type.String({
      description: 'What `aud` of a token has to be or to contain. Not set: `aud` is not looked at.',
    }),
  ),
  AUTH_CLOCK_SKEW_MS: Type.Integer({
    default: 5_000,
    minimum: 0,
    maximum: 300_000,
    description: 'How far the clock of the issuer may be off; added to `exp`, taken off `nbf` and `iat`.',
  }),
  AUTH_TOKEN_AGE_MS_MAX: Type.Integer({
    default: DAY_MS,
    minimum: 60_000,
    maximum: 366 * DAY_MS,
    description:
      'The longest life of a token, counted from `iat`; one whose `exp` lies later expires then. Revocations are kept as long.',
  }),
  AUTH_JWKS_REFRESH_MS: Type.Integer({
    default: 300_000,
    minimum: 1_000,
    maximum: DAY_MS,
    description:
      'How often the keys are read again, so that a key withdrawn by the issuer is no longer accepted. After a reading that failed, every minute.',
  }),
  AUTH_JWKS_COOLDOWN_MS: Type.Integer({
    default: 10_000,
    minimum: 100,
    maximum: 3_600_000,
    description:
      'After the keys were read, how long a token that fits none of them does not cause another reading.',
  }),
  SNOWSHED_SECRET: Type.Optional(
    Type.String({
      minLength: SECRET_CHARS_MIN,
      writeOnly: true,
      description: 'Seals resume tokens; the same at every gateway.',
    }),
  ),
  SNOWSHED_SECRET_PREVIOUS: Type.Optional(
    Type.String({
      minLength: SECRET_CHARS_MIN,
      writeOnly: true,
      description: 'Opens resume tokens that were sealed before `SNOWSHED_SECRET` was changed.',
    }),
  ),
  RESUME_TTL_MS: Type.Integer({
    default: DAY_MS,
    minimum: 1_000,
    maximum: 366 * DAY_MS,
    description: 'How long a resume token is good for; never longer than the token it was given for.',
  }),
  STUN_URLS: Type.Optional(
    Type.String({
      pattern: '^\\s*stuns?:[^\\s,]+(\\s*,\\s*stuns?:[^\\s,]+)*\\s*$',
      title: 'a list of stun: or stuns: URLs, separated by commas',
      description: 'STUN servers for clients, such as `stun:stun.example.org:3478`.',
    }),
  ),
  TURN_URLS: Type.Optional(
    Type.String({
      pattern: '^\\s*turns?:[^\\s,]+(\\s*,\\s*turns?:[^\\s,]+)*\\s*$',
      title: 'a list of turn: or turns: URLs, separated by commas',
      description: 'TURN servers for clients, such as `turn:turn.example.org:3478?transport=udp`.',
    }),
  ),
  TURN_SECRET: Type.Optional(
    Type.String({
      minLength: 1,
      writeOnly: true,
      description:
        'The secret shared with the TURN servers (`static-auth-secret` of coturn). To change it, give the servers the new one beside the old one first.',
    }),
  ),
  TURN_TTL_MS: Type.Integer({
    default: DAY_MS / 2,
    minimum: 60_000,
    maximum: 7 * DAY_MS,
    description: 'How long TURN credentials are good for.',
  }),
};

const IdentityConfig = Type.Object(identityProperties);
export type IdentityConfig = Static<typeof IdentityConfig>;

/** Contradictions in what a gateway is given; the one-process mode makes what is missing for itself instead. */
export const identityChecks: readonly ((config: IdentityConfig) => string | undefined)[] = [
  (config) =>
    keySources(config) === 1
      ? undefined
      : 'give one of AUTH_JWKS_URL, AUTH_PUBLIC_KEY_FILE and AUTH_HMAC_SECRET, and only one',
  (config) =>
    config.SNOWSHED_SECRET === undefined
      ? `SNOWSHED_SECRET is not set; it has to be a text of at least ${SECRET_CHARS_MIN} characters`
      : undefined,
  turnContradiction,
  jwksUrlProblem,
];

/** How many of the three sources of keys are given. */
export function keySources(config: IdentityConfig): number {
  const sources = [config.AUTH_JWKS_URL, config.AUTH_PUBLIC_KEY_FILE, config.AUTH_HMAC_SECRET];
  return sources.filter((source) => source !== undefined).length;
}

/** What looks like a URL and is none: it would be asked for ever, in vain. */
export function jwksUrlProblem({ AUTH_JWKS_URL: url }: IdentityConfig): string | undefined {
  return url === undefined || URL.canParse(url) ? undefined : `AUTH_JWKS_URL has to be ${JWKS_URL_TITLE}`;
}

/** TURN servers without the secret, or the secret without servers. */
export function turnContradiction(config: IdentityConfig): string | undefined {
  if ((config.TURN_URLS === undefined) === (config.TURN_SECRET === undefined)) return undefined;
  return 'TURN_URLS and TURN_SECRET are given together or not at all';
}

/** A revocation that is forgotten while a token it concerns still lives. */
export function journalTooShort(config: {
  readonly AUTH_TOKEN_AGE_MS_MAX: number;
  readonly JOURNAL_TTL_MS: number;
}): string | undefined {
  if (config.AUTH_TOKEN_AGE_MS_MAX <= config.JOURNAL_TTL_MS) return undefined;
  return 'AUTH_TOKEN_AGE_MS_MAX is larger than JOURNAL_TTL_MS, so that revocations would be forgotten too early';
}
