/**
 * Rooms: join, order for all, leave, rights; a fresh member starts at now.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../../harness/raw-client.ts';
import { acked, assertBodies, assertFault, bodiesOf, type Stage, sendsAt } from '../../harness/stage.ts';

export async function joins(client: RawClient, room: string): Promise<void> {
  const { cursor } = acked(await client.request({ type: 'join', room }));
  assert.equal(cursor?.channel, `r/${room}`, 'the ack of a join says where the member starts');
}

export function roomsSuite(stage: Stage): void {
  test('[P2] all members get all frames of a room in one order, each but its own', async () => {
    const room = stage.name('room');
    const members: RawClient[] = [];
    for (const word of ['ann', 'bob', 'cid', 'dan']) members.push(await stage.open(stage.name(word)));
    await Promise.all(members.map((member) => joins(member, room)));
    const rounds = 8;
    await Promise.all(
      members.flatMap((member, m) =>
        Array.from({ length: rounds }, (_, i) => sendsAt(member, { room }, { m, i })),
      ),
    );
    const observer = await stage.open(stage.name('eve'));
    await joins(observer, room);
    await sendsAt(observer, { room }, 'end');
    await Promise.all(members.map((member) => member.nextBody('end')));
    const orders = members.map((member) => member.frames(`r/${room}`));
    const all = new Map<number, string>();
    for (const [m, order] of orders.entries()) {
      assert.equal(order.length, (members.length - 1) * rounds + 1, `member ${m} has each frame once`);
      for (const { position, body } of order) {
        const text = JSON.stringify(body);
        assert.equal(all.get(position as number) ?? text, text, 'one frame at one position for all');
        all.set(position as number, text);
      }
      const positions = order.map((frame) => frame.position as number);
      assert.deepEqual(
        positions,
        [...positions].sort((a, b) => a - b),
      );
    }
    assert.deepEqual(bodiesOf(observer.frames(`r/${room}`)), [], 'a fresh member starts at now');
  });

  test('who has left gets no more frames, and may come back', async () => {
    const room = stage.name('room');
    const alice = await stage.open(stage.name('ann'));
    const robert = await stage.open(stage.name('bob'));
    const carol = await stage.open(stage.name('cid'));
    for (const member of [alice, robert, carol]) await joins(member, room);
    await sendsAt(alice, { room }, 'one');
    await robert.nextBody('one');
    acked(await robert.request({ type: 'leave', room }));
    assertFault(await robert.request({ type: 'leave', room }), 'NOT_JOINED');
    await sendsAt(alice, { room }, 'two');
    await carol.nextBody('two');
    await joins(robert, room);
    await assertBodies(robert, alice, { room }, ['one']);
  });

  test('a member that names a cursor gets what came after it', async () => {
    const room = stage.name('room');
    const alice = await stage.open(stage.name('ann'));
    const robert = await stage.open(stage.name('bob'));
    for (const member of [alice, robert]) await joins(member, room);
    for (const body of ['one', 'two', 'three']) await sendsAt(alice, { room }, body);
    const { epoch, position } = await robert.nextBody('one');
    const late = await stage.open(stage.name('cid'));
    const join = { type: 'join', room, cursor: { epoch, position } };
    acked(await late.request(join));
    await assertBodies(late, alice, { room }, ['two', 'three']);
  });

  test('a room takes its members’ frames only as their rights say', async () => {
    const [room, other] = [stage.name('team-blue'), stage.name('club')];
    const listener = await stage.open(stage.name('ann'), { rights: { rooms: { 'team-*': ['join'] } } });
    const sender = await stage.open(stage.name('bob'), { rights: { rooms: { 'team-*': ['send'] } } });
    const outsider = await stage.open(stage.name('eve'), { rights: {} });
    await joins(listener, room);
    assertFault(await listener.send({ room }, 'may only listen'), 'FORBIDDEN');
    assertFault(await listener.request({ type: 'join', room: other }), 'FORBIDDEN');
    assertFault(await sender.request({ type: 'join', room }), 'FORBIDDEN');
    assertFault(await outsider.send({ room }, 'no right at all'), 'FORBIDDEN');
    assertFault(await outsider.request({ type: 'join', room }), 'FORBIDDEN');
    await sendsAt(sender, { room }, 'may send without joining');
    await assertBodies(listener, sender, { room }, ['may send without joining']);
  });
}
