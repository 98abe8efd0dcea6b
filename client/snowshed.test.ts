import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { ConnectOptions } from './api.ts';
import type { FakeService } from './fake-service.ts';
import { connectOn } from './snowshed.ts';
import { bodiesOf, offer, outcome, stageClient } from './staged-client.ts';

function setUp(
  t: TestContext,
  options: Partial<ConnectOptions> = {},
  prepare: (service: FakeService) => void = () => {},
) {
  const clock = createVirtualClock();
  const staged = stageClient(clock, createSeededRandom(1).draw, options, prepare);
  t.after(() => void staged.client.close());
  return { clock, ...staged };
}

test('[SDK-2] a lost flow is resumed with token and cursors, and every frame comes once', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t);
  await clock.advance(20_000);
  const last = service.deliver('u/ann', 'one');
  await clock.advance(100);
  service.flow.drop();
  service.deliver('u/ann', 'two');
  await clock.advance(5_000);
  assert.equal(service.flows.length, 2);
  assert.deepEqual(service.flow.hello, {
    type: 'hello',
    resume: 's1',
    device: 'laptop',
    flow: 'replace',
    cursors: [{ channel: 'u/ann', epoch: 'epoch-1', position: last }],
  });
  service.flow.say(service.stored('u/ann')[0]!.message as never);
  service.deliver('u/ann', 'three');
  await clock.advance(100);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two', 'three'],
  );
  assert.equal(client.session, 's1');
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open', 'away', 'connecting', 'open'],
  );
});

test('[SDK-3] what has no answer is repeated in order on the next flow, and stored once', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  const first = outcome(offer(client, 'a'));
  await clock.advance(50);
  assert.equal(first.value?.position, 10);
  service.answers = false;
  const rest = ['b', 'c'].map((text) => outcome(offer(client, text)));
  await clock.advance(50);
  const before = service.flow.heardOf('send');
  service.stored('u/bob').push({ position: 20, id: before[1]!.id, message: before[1]! });
  service.flow.drop();
  service.answers = true;
  await clock.advance(5);
  rest.push(outcome(offer(client, 'd')));
  await clock.advance(5_000);
  const repeats = service.flow.heardOf('send');
  assert.deepEqual(
    repeats.map(({ body, ageMs }) => [body, ageMs !== undefined]),
    [
      ['b', true],
      ['c', true],
      ['d', false],
    ],
  );
  assert.deepEqual(
    repeats.slice(0, 2).map(({ id }) => id),
    before.slice(1).map(({ id }) => id),
  );
  assert.deepEqual(
    rest.map(({ value }) => value?.position),
    [20, 30, 40],
  );
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['a', 'b', 'c', 'd']);
});

test('[SDK-15] an abort before the send left takes it back; after, only the promise ends', async (t) => {
  const { clock, service, client } = setUp(t);
  const early = new AbortController();
  const late = new AbortController();
  const taken = outcome(offer(client, 'taken back', { signal: early.signal }));
  early.abort();
  await clock.advance(20_000);
  service.answers = false;
  const given = outcome(offer(client, 'given up', { signal: late.signal }));
  const next = outcome(offer(client, 'next'));
  await clock.advance(10);
  late.abort();
  await clock.advance(10);
  assert.deepEqual([taken.fault, given.fault], ['ABORTED', 'ABORTED']);
  service.answers = true;
  service.flow.drop();
  await clock.advance(5_000);
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['given up', 'next']);
  assert.equal(next.value?.position, 20);
  await assert.rejects(offer(client, 'late', { signal: late.signal }), { fault: 'ABORTED' });
});

