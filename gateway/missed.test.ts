/** What was acknowledged and outlived its time before it could be handed to a session that was there is said (P1). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusUnavailable } from '#bus/seams.ts';
import { createStage } from '#router/stage.ts';
import { resumptionOf, type StageFlow, startGatewayOnStage } from '#test/contracts/gateway-on-stage.ts';

const ttlMs = 2_000;
/** The stage asks the log to keep every frame for so long. */
const logKeepsMs = 30_000;

async function annOnStage() {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const { connect, token } = await startGatewayOnStage(stage);
  const flow = connect();
  flow.say({ type: 'hello', device: 'phone', token: token('ann') });
  await stage.clock.advance(100);
  const { clock } = stage;
  /** Deliveries are lost, and nothing can be read; then all of it is possible again. */
  async function cutOff(ms: number, meanwhile: () => Promise<unknown>): Promise<void> {
    const { log } = stage.bus;
    const { read } = log;
    const cut = () => Promise.reject(new BusUnavailable('the gateway is cut off'));
    Object.assign(log, { read: cut });
    stage.dropDeliveries = true;
    await meanwhile();
    await clock.advance(ms);
    stage.dropDeliveries = false;
    Object.assign(log, { read });
    await clock.advance(1_500);
  }
  return { stage, flow, connect, cutOff };
}

function idsOf(flow: StageFlow): string[] {
  return flow.of('frame').map(({ id }) => id);
}

function gapsOf(flow: StageFlow): [number, number][] {
  return flow.of('gap').map(({ from, to }) => [from, to]);
}

test('[GAP-1] cut off for less than the time of the frames, a session gets all of them and is told of no gap', async () => {
  const { stage, flow, cutOff } = await annOnStage();
  await cutOff(500, async () => {
    for (const id of ['a', 'b']) await stage.append('u/ann', id);
  });
  assert.deepEqual(idsOf(flow), ['a', 'b']);
  assert.deepEqual(gapsOf(flow), []);
});

test('[GAP-2] cut off until all of them are forgotten, it is told from where to where', async () => {
  const { stage, flow, cutOff } = await annOnStage();
  const before = await stage.append('u/ann', 'before');
  let last = 0;
  await cutOff(logKeepsMs + ttlMs, async () => {
    for (const id of ['a', 'b']) last = await stage.append('u/ann', id, { header: { ttlMs } });
  });
  assert.deepEqual(idsOf(flow), ['before']);
  assert.deepEqual(gapsOf(flow), [[before, last]]);
  await stage.append('u/ann', 'after');
  assert.deepEqual(idsOf(flow), ['before', 'after']);
});

test('[GAP-3] of those that come after their time each is told, and what lives is brought', async () => {
  const { stage, flow, cutOff } = await annOnStage();
  let dead = 0;
  await cutOff(ttlMs, async () => {
    dead = await stage.append('u/ann', 'dead', { header: { ttlMs } });
    await stage.append('u/ann', 'alive');
  });
  assert.deepEqual(
    gapsOf(flow).map(([, to]) => to),
    [dead],
  );
  assert.deepEqual(idsOf(flow), ['alive']);
});

test('[GAP-17] what the log has forgotten between frames that live is said too, once, and what lives is brought', async () => {
  const { stage, flow, cutOff } = await annOnStage();
  const before = await stage.append('u/ann', 'before');
  let forgotten = 0;
  await cutOff(1_000, async () => {
    for (const id of ['a', 'b']) forgotten = await stage.append('u/ann', id);
    await stage.clock.advance(logKeepsMs + 2_000);
    await stage.append('u/ann', 'alive');
  });
  assert.deepEqual(gapsOf(flow), [[before, forgotten]]);
  assert.deepEqual(idsOf(flow), ['before', 'alive']);
  await stage.append('u/ann', 'after');
  await stage.clock.advance(2 * logKeepsMs);
  assert.deepEqual(idsOf(flow), ['before', 'alive', 'after']);
  assert.equal(gapsOf(flow).length, 1);
});

test('[GAP-18] nobody is told of what was forgotten before he came, or had when it lived', async () => {
  const { stage, flow, connect, cutOff } = await annOnStage();
  await stage.append('u/ann', 'early');
  await stage.clock.advance(logKeepsMs + 5_000);
  const resumption = resumptionOf(flow);
  flow.cut();
  const again = connect();
  again.say({ type: 'hello', resume: resumption.resume });
  await stage.clock.advance(500);
  await cutOff(1_000, () => stage.append('u/ann', 'alive'));
  assert.deepEqual(gapsOf(flow), []);
  assert.deepEqual(gapsOf(again), []);
  assert.deepEqual(idsOf(again), ['alive']);
});

test('[GAP-4] who resumes after their time is told nothing, as nothing was owed', async () => {
  const { stage, flow, connect } = await annOnStage();
  await stage.append('u/ann', 'before');
  const resumption = resumptionOf(flow);
  flow.cut();
  await stage.append('u/ann', 'dead', { header: { ttlMs } });
  await stage.clock.advance(ttlMs + 500);
  const again = connect();
  again.say({ type: 'hello', ...resumption });
  await stage.clock.advance(500);
  assert.equal(again.of('welcome')[0]?.resumed, true);
  assert.deepEqual(idsOf(again), ['before']);
  assert.deepEqual(gapsOf(again), []);
});

