import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusUnavailable } from '#bus/seams.ts';
import { createStage, type Stage } from '#router/stage.ts';
import { resumptionOf, startGatewayOnStage } from '#test/contracts/gateway-on-stage.ts';
import { decodeNodeMessage } from '#wire/nodes.ts';

test('[GAP-11] a frame that dies while the partition has no router is said to be missing, however short its time was', async () => {
  const stage = createStage({ partitions: 1 });
  const router = await stage.mortalRouter();
  const { connect, token } = await startGatewayOnStage(stage);
  const [ann, bob] = [connect(), connect()];
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  bob.say({ type: 'hello', device: 'phone', token: token('bob') });
  await stage.clock.advance(100);
  router.kill();
  const frame = { to: { user: 'bob' }, kind: 'offer', body: {} };
  ann.say({ type: 'send', id: 'short', ...frame, ttlMs: 1_000 });
  await stage.clock.advance(10);
  const [ack] = ann.of('ack');
  assert(ack?.position !== undefined);
  await stage.router();
  await stage.clock.advance(10_000);
  ann.say({ type: 'send', id: 'after', ...frame });
  await stage.clock.advance(100);
  assert.deepEqual(
    bob.of('frame').map(({ id }) => id),
    ['after'],
  );
  assert.deepEqual(
    bob.of('gap').map(({ to }) => to),
    [ack.position],
  );
});

/** The owner to come is brought the log late, as by a bus that has to find it first. */
function followsLate(stage: Stage, lateMs: number): void {
  const { log } = stage.bus;
  const { follow } = log;
  const late: typeof follow = (partition, after, sink) => {
    let stop = (): void => undefined;
    const cancel = stage.clock.after(lateMs, () => {
      stop = follow(partition, after, sink).stop;
    });
    return {
      stop() {
        cancel();
        stop();
      },
    };
  };
  Object.assign(log, { follow: late });
}

test('[GAP-13] a frame that is dead when its router sees it is said to be missing to those who stand already', async () => {
  const stage = createStage({ partitions: 1 });
  const router = await stage.mortalRouter();
  const { connect, token } = await startGatewayOnStage(stage);
  const [ann, bob] = [connect(), connect()];
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  bob.say({ type: 'hello', device: 'phone', token: token('bob') });
  await stage.clock.advance(100);
  router.kill();
  const frame = { to: { user: 'bob' }, kind: 'offer', body: {} };
  ann.say({ type: 'send', id: 'short', ...frame, ttlMs: 1_000 });
  await stage.clock.advance(10);
  const [ack] = ann.of('ack');
  assert(ack?.position !== undefined);
  followsLate(stage, 1_000);
  await stage.router();
  await stage.clock.advance(10_000);
  ann.say({ type: 'send', id: 'after', ...frame });
  await stage.clock.advance(100);
  assert.deepEqual(
    bob.of('frame').map(({ id }) => id),
    ['after'],
  );
  assert.deepEqual(
    bob.of('gap').map(({ to }) => to),
    [ack.position],
  );
});

test('[GAP-14] who joins a room just after a takeover gets nothing of before it', async () => {
  const stage = createStage({ partitions: 1 });
  const router = await stage.mortalRouter();
  const { connect, token } = await startGatewayOnStage(stage);
  const [ann, bob] = [connect(), connect()];
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  bob.say({ type: 'hello', device: 'phone', token: token('bob') });
  await stage.clock.advance(100);
  const frame = { to: { room: 'team' }, kind: 'offer', body: {} };
  ann.say({ type: 'send', id: 'before', ...frame });
  ann.say({ type: 'send', id: 'short', ...frame, ttlMs: 1_000 });
  await stage.clock.advance(2_000);
  router.kill();
  followsLate(stage, 1_000);
  bob.say({ type: 'join', id: 'j', room: 'team' });
  await stage.router();
  await stage.clock.advance(5_000);
  assert.equal(bob.of('ack').length, 1);
  ann.say({ type: 'send', id: 'after', ...frame });
  await stage.clock.advance(2_000);
  assert.deepEqual(
    bob.of('frame').map(({ id }) => id),
    ['after'],
  );
  assert.deepEqual(bob.of('gap'), []);
});

