/**
 * Frames: what one user sends to another; fields, order, devices, repeats, time to live, volatile, unreachable.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acked, assertBodies, assertFault, type Stage, sendsAt } from '../../harness/stage.ts';
import { everyRight } from '../../harness/tokens.ts';

const bodies: readonly unknown[] = [
  null,
  true,
  0,
  -1.5e300,
  '',
  'grüße 😀 \u2028 \\ " \u0000',
  [],
  {},
  { sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n', nested: [{ deep: [[[1, 2, { ключ: 'значение' }]]] }] },
  Array.from({ length: 200 }, (_, i) => ({ i, word: '字'.repeat(i % 7) })),
];

export function framesSuite(stage: Stage): void {
  test('[P3] a frame says its true sender, its channel, its position as acknowledged, and when', async () => {
    const [ann, bob] = [stage.name('ann@x.org'), stage.name('bob büro')];
    const alice = await stage.open(ann, { device: 'tablet' });
    const robert = await stage.open(bob);
    const startMs = Date.now();
    const position = await sendsAt(alice, { user: bob }, { n: 1 }, { id: 'x-1', kind: 'offer', call: 'c7' });
    const frame = await robert.next('frame');
    const { at, epoch, ...rest } = frame;
    assert.deepEqual(rest, {
      type: 'frame',
      channel: `u/${bob}`,
      position,
      id: 'x-1',
      from: { user: ann, device: 'tablet', session: alice.welcome.session },
      kind: 'offer',
      call: 'c7',
      body: { n: 1 },
    });
    assert(at >= startMs - 1_000 && at <= Date.now() + 1_000, 'stamped when it was sent');
    assert.equal(epoch, robert.welcome.cursors[0]?.epoch);
  });

  test('[P2] any JSON travels untouched, in the order it was sent', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    const positions = await Promise.all(bodies.map((body) => sendsAt(alice, { user: bob }, body)));
    assert.deepEqual(
      positions,
      [...positions].sort((a, b) => a - b),
      'the log has them in this order',
    );
    await assertBodies(robert, alice, { user: bob }, bodies);
    assert.deepEqual(robert.stale, []);
  });

  test('every device of a user gets a frame, or the one that `to` names', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const devices = [];
    for (const device of ['phone', 'desk', 'car']) devices.push(await stage.open(bob, { device }));
    const [phone, desk, car] = devices;
    assert(phone !== undefined && desk !== undefined && car !== undefined);
    await sendsAt(alice, { user: bob }, 'to all');
    await sendsAt(alice, { user: bob, device: 'desk' }, 'to the desk');
    await sendsAt(alice, { user: bob, session: car.welcome.session }, 'to the session');
    await assertBodies(phone, alice, { user: bob }, ['to all']);
    await assertBodies(desk, alice, { user: bob }, ['to all', 'to the desk']);
    await assertBodies(car, alice, { user: bob }, ['to all', 'to the session']);
    const narrowed = desk.frames().find((frame) => frame.body === 'to the desk');
    assert.deepEqual(narrowed?.to, { device: 'desk' });
  });

  test('a frame to oneself reaches one’s other devices and not the session that sent it', async () => {
    const ann = stage.name('ann');
    const phone = await stage.open(ann);
    const desk = await stage.open(ann, { device: 'desk' });
    await sendsAt(phone, { user: ann }, 'from the phone');
    await sendsAt(desk, { user: ann }, 'from the desk');
    assert.equal((await desk.next('frame')).body, 'from the phone');
    assert.equal((await phone.next('frame')).body, 'from the desk');
    const third = await stage.open(stage.name('cid'));
    await assertBodies(phone, third, { user: ann }, ['from the desk']);
    await assertBodies(desk, third, { user: ann }, ['from the phone']);
  });

  test('[P2] a repeated id is stored once: the same position, delivered once, also by a fresh session', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    const position = await sendsAt(alice, { user: bob }, 'once', { id: 'same' });
    assert.equal(await sendsAt(alice, { user: bob }, 'once', { id: 'same', ageMs: 5 }), position);
    alice.cut();
    const again = await stage.open(ann);
    assert.equal(await sendsAt(again, { user: bob }, 'once', { id: 'same', ageMs: 50 }), position);
    const other = await sendsAt(again, { user: bob }, 'another body is another frame', { id: 'same' });
    assert(other > position);
    await assertBodies(robert, again, { user: bob }, ['once', 'another body is another frame']);
  });

  test('a fresh session gets the frames still alive on its own channel, and none that has expired', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    await sendsAt(alice, { user: bob }, 'gone', { ttlMs: 300 });
    await sendsAt(alice, { user: bob }, 'alive', { ttlMs: 20_000 });
    await sendsAt(alice, { user: bob }, 'by default');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const robert = await stage.open(bob);
    await assertBodies(robert, alice, { user: bob }, ['alive', 'by default']);
  });

  test('a time to live beyond the limit is refused', async () => {
    const ann = stage.name('ann');
    const alice = await stage.open(ann);
    const ttlMs = alice.welcome.limits.ttlMs + 1;
    assertFault(await alice.send({ user: ann }, 1, { ttlMs }), 'TTL_TOO_LONG');
  });

  test('a volatile frame has no position, and nobody finds it later', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    await sendsAt(alice, { user: bob }, 'kept');
    await robert.nextBody('kept');
    // Between two polls at two gateways nobody is there to get it; a moment later the next one stands.
    if (stage.rotates) await new Promise((resolve) => setTimeout(resolve, 300));
    const reply = acked(await alice.send({ user: bob }, 'typing', { volatile: true }));
    assert.equal(reply.position, undefined);
    const frame = await robert.nextBody('typing');
    assert(frame.position === undefined || frame.position === 0);
    const late = await stage.open(bob, { device: 'desk' });
    await assertBodies(late, alice, { user: bob }, ['kept']);
  });

  // It is told to the gateway that took the frame, which a rotating poll has left by then.
  if (!stage.rotates) unreachableSuite(stage);

  test('without the right a user may not be sent to', async () => {
    const [ann, bob, eve] = [stage.name('ann'), stage.name('bob'), stage.name('eve')];
    const alice = await stage.open(ann, { rights: { users: { send: [bob] } } });
    const evelyn = await stage.open(eve, { rights: everyRight });
    acked(await alice.send({ user: bob }, 'allowed'));
    assertFault(await alice.send({ user: eve }, 'not allowed'), 'FORBIDDEN');
    await assertBodies(evelyn, await stage.open(stage.name('cid')), { user: eve }, []);
  });
}

function unreachableSuite(stage: Stage): void {
  test('a sender that asks is told when nobody is there, and not when somebody is', async () => {
    const [ann, bob, cid] = [stage.name('ann'), stage.name('bob'), stage.name('cid')];
    const alice = await stage.open(ann);
    await stage.open(bob);
    acked(await alice.send({ user: bob }, 1, { id: 'there', tellIfUnreachable: true }));
    acked(await alice.send({ user: cid }, 1, { id: 'away', tellIfUnreachable: true }));
    assert.equal((await alice.next('unreachable', undefined, 10_000)).id, 'away');
    const told = alice.arrivals.filter(({ message }) => message.type === 'unreachable');
    assert.equal(told.length, 1);
  });
}
