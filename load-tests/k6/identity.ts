/**
 * Identity: who the sessions of a load test are.
 *
 * Signed here with a shared secret (HS256, RFC 7515), or taken from a file of tokens that the deployment's own issuer made.
 */

import crypto from 'k6/crypto';
import encoding from 'k6/encoding';
import exec from 'k6/execution';

export interface Identity {
  readonly user: string;
  readonly token: string;
}

const LIFE_S = 24 * 3_600;
const everyRight = { rooms: { '*': ['join', 'send', 'watch'] }, users: { send: ['*'], watch: ['*'] } };

const secret = __ENV['AUTH_HMAC_SECRET'];
const tokensFile = __ENV['TOKENS_FILE'];
const tokens: readonly string[] | undefined =
  tokensFile === undefined ? undefined : (JSON.parse(open(tokensFile)) as string[]);
/** @param name where tokens are signed here; @param index where they come from the file. */
export function identity(name: string, index: number): Identity {
  if (tokens !== undefined) return fromFile(tokens, index);
  if (secret === undefined) exec.test.abort('AUTH_HMAC_SECRET or TOKENS_FILE must be given');
  const nowS = Math.floor(Date.now() / 1_000);
  const claims = {
    sub: name,
    ...(__ENV['AUTH_ISSUER'] === undefined ? {} : { iss: __ENV['AUTH_ISSUER'] }),
    ...(__ENV['AUTH_AUDIENCE'] === undefined ? {} : { aud: __ENV['AUTH_AUDIENCE'] }),
    iat: nowS,
    exp: nowS + LIFE_S,
    snowshed: everyRight,
  };
  const text = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return { user: name, token: `${text}.${crypto.hmac('sha256', secret!, text, 'base64rawurl')}` };
}

function fromFile(all: readonly string[], index: number): Identity {
  const token = all[index];
  if (token === undefined)
    throw new Error(`TOKENS_FILE has ${all.length} tokens; session ${index} needs one more`);
  const claims = JSON.parse(encoding.b64decode(token.split('.')[1] ?? '', 'rawurl', 's')) as { sub: string };
  return { user: claims.sub, token };
}

function encoded(value: unknown): string {
  return encoding.b64encode(JSON.stringify(value), 'rawurl');
}