test('[SDK-18] rooms: joined from now, resumed from their cursors, joined again where the service lost them, left', async (t) => {
  const { clock, service, client, frames, errors } = setUp(t);
  await clock.advance(20_000);
  service.deliver('r/lobby', 'before');
  await clock.advance(10);
  const joining = client.join('lobby');
  await clock.advance(10);
  const room = await joining;
  assert.equal(room.channel, 'r/lobby');
  const inRoom: string[] = [];
  room.on('frame', ({ kind }) => inRoom.push(kind));
  const position = service.deliver('r/lobby', 'one');
  await clock.advance(10);
  service.flow.drop();
  await clock.advance(5_000);
  assert.deepEqual(
    service.flow.hello?.cursors?.map(({ channel, position }) => [channel, position]),
    [
      ['u/ann', 0],
      ['r/lobby', position],
    ],
  );
  assert.equal(service.flow.heardOf('join').length, 0);
  service.flow.say({
    ...(service.stored('r/lobby').at(-1)!.message as { type: string }),
    position: position + 5,
    kind: 'two',
  });
  const sent = outcome(room.send({ kind: 'chat', body: 'hi' }));
  await clock.advance(10);
  assert.notEqual(sent.value, undefined);
  assert.deepEqual(inRoom, ['one', 'two']);
  const left = outcome(room.leave());
  service.deliver('r/lobby', 'after');
  await clock.advance(10);
  assert.deepEqual(left, { value: undefined });
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two'],
  );
  assert.deepEqual(errors, []);
});

test('[SDK-19] a room that the service does not let in any more is told as trouble', async (t) => {
  const { clock, service, client, errors } = setUp(t);
  await clock.advance(20_000);
  const joined = outcome(client.join('lobby'));
  await clock.advance(10);
  assert.equal(joined.value?.name, 'lobby');
  service.welcomes = service.answers = false;
  service.flow.drop();
  await clock.advance(5_000);
  const { hello } = service.flow;
  service.flow.hello = { ...hello!, cursors: [] };
  service.welcome(service.flow);
  await clock.advance(10);
  const [again] = service.flow.heardOf('join');
  assert.deepEqual(again?.cursor, { epoch: 'epoch-1', position: 0 });
  service.flow.say({ type: 'nack', id: again!.id, fault: 'FORBIDDEN' });
  await clock.advance(10);
  assert.deepEqual(
    errors.map(({ fault }) => fault),
    ['FORBIDDEN'],
  );
  service.deliver('r/lobby', 'not for us');
  await clock.advance(10);
});

test('[SDK-20] presence: whole lists across parts and flows, changes in between, and the own state set again', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  const member = (session: string, state?: unknown) => ({
    user: 'bob',
    device: session,
    session,
    ...(state === undefined ? {} : { state }),
  });
  const seen: [members: string[], present: string[], gone: string[]][] = [];
  const names = (list: readonly { session: string }[]) => list.map(({ session }) => session);
  const watching = client.presence.watch('u/bob', ({ members, present, gone }) =>
    seen.push([names(members), names(present), names(gone)]),
  );
  await clock.advance(10);
  const unwatch = await watching;
  const say = (more: object) =>
    service.flow.say({ type: 'presence', channel: 'u/bob', present: [], gone: [], ...more });
  say({ full: true, more: true, present: [member('a')] });
  say({ present: [member('b')] });
  say({ present: [member('c')], gone: [member('a')] });
  await clock.advance(10);
  outcome(client.presence.set({ mood: 'busy' }));
  await clock.advance(10);
  service.flow.bye('TOKEN_EXPIRED', 0);
  await clock.advance(5_000);
  assert.equal(service.flow.heardOf('presence.watch').length, 1);
  assert.deepEqual(
    service.flow.heardOf('presence.set').map(({ state }) => state),
    [{ mood: 'busy' }],
  );
  say({ full: true, present: [member('c', 'away'), member('b'), member('d')] });
  await clock.advance(10);
  unwatch();
  await clock.advance(10);
  assert.equal(service.flow.heardOf('presence.unwatch').length, 1);
  say({ present: [member('e')] });
  await clock.advance(10);
  assert.deepEqual(seen, [
    [['a', 'b'], ['a', 'b'], []],
    [['b', 'c'], ['c'], ['a']],
    [['c', 'b', 'd'], ['c', 'd'], []],
  ]);
});

test('[SDK-21] gaps and unreachable targets are told once', async (t) => {
  const { clock, service, client } = setUp(t);
  const told: unknown[] = [];
  client.on('gap', ({ channel, epoch }) => told.push([channel, epoch]));
  client.on('unreachable', ({ id }) => told.push(id));
  await clock.advance(20_000);
  const gap = { type: 'gap', channel: 'u/ann', epoch: 'epoch-2', from: 0, to: 40 };
  service.flow.say(gap);
  service.flow.say(gap);
  service.flow.say({ type: 'unreachable', id: 'm1' });
  await clock.advance(10);
  assert.deepEqual(told, [['u/ann', 'epoch-2'], 'm1']);
});