test('[GAP-16] who resumes at a router that is behind is told nothing of what died while he was away', async () => {
  const stage = createStage({ partitions: 1 });
  const router = await stage.mortalRouter();
  const { connect, token } = await startGatewayOnStage(stage);
  const [ann, bob] = [connect(), connect()];
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  bob.say({ type: 'hello', device: 'phone', token: token('bob') });
  await stage.clock.advance(100);
  const resumption = resumptionOf(bob);
  bob.cut();
  router.kill();
  const frame = { to: { user: 'bob' }, kind: 'offer', body: {} };
  ann.say({ type: 'send', id: 'short', ...frame, ttlMs: 1_000 });
  followsLate(stage, 2_000);
  await stage.clock.advance(2_000);
  const again = connect();
  again.say({ type: 'hello', ...resumption });
  await stage.router();
  await stage.clock.advance(10_000);
  ann.say({ type: 'send', id: 'after', ...frame });
  await stage.clock.advance(100);
  assert.deepEqual(
    again.of('frame').map(({ id }) => id),
    ['after'],
  );
  assert.deepEqual(again.of('gap'), []);
});

/** For so long no router is there that the log forgets what was acknowledged meanwhile. */
const unreadMs = 25_000;

test('[GAP-19] a frame that the log has forgotten before any router read it is said to be missing', async () => {
  const stage = createStage({ partitions: 1 });
  const router = await stage.mortalRouter();
  const { connect, token } = await startGatewayOnStage(stage);
  const [ann, bob, cleo] = [connect(), connect(), connect()];
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  bob.say({ type: 'hello', device: 'phone', token: token('bob') });
  cleo.say({ type: 'hello', device: 'phone', token: token('cleo') });
  await stage.clock.advance(100);
  const frame = { kind: 'offer', body: {} };
  ann.say({ type: 'send', id: 'before', to: { user: 'cleo' }, ...frame, ttlMs: 1_000 });
  await stage.clock.advance(100);
  router.kill();
  ann.say({ type: 'send', id: 'short', to: { user: 'bob' }, ...frame, ttlMs: 1_000 });
  await stage.clock.advance(10);
  const ack = ann.of('ack').find(({ id }) => id === 'short');
  assert(ack?.position !== undefined);
  await stage.clock.advance(unreadMs);
  await stage.router();
  await stage.clock.advance(10_000);
  assert.deepEqual(
    bob.of('gap').map(({ to }) => to),
    [ack.position],
  );
  assert.deepEqual(cleo.of('gap'), [], 'what was had is not missing');
  ann.say({ type: 'send', id: 'after', to: { user: 'bob' }, ...frame });
  await stage.clock.advance(3_000);
  assert.deepEqual(
    bob.of('frame').map(({ id }) => id),
    ['after'],
  );
  assert.equal(bob.of('gap').length, 1);
});

/** What gateways ask of routers can be held up, by gateway. */
function attachesOf(stage: Stage) {
  const { post } = stage.bus;
  const { request } = post;
  const [known, held] = [new Set<string>(), new Set<string>()];
  const holding: typeof request = (subject, data, timeoutMs) => {
    const { gateway = '' } = decodeNodeMessage<{ gateway?: string }>(data) ?? {};
    if (!subject.endsWith('.attach')) return request(subject, data, timeoutMs);
    known.add(gateway);
    return held.has(gateway) ? Promise.reject(new BusUnavailable('held')) : request(subject, data, timeoutMs);
  };
  Object.assign(post, { request: holding });
  return { known, held };
}

test('[GAP-20] whose gateway has announced before the one that took the frame is told as well', async () => {
  const stage = createStage({ partitions: 1 });
  const router = await stage.mortalRouter();
  const attaches = attachesOf(stage);
  const one = await startGatewayOnStage(stage);
  const [first = ''] = attaches.known;
  const other = await startGatewayOnStage(stage, {}, undefined, 'other-');
  const [ann, bob] = [one.connect(), other.connect()];
  ann.say({ type: 'hello', device: 'phone', token: one.token('ann') });
  bob.say({ type: 'hello', device: 'phone', token: other.token('bob') });
  await stage.clock.advance(100);
  router.kill();
  ann.say({ type: 'send', id: 'short', to: { user: 'bob' }, kind: 'offer', body: {}, ttlMs: 1_000 });
  await stage.clock.advance(10);
  const [ack] = ann.of('ack');
  assert(ack?.position !== undefined);
  await stage.clock.advance(unreadMs);
  attaches.held.add(first);
  await stage.router();
  await stage.clock.advance(5_000);
  assert.deepEqual(bob.of('gap'), [], 'nobody knows yet');
  attaches.held.clear();
  await stage.clock.advance(10_000);
  assert.deepEqual(
    bob.of('gap').map(({ to }) => to),
    [ack.position],
  );
});
