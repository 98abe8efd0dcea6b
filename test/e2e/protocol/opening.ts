/**
 * Opening: how a flow becomes a session; the three ways a token comes in, what `welcome` says, liveness.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isName } from '#wire/channels.ts';
import { acked, assertBodies, assertFault, type Stage, sendsAt } from '../../harness/stage.ts';

export function openingSuite(stage: Stage): void {
  test('hello with a token: welcome says session, user, device, spread, limits and the own cursor', async () => {
    const ann = stage.name('ann');
    const client = await stage.connect(ann);
    const welcome = await client.hello({ token: stage.token(ann), device: 'phone' });
    assert.equal(welcome.user, ann);
    assert.equal(welcome.device, 'phone');
    assert.equal(welcome.resumed, false);
    assert(isName(welcome.session));
    assert(welcome.expiresAt > Date.now());
    assert(welcome.spread.gatewayMs >= 0 && welcome.spread.fleetMs >= 0);
    assert(welcome.pingMs > 0);
    assert(welcome.limits.messageBytes >= 4_096 && welcome.limits.repeatMs > 0);
    assert.deepEqual(
      welcome.cursors.map((cursor) => cursor.channel),
      [`u/${ann}`],
    );
  });

  test('a bearer token in Authorization counts where hello brings none', async () => {
    const ann = stage.name('ann');
    const headers = { Authorization: `Bearer ${stage.token(ann)}` };
    const client = await stage.connect(ann, { headers });
    assert.equal((await client.hello({ device: 'phone' })).user, ann);
  });

  if (stage.transport === 'websocket') {
    test('a second hello is refused', async () => {
      const ann = stage.name('ann');
      const client = await stage.open(ann);
      client.post({ type: 'hello', token: stage.token(ann) });
      assert.equal((await client.next('nack')).fault, 'ALREADY_OPEN');
    });

    test('a bearer token in the subprotocol list counts, and the chosen subprotocol is without it', async () => {
      const ann = stage.name('ann');
      const subprotocols = ['snowshed.v1', `bearer.${stage.token(ann)}`];
      const client = await stage.connect(ann, { subprotocols });
      assert.equal(client.socket?.subprotocol, 'snowshed.v1');
      assert.equal((await client.hello({ device: 'phone' })).user, ann);
    });
  }

  test('without a device the service names one', async () => {
    const ann = stage.name('ann');
    const client = await stage.connect(ann);
    const { device } = await client.hello({ token: stage.token(ann) });
    assert(isName(device));
  });

  test('hello without a token closes the flow', async () => {
    const client = await stage.connect('nobody');
    client.post({ type: 'hello', device: 'phone' });
    const { fault, code } = await client.closed;
    assert.equal(fault, 'TOKEN_MISSING');
    assert.equal(code, stage.transport === 'websocket' ? 4401 : 401);
  });

  test('ping is answered by pong', async () => {
    const client = await stage.open(stage.name('ann'));
    // A ping has no id: one that crossed a poll on its way elsewhere is asked again, as a client does after `pingMs`.
    client.post({ type: 'ping' });
    const again = setInterval(() => client.post({ type: 'ping' }), 500);
    await client.next('pong').finally(() => clearInterval(again));
  });

  test('an unknown type and a missing field are refused by name, and the flow goes on', async () => {
    const ann = stage.name('ann');
    const client = await stage.open(ann);
    assertFault(await client.request({ type: 'dance' }), 'UNKNOWN_TYPE');
    assertFault(await client.request({ type: 'send' }), 'INVALID');
    assertFault(await client.send({ user: ann, room: 'both' }, 1), 'INVALID');
    acked(await client.send({ user: ann }, 'still here'));
  });

  test('a session’s own frames do not come back to it', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const client = await stage.open(ann);
    const other = await stage.open(bob);
    await sendsAt(client, { user: ann }, 'to myself');
    await assertBodies(client, other, { user: ann }, []);
  });

  test('ice: the ack says the servers, or the fault that none is configured', async () => {
    const client = await stage.open(stage.name('ann'));
    const reply = await client.request({ type: 'ice' });
    if (stage.fleet.env['STUN_URLS'] === undefined) assertFault(reply, 'ICE_UNAVAILABLE');
    else assert(acked(reply).iceServers?.some((server) => server.urls.length > 0));
  });
}
