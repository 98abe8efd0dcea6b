/**
 * Presence: who is attached to a channel, with the state each session set; asked for once, or watched.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PresentMember } from '#wire/messages.ts';
import type { RawClient } from '../../harness/raw-client.ts';
import { acked, assertFault, type Stage } from '../../harness/stage.ts';
import { joins } from './rooms.ts';

export async function membersOf(client: RawClient, channel: string): Promise<readonly PresentMember[]> {
  const { members } = acked(await client.request({ type: 'presence.get', channel }));
  assert(members !== undefined, 'the ack of presence.get says the members');
  return [...members].sort((a, b) => (a.user + a.device < b.user + b.device ? -1 : 1));
}

function memberOf(client: RawClient, state?: unknown): PresentMember {
  const { user, device, session } = client.welcome;
  return state === undefined ? { user, device, session } : { user, device, session, state };
}

/** Asks until the answer is so; presence is told soon, not at once. */
async function becomes(ask: () => Promise<boolean>, what: string, withinMs = 5_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    if (await ask()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within ${withinMs} ms: ${what}`);
}

/** Watches a channel, and keeps the members as the events tell them. */
async function watches(client: RawClient, channel: string): Promise<() => PresentMember[]> {
  const known = new Map<string, PresentMember>();
  let read = 0;
  acked(await client.request({ type: 'presence.watch', channel }));
  await client.next('presence', (event) => event.channel === channel && event.full === true);
  return () => {
    for (; read < client.arrivals.length; read++) {
      const message = client.arrivals[read]?.message;
      if (message?.type !== 'presence' || message.channel !== channel) continue;
      if (message.full === true) known.clear();
      for (const member of message.present) known.set(member.session, member);
      for (const member of message.gone) known.delete(member.session);
    }
    return [...known.values()];
  };
}

export function presenceSuite(stage: Stage, graceMs: number): void {
  membersSuite(stage, graceMs);
  // A watch stands at one gateway, as long as its flow.
  if (!stage.rotates) watchSuite(stage, graceMs);
}

function membersSuite(stage: Stage, graceMs: number): void {
  test('presence.get says who is on a user’s and a room’s channel, with the states they set', async () => {
    const [ann, bob, room] = [stage.name('ann'), stage.name('bob'), stage.name('room')];
    const alice = await stage.open(ann);
    assert.deepEqual(await membersOf(alice, `u/${bob}`), []);
    const phone = await stage.open(bob);
    const desk = await stage.open(bob, { device: 'desk' });
    for (const member of [alice, phone]) await joins(member, room);
    const state = { show: 'dnd', note: 'grüße', since: [1, 2] };
    acked(await phone.request({ type: 'presence.set', state }));
    await becomes(async () => {
      const members = await membersOf(alice, `u/${bob}`);
      return members.some((member) => member.state !== undefined);
    }, 'the state is seen');
    assert.deepEqual(await membersOf(alice, `u/${bob}`), [memberOf(desk), memberOf(phone, state)]);
    await becomes(async () => {
      const members = await membersOf(alice, `r/${room}`);
      return members.length === 2 && members.some((member) => member.state !== undefined);
    }, 'the room shows both, with the state');
  });

  test('a lost session stays present for the grace time, then it is gone', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    assert.equal((await membersOf(alice, `u/${bob}`)).length, 1);
    robert.cut();
    const lostMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, graceMs / 3));
    assert.equal((await membersOf(alice, `u/${bob}`)).length, 1, 'still there within the grace time');
    await becomes(async () => (await membersOf(alice, `u/${bob}`)).length === 0, 'gone', graceMs * 2 + 8_000);
    assert(performance.now() - lostMs >= graceMs * 0.9);
  });

  test('a session that resumes keeps its state', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    acked(await robert.request({ type: 'presence.set', state: { in: 'a call' } }));
    robert.cut();
    const again = await stage.resume(robert);
    await new Promise((resolve) => setTimeout(resolve, graceMs + 500));
    assert.deepEqual(await membersOf(alice, `u/${bob}`), [memberOf(again, { in: 'a call' })]);
  });

  test('bye ends the presence at once', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    assert.equal((await membersOf(alice, `u/${bob}`)).length, 1);
    robert.post({ type: 'bye' });
    await becomes(async () => (await membersOf(alice, `u/${bob}`)).length === 0, 'gone at once', graceMs / 2);
    await robert.closed;
  });

  test('bye right after a resume, or on one of two flows, ends the presence at once as well', async () => {
    for (const flow of ['replace', 'add'] as const) {
      const [ann, bob] = [stage.name('ann'), stage.name('bob')];
      const alice = await stage.open(ann);
      const robert = await stage.open(bob);
      const again = await stage.resume(robert, { flow });
      again.post({ type: 'bye' });
      // Rotating polls take their time to ask; elsewhere the grace time would show.
      const withinMs = stage.rotates ? 2 * graceMs : graceMs / 2;
      await becomes(async () => (await membersOf(alice, `u/${bob}`)).length === 0, flow, withinMs);
      await Promise.all([robert.closed, again.closed]);
    }
  });

  test('a state too large and a channel without the right are refused', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann, { rights: { users: { watch: ['nobody'] } } });
    const state = 'x'.repeat(1_100);
    assertFault(await alice.request({ type: 'presence.set', state }), 'STATE_TOO_LARGE');
    assertFault(await alice.request({ type: 'presence.watch', channel: `u/${bob}` }), 'FORBIDDEN');
    assertFault(
      await alice.request({ type: 'presence.get', channel: `r/${stage.name('room')}` }),
      'FORBIDDEN',
    );
  });
}

function watchSuite(stage: Stage, graceMs: number): void {
  test('a watcher gets the full list, then who comes, changes and goes', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const phone = await stage.open(bob);
    const members = await watches(alice, `u/${bob}`);
    await becomes(async () => members().length === 1, 'the full list has who was there');
    const desk = await stage.open(bob, { device: 'desk' });
    await becomes(async () => members().length === 2, 'who comes is told');
    acked(await desk.request({ type: 'presence.set', state: 'busy' }));
    await becomes(async () => members().some((member) => member.state === 'busy'), 'a change is told');
    desk.post({ type: 'bye' });
    await becomes(async () => members().length === 1, 'who says bye is gone');
    assert.deepEqual(members(), [memberOf(phone)]);
    acked(await alice.request({ type: 'presence.unwatch', channel: `u/${bob}` }));
    const before = alice.arrivals.length;
    phone.post({ type: 'bye' });
    await becomes(async () => (await membersOf(alice, `u/${bob}`)).length === 0, 'the phone is gone');
    const events = alice.arrivals.slice(before).filter(({ message }) => message.type === 'presence');
    assert.deepEqual(events, [], 'who watches no more is told no more');
  });

  test('a watcher never sees a session go that resumes in time', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    acked(await robert.request({ type: 'presence.set', state: { in: 'a call' } }));
    const members = await watches(alice, `u/${bob}`);
    await becomes(async () => members().some((member) => member.state !== undefined), 'the state is seen');
    robert.cut();
    const again = await stage.resume(robert);
    await new Promise((resolve) => setTimeout(resolve, graceMs + 500));
    assert.deepEqual(members(), [memberOf(again, { in: 'a call' })]);
    const gone = alice.arrivals.flatMap(({ message }) => (message.type === 'presence' ? message.gone : []));
    assert.deepEqual(gone, []);
  });
}
