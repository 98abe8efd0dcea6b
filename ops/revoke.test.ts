import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import Type from 'typebox';
import { busProperties } from '#bus/config.ts';
import { connectNatsBus } from '#bus/nats/bus.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { startNatsServer } from '#test/harness/nats-server.ts';
import { decodeRevocation, type Revocation } from '#wire/revocations.ts';
import { namedBy } from './revoke.ts';

const shift = join(import.meta.dirname, '../test/harness/clock-shift.ts');

async function run(args: readonly string[], env: Record<string, string>) {
  const child = spawn(
    process.execPath,
    ['--import', shift, join(import.meta.dirname, 'revoke.ts'), ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    },
  );
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, out, err };
}

test('everything named is to be revoked', () => {
  const args = ['--user', 'alice', '--user=bob', '--session', 's1', '--token', '4711'];
  assert.deepEqual(namedBy(args), [
    { kind: 'user', value: 'alice' },
    { kind: 'user', value: 'bob' },
    { kind: 'session', value: 's1' },
    { kind: 'token', value: '4711' },
  ]);
});

test('a name that begins with a dash is one, as one session id in 64 does', () => {
  const id = '-mwyDpxalsph7rXxBkcfqA';
  assert.deepEqual(namedBy(['--session', id, '--user', 'alice']), [
    { kind: 'user', value: 'alice' },
    { kind: 'session', value: id },
  ]);
});

test('nothing is revoked by a slip of the finger', () => {
  for (const args of [
    [],
    ['alice'],
    ['--user'],
    ['--user='],
    ['--usr', 'alice'],
    ['--user', 'alice', 'bob'],
    ['--user', '--session', 's1'],
    ['--user', '-alice', '-bob'],
  ]) {
    assert(namedBy(args) instanceof Error, args.join(' '));
  }
  assert.equal(namedBy(['--user', 'alice', '--help']), 'help');
});

test('--help explains, and wrong usage does too', async () => {
  const help = await run(['--help'], {});
  assert.equal(help.code, 0);
  assert.match(help.out, /--user NAME/);
  const wrong = await run(['--everybody'], {});
  assert.equal(wrong.code, 64);
  assert.match(wrong.err, /'--everybody'.*--user NAME/s);
});

test('the command adds to the journal that gateways read, as of one moment, whatever its own clock says', async () => {
  await using server = await startNatsServer();
  const env = { NATS_URL: server.url, CLOCK_SHIFT_MS: '-300000' };
  const revoked = await run(['--user', 'alice', '--token', '4711'], env);
  assert.deepEqual(revoked, { code: 0, out: 'revoked: user alice\nrevoked: token 4711\n', err: '' });

  const clock = createSystemClock();
  const given = { clock, random: createSystemRandom(), log: createLogger('test', 'silent') };
  const bus = await connectNatsBus(readConfig(Type.Object(busProperties), env), given);
  const read: (Revocation | undefined)[] = [];
  await new Promise<void>((caughtUp) => {
    bus.journal.follow({ entry: ({ data }) => void read.push(decodeRevocation(data)), caughtUp });
  });
  await bus.close();
  const [alice, token] = read;
  assert.deepEqual(
    [read.length, alice?.kind, alice?.value, token?.kind, token?.value],
    [2, 'user', 'alice', 'token', '4711'],
  );
  assert.equal(token!.at, alice!.at);
  assert(Math.abs(alice!.at - clock.nowMs()) < 60_000);

  const other = await run(['--user', 'alice'], { ...env, JOURNAL_TTL_MS: '60000' });
  assert.equal(other.code, 78, 'streams with other settings are not touched');
  assert.match(other.err, /^revoke: /);
});

test('a configuration that is wrong is said to be', async () => {
  const wrong = await run(['--user', 'alice'], { LOG_REPLICAS: 'three' });
  assert.equal(wrong.code, 78);
  assert.equal(wrong.err, 'configuration: LOG_REPLICAS has to be an integer from 1 to 5\n');

  const files = { NATS_CREDS_FILE: 'nowhere/nats.creds', NATS_TLS_CA_FILE: 'nowhere/ca.crt' };
  const unread = await run(['--user', 'alice'], files);
  assert.equal(unread.code, 78);
  assert.match(
    unread.err,
    /^configuration: NATS_CREDS_FILE cannot be used: \w+\nconfiguration: NATS_TLS_CA_FILE cannot be used: \w+\n$/,
  );
});
