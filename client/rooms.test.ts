import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { outcome, rejoining, stageClient } from './staged-client.ts';

async function up(t: TestContext) {
  const clock = createVirtualClock();
  const staged = stageClient(clock, createSeededRandom(1).draw, {}, () => {});
  t.after(() => void staged.client.close());
  await clock.advance(20_000);
  return { clock, ...staged };
}

test('[SDK-41] a join that is aborted does not end another join of the same room', async (t) => {
  const { clock, service, client, frames } = await up(t);
  const joins = [];
  for (const whenWritten of [false, true]) {
    const stop = new AbortController();
    service.answers = !whenWritten;
    const aborted = outcome(client.join('team', { signal: stop.signal }));
    if (whenWritten) await clock.advance(10);
    joins.push(outcome(client.join('team')));
    stop.abort();
    service.answers = true;
    await clock.advance(10);
    assert.equal(aborted.fault, 'ABORTED');
    for (const { id } of service.flow.heardOf('join')) service.flow.say({ type: 'ack', id });
    await clock.advance(10);
    assert.deepEqual(service.flow.heardOf('leave'), []);
  }
  assert(joins.every(({ value }) => value !== undefined));
  service.deliver('r/team', 'one');
  await clock.advance(10);
  assert.equal(frames.length, 1);
});

test('[SDK-42] a room whose joins were all aborted is left', async (t) => {
  const { clock, service, client } = await up(t);
  service.answers = false;
  const stop = new AbortController();
  const joins = [1, 2].map(() => outcome(client.join('team', { signal: stop.signal })));
  await clock.advance(10);
  stop.abort();
  await clock.advance(10);
  assert.deepEqual(
    joins.map(({ fault }) => fault),
    ['ABORTED', 'ABORTED'],
  );
  assert.equal(service.flow.heardOf('leave').length, 1);
});

test('[SDK-43] a room left before its join was answered is not joined again on the next flow', async (t) => {
  const { clock, service, client } = await up(t);
  const join = outcome(client.join('team'));
  const leave = outcome(client.leave('team'));
  await clock.advance(10);
  assert('value' in join && 'value' in leave);
  service.flow.drop();
  await clock.advance(5_000);
  assert.deepEqual(
    service.flow.hello?.cursors?.map(({ channel }) => channel),
    ['u/ann'],
  );
  assert.deepEqual(service.flow.heardOf('join'), []);
});

test('[SDK-44] welcomes that come faster than answers do not heap up what is asked again', async (t) => {
  const { clock, service, client, errors } = await up(t);
  const rooms = Array.from({ length: 100 }, (_, i) => `room-${i}`);
  for (const room of rooms) outcome(client.join(room));
  await clock.advance(3_000);
  service.answers = false;
  outcome(client.leave('room-0'));
  await clock.advance(10);
  const own = [{ channel: 'u/ann', epoch: 'epoch-1', position: 0 }];
  const gone = { channel: 'r/room-0', epoch: 'epoch-1', position: 0 };
  const { flow } = service;
  flow.hello = { type: 'hello', cursors: [gone] };
  const welcome = flow.say.bind(flow);
  flow.say = (message) =>
    welcome(message.type === 'welcome' ? { ...message, cursors: [...own, gone] } : message);
  for (let i = 0; i < 12; i++) service.welcome(flow);
  await clock.advance(10);
  const heard = flow.heard.length;
  service.answers = true;
  for (const { id } of flow.heard as { id: string }[]) welcome({ type: 'ack', id });
  await clock.advance(10_000);
  const asked = new Set(
    flow.heard.slice(heard).flatMap((message) => (message.type === 'join' ? [message.id] : [])),
  );
  assert(asked.size <= 99, `${asked.size} joins of 99 rooms`);
  assert.deepEqual(errors, []);
});

test('[SDK-45] what the client itself asked and has no answer to is no error once it is closed', async (t) => {
  const { clock, service, client, errors } = await up(t);
  outcome(client.join('team'));
  outcome(client.presence.set('busy'));
  outcome(client.presence.watch('r/team', () => {}));
  await clock.advance(10);
  service.answers = false;
  const { flow } = service;
  flow.hello = { type: 'hello' };
  service.welcome(flow);
  await clock.advance(10);
  assert(flow.heardOf('join').length === 2 && flow.heardOf('presence.watch').length === 2);
  outcome(client.close());
  await clock.advance(10);
  assert.deepEqual(errors, []);
});

test('[SDK-46] joining and leaving over and over leaves nothing behind', async (t) => {
  const { clock, service, client } = await up(t);
  for (let i = 0; i < 2_000; i++) {
    outcome(client.join(`room-${i}`));
    outcome(client.leave(`room-${i}`));
    if (i % 100 === 99) await clock.advance(4_000);
  }
  assert.equal(service.flow.heardOf('leave').length, 2_000);
  service.flow.drop();
  await clock.advance(5_000);
  assert.equal(service.flow.hello?.cursors?.length, 1);
  assert.equal(service.flow.heard.length, 1, 'nothing is asked again');
});

test('[SDK-71] a room that is left while the client joins it again on a new flow is no error to the app', async (t) => {
  const staged = await up(t);
  const { clock, client, errors } = staged;
  const { flow, again } = await rejoining(staged, 'team');
  const leave = outcome(client.leave('team'));
  await clock.advance(10);
  // A service that has not answered the join yet refuses it first.
  flow.say({ type: 'nack', id: again.id, fault: 'NOT_JOINED' });
  flow.say({ type: 'ack', id: flow.heardOf('leave')[0]!.id });
  await clock.advance(10);
  assert('value' in leave);
  assert.deepEqual(errors, []);
});

test('[SDK-74] a flow that joined a room later than the client did brings nothing of it until it is joined from the cursor', async (t) => {
  const staged = await up(t);
  const { clock, frames } = staged;
  // Two polls that cross open a flow each, and both bring the join: the first answered it, the second begins at the end.
  const { flow, again } = await rejoining(staged, 'team');
  const from = { user: 'bob', device: 'phone', session: 's-bob' };
  const frame = { type: 'frame', channel: 'r/team', epoch: 'epoch-1', from, kind: 'chat', body: null, at: 0 };
  flow.say({ ...frame, id: 'b', position: 20 });
  await clock.advance(10);
  assert.deepEqual(frames, []);
  assert.deepEqual(again.cursor, { epoch: 'epoch-1', position: 0 });
  flow.say({ type: 'ack', id: again.id });
  flow.say({ ...frame, id: 'a', position: 10 });
  flow.say({ ...frame, id: 'b', position: 20 });
  await clock.advance(10);
  assert.deepEqual(
    frames.map(({ id }) => id),
    ['a', 'b'],
  );
});