test('[SDK-75] who does not wait for a volatile send need not hear that it was lost', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  const unhandled: unknown[] = [];
  const hear = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', hear);
  t.after(() => process.off('unhandledRejection', hear));
  service.listening = false;
  service.flow.drop();
  await clock.advance(10);
  void client.send({ user: 'bob', kind: 'typing', body: true, volatile: true });
  await new Promise(setImmediate);
  assert.deepEqual(unhandled, []);
});

test('[SDK-22] volatile frames: taken from the newest flow alone; sent now or never', async (t) => {
  const { clock, service, client, frames } = setUp(t);
  const early = outcome(client.send({ user: 'bob', kind: 'typing', body: true, volatile: true }));
  await clock.advance(20_000);
  assert.equal(early.fault, 'NOT_SENT');
  const typing = {
    type: 'frame',
    channel: 'u/ann',
    id: 'v',
    from: { user: 'bob', device: 'd', session: 's' },
    kind: 'typing',
    body: 1,
    at: 0,
  };
  const [first] = service.flows;
  service.welcomes = false;
  client.networkChanged();
  await clock.advance(400);
  for (const flow of [first!, service.flow]) flow.say(typing);
  await clock.advance(10);
  assert.equal(frames.length, 1);
  const sent = outcome(client.send({ user: 'bob', kind: 'typing', body: true, volatile: true }));
  await clock.advance(10);
  assert(sent.value !== undefined && sent.value.position === undefined);
});

test('[SDK-23] the session survives a reload, from the storage it was given', async (t) => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const { clock, service } = setUp(t, { storage });
  await clock.advance(20_000);
  service.deliver('u/ann', 'one');
  await clock.advance(2_000);
  assert.equal(kept.size, 1);
  const again = connectOn(service.platform(), {
    url: 'http://gateway.test',
    getToken: () => 'never',
    storage,
    device: 'laptop',
  });
  assert.equal(kept.size, 0, 'it is taken out, so that nobody else takes it');
  await clock.advance(100);
  assert.equal(service.flow.hello?.resume, 's1');
  assert.equal(service.flow.hello?.cursors?.[0]?.position, 10);
  await clock.advance(2_000);
  outcome(again.close());
  await clock.advance(10);
  assert.equal(kept.size, 0, 'a session that ended is not kept');
});

test('[SDK-58] what is kept follows rooms and tokens without a frame, and ends with the client', async (t) => {
  let kept: string | undefined;
  const storage = {
    getItem: () => kept ?? null,
    setItem: (_key: string, value: string) => {
      kept = value;
    },
    removeItem: () => {
      kept = undefined;
    },
  };
  const { clock, service, client } = setUp(t, { storage });
  await clock.advance(20_000);
  const channels = () => JSON.parse(kept ?? '{}').cursors.map(({ channel }: { channel: string }) => channel);
  outcome(client.join('team'));
  await clock.advance(2_000);
  assert.deepEqual(channels(), ['u/ann', 'r/team']);
  outcome(client.leave('team'));
  await clock.advance(2_000);
  assert.deepEqual(channels(), ['u/ann']);
  service.flow.say({ type: 'resume', resume: 'renewed', expiresAt: clock.nowMs() + 600_000 });
  await clock.advance(2_000);
  assert.equal(JSON.parse(kept ?? '{}').resume, 'renewed');
  outcome(client.close());
  outcome(client.leave('team'));
  await clock.advance(2_000);
  assert.equal(kept, undefined);
});

test('[SDK-26] what is too large or too deep is refused here, and harms nothing else', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  await assert.rejects(offer(client, 'x'.repeat(70_000)), { fault: 'TOO_LARGE' });
  let deep: unknown = 1;
  for (let i = 0; i < 70; i++) deep = [deep];
  await assert.rejects(client.send({ user: 'bob', kind: 'offer', body: deep as never }), {
    fault: 'TOO_DEEP',
  });
  const sent = outcome(offer(client, 'fine'));
  await clock.advance(10);
  assert.equal(sent.value?.position, 10);
  assert.equal(service.flow.heardOf('send').length, 1);
});
