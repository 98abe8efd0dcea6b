/**
 * Resuming: a session goes on at another gateway with its cursors; nothing lost, nothing twice, or a `gap`.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cursor } from '#wire/messages.ts';
import type { FrameMessage } from '../../harness/inbox.ts';
import type { RawClient } from '../../harness/raw-client.ts';
import { acked, assertFault, type Stage, sendsAt } from '../../harness/stage.ts';
import { joins } from './rooms.ts';

async function sendsNumbers(
  sender: RawClient,
  to: Parameters<RawClient['send']>[0],
  from: number,
  count: number,
): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => sendsAt(sender, to, from + i)));
}

function numbersOf(frames: readonly FrameMessage[]): number[] {
  return frames.map((frame) => frame.body as number);
}

export function resumingSuite(stage: Stage): void {
  test('[P1][P2][P4] a session resumes elsewhere with its cursors: nothing is lost, nothing comes twice', async () => {
    const [ann, bob, room] = [stage.name('ann'), stage.name('bob'), stage.name('room')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    for (const member of [alice, robert]) await joins(member, room);
    await sendsNumbers(alice, { user: bob }, 0, 5);
    await sendsNumbers(alice, { room }, 0, 5);
    for (const channel of [`u/${bob}`, `r/${room}`]) {
      await robert.next('frame', (frame) => frame.channel === channel && frame.body === 4);
    }
    robert.cut();
    await sendsNumbers(alice, { user: bob }, 5, 20);
    await sendsNumbers(alice, { room }, 5, 20);
    const again = await stage.resume(robert);
    assert.equal(again.welcome.resumed, true);
    assert.equal(again.welcome.session, robert.welcome.session);
    assert.equal(again.welcome.device, robert.welcome.device);
    assert.deepEqual(again.welcome.cursors.map((cursor) => cursor.channel).sort(), [`r/${room}`, `u/${bob}`]);
    await sendsNumbers(alice, { user: bob }, 25, 5);
    await sendsNumbers(alice, { room }, 25, 5);
    for (const channel of [`u/${bob}`, `r/${room}`]) {
      await again.next('frame', (frame) => frame.channel === channel && frame.body === 29);
      const both = [...robert.frames(channel), ...again.frames(channel)];
      assert.deepEqual(
        numbersOf(both),
        Array.from({ length: 30 }, (_, i) => i),
      );
    }
    assert.deepEqual(again.stale, []);
    assert.equal(again.arrivals.filter(({ message }) => message.type === 'gap').length, 0);
  });

  test('[P1] resuming again and again while frames come: all of them, once, in order', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    let robert = await stage.open(bob);
    const flows = [robert];
    const count = 120;
    const sending = (async () => {
      for (let i = 0; i < count; i++) await sendsAt(alice, { user: bob }, i);
    })();
    for (let i = 0; i < 5; i++) {
      await robert.next('frame');
      robert.cut();
      robert = await stage.resume(robert);
      assert.equal(robert.welcome.resumed, true);
      flows.push(robert);
    }
    await sending;
    await robert.nextBody(count - 1);
    const all = flows.flatMap((flow) => numbersOf(flow.frames(`u/${bob}`)));
    assert.deepEqual(
      all,
      Array.from({ length: count }, (_, i) => i),
    );
  });

  test('a resume without cursors gets what is alive, as a fresh session does', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    await sendsAt(alice, { user: bob }, 'one');
    await robert.nextBody('one');
    robert.cut();
    const again = await stage.resume(robert, { cursors: [] });
    assert.equal(again.welcome.resumed, true);
    await again.nextBody('one');
  });

  test('a room is joined again out of the cursors only with the right for it', async () => {
    const [bob, room] = [stage.name('bob'), stage.name('room')];
    const robert = await stage.open(bob, { rights: { rooms: {} } });
    const cursor = { channel: `r/${room}`, epoch: 'any', position: 0 };
    robert.cut();
    const { resume, cursors } = robert.resumption();
    const again = await stage.resume(robert, { resume, cursors: [...cursors, cursor] });
    assert.deepEqual(
      again.welcome.cursors.map(({ channel }) => channel),
      [`u/${bob}`],
    );
  });

  test('[P1] a cursor of another epoch gets a gap, then what is alive', () =>
    gapThenAlive(() => ({ epoch: 'another-life', position: 7 })));

  test('[P1] a cursor from the future gets a gap, then what is alive', () =>
    gapThenAlive(({ epoch }) => ({ epoch, position: 4_000_000_000_000 })));

  async function gapThenAlive(wrong: (own: Cursor) => Omit<Cursor, 'channel'>): Promise<void> {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    await sendsAt(alice, { user: bob }, 'alive');
    await robert.nextBody('alive');
    robert.cut();
    const channel = `u/${bob}`;
    const own = robert.welcome.cursors.find((cursor) => cursor.channel === channel);
    assert(own !== undefined);
    const again = await stage.resume(robert, { cursors: [{ channel, ...wrong(own) }] });
    const gap = await again.next('gap');
    assert.equal(gap.channel, channel);
    await again.nextBody('alive');
    await sendsAt(alice, { user: bob }, 'and on');
    await again.nextBody('and on');
  }

  test('requests repeated on the next flow under their ids are done once', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    const before = await sendsAt(alice, { user: bob }, 'first', { id: 'a1' });
    alice.post({ type: 'send', id: 'a2', to: { user: bob }, kind: 'test', body: 'second' });
    alice.post({ type: 'send', id: 'a3', to: { user: bob }, kind: 'test', body: 'third' });
    alice.cut();
    const again = await stage.resume(alice);
    const [second, third] = await Promise.all([
      sendsAt(again, { user: bob }, 'second', { id: 'a2', ageMs: 100 }),
      sendsAt(again, { user: bob }, 'third', { id: 'a3', ageMs: 100 }),
    ]);
    assert(before < second && second < third);
    await robert.nextBody('third');
    const came = robert.frames(`u/${bob}`).map((frame) => frame.body);
    assert.deepEqual(came, ['first', 'second', 'third']);
  });

  test('a resume token of nobody is refused', async () => {
    const robert = await stage.open(stage.name('bob'));
    const { resume } = robert.resumption();
    const middle = Math.floor(resume.length / 2);
    const other = resume[middle] === 'A' ? 'B' : 'A';
    for (const bad of [resume.slice(0, middle) + other + resume.slice(middle + 1), 'nonsense']) {
      const stranger = await stage.connect('stranger');
      stranger.post({ type: 'hello', resume: bad });
      assert.equal((await stranger.closed).fault, 'RESUME_INVALID');
    }
    acked(await robert.send({ user: robert.welcome.user }, 'still here'));
    assertFault(await robert.request({ type: 'leave', room: 'never joined' }), 'NOT_JOINED');
  });
}
