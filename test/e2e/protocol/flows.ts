/**
 * Flows: several connections of one session at once, and one that takes another's place.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertFault, type Stage, sendsAt } from '../../harness/stage.ts';
import { joins } from './rooms.ts';

export function flowsSuite(stage: Stage): void {
  // A poll at another gateway takes the place of its own flow, and so of every other of its session.
  if (!stage.rotates) severalFlowsSuite(stage);
  if (!stage.rotates) takingOverSuite(stage);
  replacingSuite(stage);
}

function severalFlowsSuite(stage: Stage): void {
  test('a flow added carries every frame as the older one does; sends go over the newest', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const older = await stage.open(bob);
    await sendsAt(alice, { user: bob }, 'before');
    await older.nextBody('before');
    const newer = await stage.resume(older, { flow: 'add' });
    assert.equal(newer.welcome.session, older.welcome.session);
    for (let i = 0; i < 10; i++) await sendsAt(alice, { user: bob }, i);
    await Promise.all([older.nextBody(9), newer.nextBody(9)]);
    const numbers = Array.from({ length: 10 }, (_, i) => i);
    const bodies = (frames: readonly { body: unknown }[]) => frames.map((frame) => frame.body);
    assert.deepEqual(bodies(older.frames(`u/${bob}`)), ['before', ...numbers]);
    assert.deepEqual(bodies(newer.frames(`u/${bob}`)), numbers);
    assertFault(await older.send({ user: ann }, 'over the older'), 'MOVED');
    await sendsAt(newer, { user: ann }, 'over the newer');
    assert.equal((await alice.nextBody('over the newer')).from.session, older.welcome.session);
  });

  test('when the newer flow is lost the older one goes on receiving', async () => {
    const [ann, bob, room] = [stage.name('ann'), stage.name('bob'), stage.name('room')];
    const alice = await stage.open(ann);
    const older = await stage.open(bob);
    await joins(older, room);
    const newer = await stage.resume(older, { flow: 'add' });
    await sendsAt(alice, { room }, 'to both');
    await Promise.all([older.nextBody('to both'), newer.nextBody('to both')]);
    newer.cut();
    await sendsAt(alice, { room }, 'to the one left');
    await older.nextBody('to the one left');
    assert.equal(older.closing, undefined);
  });
}

/** A younger flow that is lost gives the sends back, so that whoever still has the older one is not stuck. */
function takingOverSuite(stage: Stage): void {
  test('when the newer flow is lost the older one has the sends again', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const older = await stage.open(bob);
    const newer = await stage.resume(older, { flow: 'add' });
    assertFault(await older.send({ user: ann }, 'too early', { id: 'once' }), 'MOVED');
    newer.cut();
    let reply = await older.send({ user: ann }, 'too early', { id: 'once', ageMs: 10 });
    while (reply.type === 'nack') {
      assertFault(reply, 'MOVED');
      await new Promise((resolve) => setTimeout(resolve, 50));
      reply = await older.send({ user: ann }, 'too early', { id: 'once', ageMs: 100 });
    }
    await sendsAt(older, { user: ann }, 'over the one left');
    await alice.nextBody('over the one left');
    const bodies = alice.frames(`u/${ann}`).map(({ body }) => body);
    assert.deepEqual(bodies, ['too early', 'over the one left']);
  });
}

function replacingSuite(stage: Stage): void {
  test('a flow that replaces closes the older one with REPLACED', async () => {
    const bob = stage.name('bob');
    const older = await stage.open(bob);
    const newer = await stage.resume(older);
    assert.equal(newer.welcome.resumed, true);
    assert.equal((await older.next('bye')).fault, 'REPLACED');
    const { code } = await older.closed;
    if (stage.transport === 'websocket') assert.equal(code, 4409);
    await sendsAt(newer, { user: bob }, 'goes on');
    assert.equal(newer.closing, undefined);
  });

  test('another session of the same user and device is another session: both stay', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const one = await stage.open(bob);
    const two = await stage.open(bob);
    assert.notEqual(one.welcome.session, two.welcome.session);
    await sendsAt(alice, { user: bob }, 'to both');
    await Promise.all([one.nextBody('to both'), two.nextBody('to both')]);
  });
}
