import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';

describe('[P1][P2][P4] every process is replaced under traffic, and nothing is lost', () => {
  let crowd: Crowd | undefined;
  after(() => crowd?.close());
  const env = { GATEWAY_DRAIN_MS: '2000' };
  const stage = useStage({ transport: 'websocket', gateways: 3, routers: 2, issuer: 'hmac', env });

  test('gateways, routers and the bus, one after the other', async () => {
    const { fleet } = stage;
    crowd = await gatherCrowd({ stage, rooms: 15, membersPerRoom: 10, framesPerSecond: 2 });
    let replaced = false;
    const replacing = (async () => {
      for (const one of [...fleet.gateways]) {
        await (await fleet.addGateway()).ready();
        one.signal('SIGTERM');
        assert.equal(await one.exited, 0);
      }
      for (const one of [...fleet.routers]) {
        await (await fleet.addRouter()).ready();
        one.signal('SIGTERM');
        assert.equal(await one.exited, 0);
      }
      await fleet.nats?.stop();
      await fleet.nats?.start();
    })().finally(() => {
      replaced = true;
    });
    await crowd.run(120_000, () => replaced);
    await replacing;
    await crowd.run(1_000);
    await crowd.judge(25_000);
    for (const session of crowd.sessions) {
      assert(session.resumptions > 0, 'every gateway went, so every session moved');
      for (const closing of session.closings) assert.equal(closing, 'GOING_AWAY');
    }
  });
});
