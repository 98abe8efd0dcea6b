import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStage } from '#router/stage.ts';
import { startGatewayOnStage } from '#test/contracts/gateway-on-stage.ts';

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
