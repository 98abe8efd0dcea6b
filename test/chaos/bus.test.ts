import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';

describe('[P1][P2][P7] the bus dies and comes back: sockets stay up, and nothing acknowledged is lost', () => {
  let crowd: Crowd | undefined;
  after(() => crowd?.close());
  const stage = useStage({ transport: 'websocket', gateways: 3, routers: 2, issuer: 'hmac' });

  test('nats-server is killed and started again', async () => {
    const { nats } = stage.fleet;
    assert(nats !== undefined);
    crowd = await gatherCrowd({ stage, rooms: 20, membersPerRoom: 10, framesPerSecond: 3 });
    await crowd.run(3_000);
    await Promise.all([crowd.run(4_000), nats.kill()]);
    await Promise.all([crowd.run(8_000), nats.start()]);
    await crowd.judge(25_000);
    const closings = crowd.sessions.flatMap((session) => session.closings);
    assert.deepEqual(closings, [], 'no client noticed more than a delay');
    for (const one of [...stage.fleet.gateways, ...stage.fleet.routers]) assert(one.running);
  });
});
