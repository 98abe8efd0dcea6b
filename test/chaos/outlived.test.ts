/** That a session is told of what outlived its time while its gateway was cut off from the bus, or all routers were dead. */

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { openWebSocketClient } from '../harness/raw-client.ts';
import { sendsAt } from '../harness/stage.ts';
import { createHmacIssuer } from '../harness/tokens.ts';

const fleets: Fleet[] = [];
after(() => Promise.all(fleets.map((fleet) => fleet.stop())));

/** It is kept for 15 s at least; whole seconds there, rounded up, and the sweep of what has expired runs each second. */
const ttlMs = 1_000;
const forgottenMs = 18_500;

function joins(issuer: ReturnType<typeof createHmacIssuer>) {
  return async (user: string, { url }: { readonly url: string }) => {
    const client = await openWebSocketClient(user, url);
    await client.hello({ token: issuer.token(user), device: 'phone' });
    return client;
  };
}

describe('what is outlived', { concurrency: true }, () => {
  test('[P1] what was acknowledged and expired while the gateway was cut off is said, and what lives is brought', async () => {
    const issuer = createHmacIssuer();
    const fleet = await startFleet({ gateways: 2, routers: 1, linked: true, env: issuer.env });
    fleets.push(fleet);
    const [one, other] = fleet.gateways;
    assert(one !== undefined && other !== undefined);
    const join = joins(issuer);
    const [ann, bob, cleo] = [await join('ann', one), await join('bob', other), await join('cleo', other)];
    const before = await sendsAt(ann, { user: 'bob' }, 'before');
    await bob.nextBody('before');

    const link = fleet.link(other);
    link.cut();
    await sendsAt(ann, { user: 'bob' }, 'offer', { ttlMs });
    const last = await sendsAt(ann, { user: 'bob' }, 'candidate', { ttlMs });
    const forgotten = await sendsAt(ann, { user: 'cleo' }, 'forgotten', { ttlMs });
    await pause(forgottenMs);
    await sendsAt(ann, { user: 'cleo' }, 'alive');
    link.heal();

    const gap = await bob.next('gap', undefined, 15_000);
    assert.deepEqual([gap.channel, gap.from, gap.to], ['u/bob', before, last]);
    const between = await cleo.next('gap', undefined, 15_000);
    assert.deepEqual([between.channel, between.to], ['u/cleo', forgotten]);
    await cleo.nextBody('alive', 15_000);
    await sendsAt(ann, { user: 'bob' }, 'after');
    await bob.nextBody('after', 15_000);
    assert.deepEqual(
      bob.frames().map(({ body }) => body),
      ['before', 'after'],
    );
    ann.cut();
    bob.cut();
    cleo.cut();
  });

  test('[P1] what was acknowledged and expired before any router read it is said', async () => {
    const issuer = createHmacIssuer();
    const fleet = await startFleet({ gateways: 2, routers: 1, env: issuer.env });
    fleets.push(fleet);
    const [one, other] = fleet.gateways;
    const [router] = fleet.routers;
    assert(one !== undefined && other !== undefined && router !== undefined);
    const join = joins(issuer);
    const [ann, bob] = [await join('ann', one), await join('bob', other)];
    await sendsAt(ann, { user: 'bob' }, 'before');
    await bob.nextBody('before');

    await router.kill();
    const unread = await sendsAt(ann, { user: 'bob' }, 'unread', { ttlMs });
    await pause(forgottenMs);
    await fleet.addRouter();

    const gap = await bob.next('gap', undefined, 15_000);
    assert.deepEqual([gap.channel, gap.to], ['u/bob', unread]);
    await sendsAt(ann, { user: 'bob' }, 'after');
    await bob.nextBody('after', 15_000);
    assert.deepEqual(
      bob.frames().map(({ body }) => body),
      ['before', 'after'],
    );
    ann.cut();
    bob.cut();
  });
});
