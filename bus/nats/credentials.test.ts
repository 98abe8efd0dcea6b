import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import { ConfigError } from '#runtime/config.ts';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { startNatsServer } from '#test/harness/nats-server.ts';
import { BusUnavailable } from '../seams.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowshed-credentials-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Keys = ReturnType<typeof nkeys.createUser>;

/** A token as NATS has them: signed by the level above. */
function signed(by: Keys, of: Keys, name: string, nats: object): string {
  const header = { typ: 'JWT', alg: 'ed25519-nkey' };
  const claims = {
    jti: name,
    iat: 1_800_000_000,
    iss: by.getPublicKey(),
    sub: of.getPublicKey(),
    name,
    nats,
  };
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${Buffer.from(by.sign(Buffer.from(text))).toString('base64url')}`;
}

const operator = nkeys.createOperator();
const system = nkeys.createAccount();
const account = nkeys.createAccount();
const user = nkeys.createUser();
const limits = {
  subs: -1,
  data: -1,
  payload: -1,
  conn: -1,
  leaf: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
};
const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
const operatorToken = signed(operator, operator, 'operator', { type: 'operator', version: 2 });
const accountClaims = { type: 'account', version: 2, limits: { ...limits, ...storage } };
const accountToken = signed(operator, account, 'account', accountClaims);
const systemToken = signed(operator, system, 'system', { type: 'account', version: 2, limits });
const userToken = signed(account, user, 'user', {
  type: 'user',
  version: 2,
  subs: -1,
  data: -1,
  payload: -1,
});

function credentials(seed: Uint8Array): string {
  return `-----BEGIN NATS USER JWT-----
${userToken}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${Buffer.from(seed)}
------END USER NKEY SEED------
`;
}

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

test('NATS_CREDS_FILE says who we are, and without it the bus refuses us', async () => {
  const preload = `${account.getPublicKey()}: ${accountToken}, ${system.getPublicKey()}: ${systemToken}`;
  const lines = [
    `operator: ${operatorToken}`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    `resolver_preload: { ${preload} }`,
  ];
  const config = written('operator.conf', lines.join('\n'));
  await using server = await startNatsServer({ args: ['--config', config] });
  const right = written('right.creds', credentials(user.getSeed()));
  const bus = await connectNode(natsConfig(server.url, {}, { NATS_CREDS_FILE: right }));
  assert(bus.post.connected);
  await bus.close();
  const wrong = written('wrong.creds', credentials(nkeys.createUser().getSeed()));
  for (const more of [{}, { NATS_CREDS_FILE: wrong }]) {
    await assert.rejects(connectNode(natsConfig(server.url, {}, more)), (error) => {
      assert(error instanceof BusUnavailable);
      assert.match(error.message, /NATS_URL.*Authorization Violation/i);
      return true;
    });
  }
});

test('NATS_TLS_CA_FILE asks for TLS and trusts these authorities alone', async () => {
  for (const name of ['server', 'stranger']) {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
    openssl('req', '-x509', '-days', '2', ...key, '-out', `${name}.pem`, ...subject);
  }
  const certificate = ['--tlscert', join(folder, 'server.pem'), '--tlskey', join(folder, 'server.key')];
  await using server = await startNatsServer({ args: ['--tls', ...certificate] });
  for (const url of [server.url, server.url.replace('nats://', 'tls://')]) {
    const bus = await connectNode(natsConfig(url, {}, { NATS_TLS_CA_FILE: join(folder, 'server.pem') }));
    assert(bus.post.connected);
    await bus.close();
  }
  for (const more of [{}, { NATS_TLS_CA_FILE: join(folder, 'stranger.pem') }]) {
    await assert.rejects(connectNode(natsConfig(server.url, {}, more)), BusUnavailable);
  }
});

test('an address that begins with tls:// is never talked to in the clear', async () => {
  await using open = await startNatsServer();
  const inTheClear = await connectNode(natsConfig(open.url));
  await inTheClear.close();
  const url = open.url.replace('nats://', 'tls://');
  for (const NATS_URL of [url, `${open.url}, ${url}`]) {
    await assert.rejects(connectNode(natsConfig(NATS_URL)), (error) => {
      assert(error instanceof BusUnavailable);
      assert.match(error.message, /tls/);
      return true;
    });
  }
});

test('a file that cannot be used is said by its variable, and no server is asked', async () => {
  const garbage = written('garbage', 'neither credentials nor a certificate');
  for (const files of [
    { NATS_CREDS_FILE: garbage },
    { NATS_CREDS_FILE: join(folder, 'nowhere') },
    { NATS_TLS_CA_FILE: garbage },
    { NATS_TLS_CA_FILE: join(folder, 'nowhere') },
  ]) {
    await assert.rejects(connectNode(natsConfig('nats://127.0.0.1:1', {}, files)), (error) => {
      assert(error instanceof ConfigError);
      assert.match(error.message, new RegExp(`${Object.keys(files)[0]} cannot be used: `));
      assert(!error.message.includes('neither'), error.message);
      return true;
    });
  }
});
