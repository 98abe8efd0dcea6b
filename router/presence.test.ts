import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DetachOp, Member, PresenceEvent } from '#wire/nodes.ts';
import { attach, createStage } from './stage.ts';

/** Who is there, as a watcher has it after these events. */
function seen(events: readonly PresenceEvent[]): readonly string[] {
  const sessions = new Set<string>();
  for (const { full, present, gone } of events) {
    if (full) sessions.clear();
    for (const { session } of present) sessions.add(session);
    for (const { session } of gone) sessions.delete(session);
  }
  return [...sessions].sort();
}

function detach({ channel, flow, session }: ReturnType<typeof attach>, left: boolean): DetachOp {
  return { op: 'detach', channel, flow, session, left };
}

const stateOf = (members: readonly Member[], session: string) =>
  members.find((member) => member.session === session)?.state;

describe('watching', () => {
  test('a watch begins with the whole list, and then tells changes, those of one turn together', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    const ann = attach('r/den', { session: 'ann', state: '"away"' });
    await one.announce([ann]);
    await two.announce([attach('r/den', { watch: true })]);
    await stage.clock.advance(5);
    const member = { user: 'den', device: 'phone', session: 'ann', state: '"away"' };
    assert.deepEqual(two.presence('r/den'), [{ channel: 'r/den', full: true, present: [member], gone: [] }]);

    await one.send('r/den', [attach('r/den', { session: 'bob' }), attach('r/den', { session: 'cid' })]);
    await one.send('r/den', [
      { op: 'state', channel: 'r/den', session: 'ann', state: '"here"' },
      detach(ann, true),
    ]);
    await stage.clock.advance(5);
    const [, came, left] = two.presence('r/den');
    assert.deepEqual(
      came?.present.map(({ session }) => session),
      ['bob', 'cid'],
    );
    assert.deepEqual([left?.present, left?.gone.map(({ session }) => session)], [[], ['ann']]);
    assert.deepEqual(one.presence('r/den'), []);
    assert.deepEqual(two.frames(), []);
    two.assertNumbersWithoutHole();
  });

  test('a watch that ended gets nothing more', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    const watch = attach('r/den', { watch: true });
    await gateway.announce([watch]);
    await stage.clock.advance(5);
    await gateway.send('r/den', [{ ...detach(watch, true), watch: true }, attach('r/den')]);
    await stage.clock.advance(5);
    assert.equal(gateway.presence('r/den').length, 1);
  });

  test('long lists and many changes come in parts that fit', async () => {
    const stage = createStage({ payloadBytesMax: 4_096 });
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    const crowd = Array.from({ length: 40 }, (_, i) =>
      attach('r/den', { session: `session-${i}`, state: `"${'x'.repeat(60)}"` }),
    );
    await one.announce([]);
    for (const op of crowd.slice(0, 20)) await one.send('r/den', [op]);
    await two.announce([attach('r/den', { watch: true })]);
    await stage.clock.advance(5);
    const list = two.presence('r/den');
    assert(list.length > 1);
    assert.deepEqual(
      list.map(({ full }) => full === true),
      list.map((_, i) => i === 0),
    );
    assert.deepEqual(
      list.map(({ more }) => more === true),
      list.map((_, i) => i < list.length - 1),
    );
    for (const op of crowd.slice(20)) stage.clock.soon(() => void one.send('r/den', [op]));
    await stage.clock.advance(50);
    assert.equal(seen(two.presence('r/den')).length, 40);
    for (const { length } of two.messages) assert(length <= 2_048 + 400, `${length} bytes`);
  });

  test('an answer names as many as fit, and says when it leaves some out', async () => {
    const stage = createStage({ payloadBytesMax: 4_096 });
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([]);
    for (let i = 0; i < 30; i++)
      await gateway.send('r/den', [attach('r/den', { state: `"${'x'.repeat(60)}"` })]);
    const answer = await gateway.members('r/den');
    assert(answer !== undefined && 'members' in answer);
    assert.equal(answer.truncated, true);
    assert(answer.members.length > 5 && answer.members.length < 30);
    const few = await gateway.members('r/empty-room');
    assert.deepEqual(few, { v: 1, members: [] });
  });
});

