/**
 * Revoke: the operator's command that ends what a user, a session or a token may do, at every gateway.
 *
 *     npm run revoke -- --user alice --session k3Jq0vXcT2mWn8sYb1LdZw --token 4711
 *
 * It adds to the journal that all gateways read; live sessions close within two seconds. A user may come
 * back with a token issued later, so the issuer has to stop giving them out first.
 */

import '#runtime/node-version.ts';
import { parseArgs } from 'node:util';
import { encodeRevocation, type Revocation } from '#wire/revocations.ts';
import { commanded, onTheBus } from './on-the-bus.ts';

const help = `Revokes users, sessions and tokens at every gateway.

  npm run revoke -- [--user NAME]… [--session ID]… [--token JTI]…

  --user NAME    everything issued to this user until now; a token issued later is good again
  --session ID   this session, and every resume token of it
  --token JTI    the token with this jti, and every resume token that was given for it
  --help         this text

It finds the bus by the same variables as gateways and routers do (NATS_URL, LOG_…, JOURNAL_TTL_MS).
Exit codes: 0 all are revoked, 64 wrong usage, 69 the bus does not answer, 78 wrong configuration.
`;

/** Whom to revoke; the moment is told by the bus, as the operator's clock may be wrong. */
type Named = Omit<Revocation, 'at'>;

const kinds = ['user', 'session', 'token'] as const;

/** What these arguments ask for; `help`, or a sentence where they ask for nothing. */
export function namedBy(args: readonly string[]): readonly Named[] | 'help' | Error {
  const names = { type: 'string', multiple: true } as const;
  const options = { user: names, session: names, token: names, help: { type: 'boolean' } } as const;
  try {
    const { values } = parseArgs({ args: valuesJoined(args, kinds), options });
    if (values.help === true) return 'help';
    const named = kinds.flatMap((kind) => (values[kind] ?? []).map((value) => ({ kind, value })));
    if (named.length === 0) return new Error('name a user, a session or a token');
    return named.some(({ value }) => value === '') ? new Error('a name is empty') : named;
  } catch (error) {
    return error as Error;
  }
}

/** One in 64 session ids begins with a dash, and is copied as it stands in a log: after such an option it is the value. */
function valuesJoined(args: readonly string[], names: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? '';
    const isValue = /^-[^-]/.test(arg) && names.some((name) => before === `--${name}`);
    if (isValue) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** Adds them to the journal, all as of one moment, and says so of each; ends the process with what became of it. */
function revoke(named: readonly Named[]): Promise<number> {
  return onTheBus('revoke', async ({ journal, log }) => {
    const at = Math.ceil(log.nowMs());
    for (const one of named) {
      await journal.append(encodeRevocation({ ...one, at }));
      console.log(`revoked: ${one.kind} ${one.value}`);
    }
    return 0;
  });
}

if (import.meta.main) {
  await commanded('revoke', help, namedBy(process.argv.slice(2)), revoke);
}
