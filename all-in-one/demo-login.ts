/**
 * Demo login: a short-lived token for whoever names a user, so that the demo page needs no issuer.
 *
 * `POST /demo/token?name=ann`, answered for the page of this very address alone: the browser says in
 * `Origin` which page asks, and neither another site nor a name that was pointed at this machine (DNS
 * rebinding) has this origin. Tokens are HS256 with a key of this run, and carry the rights that the
 * page needs: the lobby, rooms `demo-…`, and any user.
 */

import { createHmac } from 'node:crypto';
import type { Rights } from '#gateway/seams.ts';
import { nextDueMs, type RatePolicy, tooEarlyMs } from '#gateway/session/rate.ts';
import type { Clock } from '#runtime/clock.ts';
import { isName } from '#wire/channels.ts';

export interface DemoLogin {
  /** Whether the token is given, with the HTTP status. */
  answer(origin: string | undefined, query: string): LoginAnswer;
}

export interface LoginAnswer {
  readonly status: number;
  readonly body: { readonly token: string } | { readonly error: string };
}

export interface DemoLoginOptions {
  readonly secret: string;
  /** Origins of the page. */
  readonly origins: () => readonly string[];
  readonly clock: Clock;
}

const TOKEN_S = 15 * 60;
const NAME_CHARS_MAX = 40;
/** Of all visitors together: a person signs in now and then, a loop does not. */
const logins: RatePolicy = { perSecond: 10, burst: 100 };

const rights: Rights = {
  rooms: { lobby: ['join', 'send', 'watch'], 'demo-*': ['join', 'send', 'watch'] },
  users: { send: ['*'], watch: ['*'] },
};

export function createDemoLogin({ secret, origins, clock }: DemoLoginOptions): DemoLogin {
  let dueMs = 0;
  return {
    answer(origin, query) {
      if (origin === undefined || !origins().includes(origin))
        return refusal(403, 'Only the demo page may ask for this.');
      const name = demoName(query);
      if (name === undefined) return refusal(400, `A name has 1 to ${NAME_CHARS_MAX} characters.`);
      const nowMs = clock.monotonicMs();
      if (tooEarlyMs(logins, dueMs, nowMs) > 0)
        return refusal(429, 'Too many sign in at once. Try again in a moment.');
      dueMs = nextDueMs(logins, dueMs, nowMs);
      return { status: 200, body: { token: demoToken(name, secret, clock.nowMs()) } };
    },
  };
}

function refusal(status: number, error: string): LoginAnswer {
  return { status, body: { error } };
}

function demoName(query: string): string | undefined {
  const name = new URLSearchParams(query).get('name')?.trim();
  return name !== undefined && name.length <= NAME_CHARS_MAX && isName(name) ? name : undefined;
}

function demoToken(name: string, secret: string, nowMs: number): string {
  const iat = Math.floor(nowMs / 1000);
  const claims = { sub: name, iat, exp: iat + TOKEN_S, snowshed: rights };
  const text = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
