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
import { createSystemClock } from '#runtime/clock.ts';
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

/** What these arguments ask for, all as of one moment; `help`, or a sentence where they ask for nothing. */
export function revocationsOf(
  args: readonly string[],
  nowMs: number,
): readonly Revocation[] | 'help' | Error {
  const named = { type: 'string', multiple: true } as const;
  const options = { user: named, session: named, token: named, help: { type: 'boolean' } } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) return 'help';
    const revocations = (['user', 'session', 'token'] as const).flatMap((kind) =>
      (values[kind] ?? []).map((value) => ({ kind, value, at: nowMs })),
    );
    if (revocations.length === 0) return new Error('name a user, a session or a token');
    return revocations.some(({ value }) => value === '') ? new Error('a name is empty') : revocations;
  } catch (error) {
    return error as Error;
  }
}

/** Adds them to the journal, and says so of each; ends the process with what became of it. */
function revoke(revocations: readonly Revocation[]): Promise<number> {
  return onTheBus('revoke', async ({ journal }) => {
    for (const revocation of revocations) {
      await journal.append(encodeRevocation(revocation));
      console.log(`revoked: ${revocation.kind} ${revocation.value}`);
    }
    return 0;
  });
}

if (import.meta.main) {
  const asked = revocationsOf(process.argv.slice(2), createSystemClock().nowMs());
  await commanded('revoke', help, asked, revoke);
}
