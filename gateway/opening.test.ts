import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStage } from '#router/stage.ts';
import { startGatewayOnStage } from '#test/contracts/gateway-on-stage.ts';
import type { Revocation } from './seams.ts';

test('who is revoked while it waits gets no welcome, and was never counted as open', async () => {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const revoked = new Set<string>();
  const { connect, token, metrics } = await startGatewayOnStage(
    stage,
    {},
    { revoked: ({ user }) => revoked.has(user), watch: () => undefined },
  );
  const open = async () => (await metrics.sessions.get()).values[0]?.value;
  const [ann, bob] = [connect(), connect()];
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  await stage.clock.advance(2_000);
  assert.equal(await open(), 1);
  bob.say({ type: 'hello', device: 'phone', token: token('bob') });
  revoked.add('bob');
  await stage.clock.advance(2_000);
  assert.deepEqual(bob.of('welcome'), []);
  assert.equal(bob.closedFor, 'REVOKED');
  assert.equal(await open(), 1);
});

test('many revocations at once have the sessions looked through once, within the two seconds promised', async () => {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const revoked = new Set<string>();
  let looks = 0;
  let told: (revocation: Revocation) => void = () => undefined;
  const { connect, token } = await startGatewayOnStage(
    stage,
    {},
    {
      revoked({ user }) {
        looks += 1;
        return revoked.has(user);
      },
      watch(changed) {
        told = changed;
      },
    },
  );
  const flows = ['ann', 'bob', 'eve'].map((user) => {
    const flow = connect();
    flow.say({ type: 'hello', device: 'phone', token: token(user) });
    return flow;
  });
  await stage.clock.advance(1_000);
  looks = 0;
  for (let n = 0; n < 1_000; n++) {
    const value = n === 500 ? 'bob' : `other${n}`;
    revoked.add(value);
    told({ kind: 'user', value, at: stage.clock.nowMs() });
  }
  await stage.clock.advance(1_000);
  assert.deepEqual(
    flows.map(({ closedFor }) => closedFor),
    [undefined, 'REVOKED', undefined],
  );
  assert.equal(looks, flows.length);
});

test('a send that the transport kept until its session stood has the age that it has by then', async () => {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const { connect, token } = await startGatewayOnStage(stage);
  const ann = connect();
  ann.say({ type: 'hello', device: 'phone', token: token('ann') });
  await stage.clock.advance(30_000);
  const nowMs = stage.clock.monotonicMs();
  const send = { type: 'send', to: { user: 'ann' }, kind: 'test', body: 1 };
  ann.say({ ...send, id: 'old' }, nowMs - 28_000);
  ann.say({ ...send, id: 'young' }, nowMs - 27_000);
  ann.say({ ...send, id: 'new' });
  await stage.clock.advance(1_000);
  assert.deepEqual(
    ann.of('nack').map(({ id, fault }) => [id, fault]),
    [['old', 'SEND_EXPIRED']],
  );
  assert.deepEqual(
    ann.of('ack').map(({ id }) => id),
    ['young', 'new'],
  );
});