describe('grace', () => {
  test('a lost session stays for the grace time, one that left goes at once', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    const [lost, left] = [attach('r/den', { session: 'lost' }), attach('r/den', { session: 'left' })];
    await gateway.announce([lost, left, attach('r/den', { watch: true })]);
    await gateway.send('r/den', [detach(lost, false), detach(left, true)]);
    await stage.clock.advance(9_000);
    assert.deepEqual(seen(gateway.presence('r/den')), ['lost']);
    await stage.clock.advance(1_500);
    assert.deepEqual(seen(gateway.presence('r/den')), []);
  });

  test('a session that comes back in time was never gone, and keeps its state', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two, watcher] = ['gw1', 'gw2', 'gw3'].map((name) => stage.gateway(name));
    const before = attach('r/den', { session: 'ann', state: '"busy"' });
    await one!.announce([before]);
    await watcher!.announce([attach('r/den', { watch: true })]);
    await two!.announce([]);
    await one!.send('r/den', [detach(before, false)]);
    await stage.clock.advance(5_000);
    const answer = await two!.send('r/den', [attach('r/den', { session: 'ann' })]);
    assert.equal(answer?.attached[0]?.state, '"busy"');
    await stage.clock.advance(20_000);
    assert.equal(watcher!.presence('r/den').length, 1, 'the list, and no change after it');
    const members = await watcher!.members('r/den');
    assert(members !== undefined && 'members' in members);
    assert.equal(stateOf(members.members, 'ann'), '"busy"');
  });

  test('the sessions of a gateway that fell silent are gone after the grace time', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    await one.announce([attach('r/den', { session: 'ann' })]);
    await two.announce([attach('r/den', { watch: true })]);
    one.silent = true;
    await stage.clock.advance(12_000);
    assert.deepEqual(seen(two.presence('r/den')), ['ann']);
    await stage.clock.advance(2_000);
    assert.deepEqual(seen(two.presence('r/den')), []);
  });

  test('announcing anew makes nobody flicker; who was not announced again goes after the grace time', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    const ann = attach('r/den', { session: 'ann', state: '1' });
    await one.announce([ann, attach('r/den', { session: 'bob' })]);
    await two.announce([attach('r/den', { watch: true })]);
    await stage.clock.advance(5);
    await one.announce([{ ...ann, state: '1' }]);
    await stage.clock.advance(5_000);
    assert.equal(two.presence('r/den').length, 1);
    await stage.clock.advance(6_000);
    assert.deepEqual(seen(two.presence('r/den')), ['ann']);
  });

  test('a session with two flows is one member, and stays while one of them is there', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    const first = attach('u/ann', { session: 'ann', mode: 'replace' });
    await one.announce([first, attach('u/ann', { watch: true })]);
    await two.announce([attach('u/ann', { session: 'ann', mode: 'add' })]);
    await one.send('u/ann', [detach(first, false)]);
    await stage.clock.advance(15_000);
    assert.deepEqual(seen(one.presence('u/ann')), ['ann']);
    assert.equal(one.presence('u/ann').length, 1);
  });
});

describe('after a takeover', () => {
  test('nobody seems gone: the list waits until the gateways have announced', async () => {
    const stage = createStage();
    const doomed = await stage.mortalRouter();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    await one.announce([attach('r/den', { session: 'ann' })]);
    await two.announce([attach('r/den', { session: 'bob' }), attach('r/den', { watch: true })]);
    doomed.kill();
    const heir = await stage.router();
    for (let i = 0; i < 100 && stage.lease(one.partition('r/den'))?.router !== heir.id; i++)
      await stage.clock.advance(50);
    const before = two.presence('r/den').length;
    await two.announceAnew();
    await stage.clock.advance(1_200);
    assert.equal(two.presence('r/den').length, before);
    assert.deepEqual(await two.members('r/den'), { v: 1, stale: true });
    await one.announceAnew();
    await stage.clock.advance(1_000);
    const after = two.presence('r/den').slice(before);
    assert.equal(after.length, 1);
    assert.deepEqual(
      after.map(({ full }) => full),
      [true],
    );
    assert.deepEqual(seen(after), ['ann', 'bob']);
  });

  test('and it waits no longer than three seconds for a gateway that does not announce', async () => {
    const stage = createStage();
    const first = await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    await one.announce([attach('r/den', { session: 'ann' })]);
    await two.announce([]);
    await stage.router();
    await stage.stop(first);
    const before = one.presence('r/den').length;
    await one.announce([attach('r/den', { session: 'ann' }), attach('r/den', { watch: true })]);
    await stage.clock.advance(4_000);
    assert.equal(one.presence('r/den').length, before + 1);
  });
});