test('[GAP-5] nobody is told of a frame that was not for him', async () => {
  const { stage, flow, cutOff } = await annOnStage();
  await cutOff(ttlMs, async () => {
    await stage.append('u/ann', 'dead', { header: { ttlMs, toDevice: 'tablet' } });
    await stage.append('u/ann', 'alive');
  });
  assert.deepEqual(gapsOf(flow), []);
  assert.deepEqual(idsOf(flow), ['alive']);
});

test('[GAP-6] a leader that does not know of everything yet is asked again: no gap, and nothing twice', async () => {
  const { stage, flow, connect } = await annOnStage();
  const head = await stage.append('u/ann', 'before');
  const epoch = flow.of('frame')[0]?.epoch ?? '';
  const resumption = resumptionOf(flow);
  flow.cut();
  // Another flow of the session has brought the next one, of which neither router nor leader know yet.
  const cursor = { channel: 'u/ann', epoch, position: head + 1 };
  const { log } = stage.bus;
  const { end } = log;
  Object.assign(log, { end: () => Promise.resolve(head) });
  const again = connect();
  again.say({ type: 'hello', resume: resumption.resume, cursors: [cursor] });
  await stage.clock.advance(1_000);
  assert.equal(await stage.append('u/ann', 'next'), cursor.position);
  Object.assign(log, { end });
  await stage.clock.advance(3_000);
  await stage.append('u/ann', 'later');
  assert.deepEqual(gapsOf(again), []);
  assert.deepEqual(idsOf(again), ['later']);
});

test('[GAP-7] a cursor that stays past the end is of another log: a gap, and what is alive', async () => {
  const { stage, flow, connect } = await annOnStage();
  const position = await stage.append('u/ann', 'before');
  const epoch = flow.of('frame')[0]?.epoch ?? '';
  const { resume } = resumptionOf(flow);
  flow.cut();
  const again = connect();
  again.say({ type: 'hello', resume, cursors: [{ channel: 'u/ann', epoch, position: position + 100 }] });
  await stage.clock.advance(5_000);
  assert.deepEqual(gapsOf(again), [[position + 100, position]]);
  assert.deepEqual(idsOf(again), ['before']);
});

test('[GAP-8] attached anew while such a leader is asked, it keeps its cursor: no gap, and nothing twice', async () => {
  const { stage, flow, connect } = await annOnStage();
  const head = await stage.append('u/ann', 'before');
  const epoch = flow.of('frame')[0]?.epoch ?? '';
  const resumption = resumptionOf(flow);
  flow.cut();
  const cursor = { channel: 'u/ann', epoch, position: head + 3 };
  const { log } = stage.bus;
  const { end } = log;
  Object.assign(log, { end: () => Promise.resolve(head) });
  const again = connect();
  again.say({ type: 'hello', resume: resumption.resume, cursors: [cursor] });
  await stage.clock.advance(200);
  // What is lost on its way is noticed by the next beat, and all of the partition is announced anew.
  stage.dropDeliveries = true;
  await stage.append('u/ann', 'first');
  stage.dropDeliveries = false;
  await stage.clock.advance(1_500);
  for (const id of ['second', 'third']) await stage.append('u/ann', id);
  Object.assign(log, { end });
  await stage.clock.advance(4_000);
  await stage.append('u/ann', 'later');
  assert.deepEqual(gapsOf(again), []);
  assert.deepEqual(idsOf(again), ['later']);
});

test('[GAP-12] a room that stands is not left out of where it stands by a join again without a cursor', async () => {
  const { stage, flow, connect } = await annOnStage();
  flow.say({ type: 'join', id: 'j1', room: 'team' });
  await stage.clock.advance(100);
  const { cursor } = flow.of('ack')[0]!;
  assert(cursor !== undefined);
  const { resume } = resumptionOf(flow);
  flow.cut();
  await stage.append('r/team', 'a');
  const { log } = stage.bus;
  const { read } = log;
  const slowly: typeof read = async (...asked) => {
    await new Promise<void>((resolve) => stage.clock.after(500, resolve));
    return read(...asked);
  };
  Object.assign(log, { read: slowly });
  const again = connect();
  again.say({ type: 'hello', resume, cursors: [cursor] });
  await stage.clock.advance(100);
  assert.equal(again.of('welcome').length, 1);
  again.say({ type: 'join', id: 'j2', room: 'team' });
  await stage.clock.advance(2_000);
  assert.deepEqual(again.of('ack').at(-1)?.cursor, cursor);
  assert.deepEqual(idsOf(again), ['a']);
});

test('[GAP-15] who resumes in the last moment of a frame is told of it if it cannot be brought in time', async () => {
  const { stage, flow, connect } = await annOnStage();
  const { log } = stage.bus;
  const before = await stage.append('u/ann', 'before');
  const resumption = resumptionOf(flow);
  flow.cut();
  await stage.clock.advance(1_500 - (log.nowMs() % 1_000));
  const dying = await stage.append('u/ann', 'dying', { header: { ttlMs } });
  const { read } = log;
  const slowly: typeof read = async (...asked) => {
    await new Promise<void>((resolve) => stage.clock.after(400, resolve));
    return read(...asked);
  };
  Object.assign(log, { read: slowly });
  await stage.clock.advance(ttlMs - 200);
  const again = connect();
  const epoch = flow.of('frame')[0]?.epoch ?? '';
  again.say({ type: 'hello', ...resumption, cursors: [{ channel: 'u/ann', epoch, position: before }] });
  await stage.clock.advance(1_000);
  assert.deepEqual(idsOf(again), []);
  assert.deepEqual(gapsOf(again), [[before, dying]]);
});
