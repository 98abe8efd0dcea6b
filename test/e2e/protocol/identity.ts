/**
 * Identity: tokens that end, are renewed in band, are rotated under us, or are revoked.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { acked, assertFault, type Stage, sendsAt } from '../../harness/stage.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** Runs the operator's command; rejects if it says that it failed. */
async function revoke(stage: Stage, ...args: readonly string[]): Promise<void> {
  const env = { ...stage.fleet.env, PATH: process.env['PATH'] ?? '' };
  await promisify(execFile)(process.execPath, ['ops/revoke.ts', ...args], { cwd: root, env });
}

export function identitySuite(stage: Stage): void {
  test('a token that runs out closes the live session', async () => {
    const client = await stage.open(stage.name('ann'), { lifeSeconds: 2 });
    assert((await client.next('bye', undefined, 8_000)).fault === 'TOKEN_EXPIRED');
    const { code } = await client.closed;
    if (stage.transport === 'websocket') assert.equal(code, 4401);
  });

  test('the resume token does not outlive the token', async () => {
    const client = await stage.open(stage.name('ann'), { lifeSeconds: 2 });
    assert(client.welcome.expiresAt <= Date.now() + 3_000);
    client.cut();
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    const again = await stage.connect('again');
    again.post({ type: 'hello', resume: client.resumption().resume });
    const { fault } = await again.closed;
    assert(fault === 'RESUME_EXPIRED' || fault === 'TOKEN_EXPIRED', fault);
  });

  test('a refresh in band keeps the session past the old token’s end, and brings a new resume token', async () => {
    const ann = stage.name('ann');
    const client = await stage.open(ann, { lifeSeconds: 3 });
    const { resume } = client.resumption();
    acked(await client.request({ type: 'refresh', token: stage.token(ann) }));
    const renewed = await client.next('resume');
    assert.notEqual(renewed.resume, resume);
    assert(renewed.expiresAt > Date.now() + 60_000);
    await new Promise((resolve) => setTimeout(resolve, 4_200));
    await sendsAt(client, { user: ann }, 'still here');
    client.cut();
    assert.equal((await stage.resume(client)).welcome.resumed, true);
  });

  test('a refresh brings new rights, and must be the same user’s', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const client = await stage.open(ann, { rights: {} });
    assertFault(await client.send({ user: bob }, 1), 'FORBIDDEN');
    assertFault(await client.request({ type: 'refresh', token: stage.token(bob) }), 'TOKEN_USER_DIFFERS');
    assertFault(
      await client.request({ type: 'refresh', token: stage.token(ann, { lifeSeconds: -60 }) }),
      'TOKEN_EXPIRED',
    );
    const rights = { users: { send: [bob] } };
    acked(await client.request({ type: 'refresh', token: stage.token(ann, { rights }) }));
    await sendsAt(client, { user: bob }, 'with the new right');
  });

  test('a token of a key that was just rotated in is accepted, and one of the old key still is', async () => {
    const old = stage.token('ann');
    stage.issuer.rotate();
    for (const token of [stage.token('ann'), old]) {
      const client = await stage.connect('ann');
      await client.hello({ token, device: 'phone' });
    }
  });

  if (stage.inOneProcess) return;
  revocationSuite(stage);
}

function revocationSuite(stage: Stage): void {
  for (const kind of ['user', 'session', 'token'] as const) {
    test(`revoking a ${kind} closes its flows within 2 s; the resume token is refused afterwards`, async () => {
      const [ann, bob] = [stage.name('ann'), stage.name('bob')];
      const tokenId = stage.name('jti');
      const token = stage.token(ann, { tokenId });
      const client = await stage.connect(ann);
      await client.hello({ token, device: 'phone' });
      const bystander = await stage.open(bob);
      const { session } = client.welcome;
      const value = { user: ann, session, token: tokenId }[kind];
      await revoke(stage, `--${kind}`, value);
      assert.equal((await client.next('bye', undefined, 2_000)).fault, 'REVOKED');
      const { code } = await client.closed;
      if (stage.transport === 'websocket') assert.equal(code, 4403);
      const again = await stage.connect('again');
      again.post({ type: 'hello', ...client.resumption() });
      assert.equal((await again.closed).fault, 'REVOKED');
      if (kind !== 'session') {
        const afresh = await stage.connect('afresh');
        afresh.post({ type: 'hello', token });
        assert.equal((await afresh.closed).fault, 'REVOKED');
      }
      await sendsAt(bystander, { user: bob }, 'not revoked');
    });
  }

  test('a user may come again with a token issued after the revocation', async () => {
    const ann = stage.name('ann');
    const client = await stage.open(ann);
    await revoke(stage, '--user', ann);
    assert.equal((await client.next('bye', undefined, 2_000)).fault, 'REVOKED');
    const again = await stage.connect('again');
    // `iat` is in whole seconds: the next one lies surely after the revocation.
    const token = stage.token(ann, { issuedSeconds: 2 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    assert.equal((await again.hello({ token, device: 'phone' })).user, ann);
  });
}
