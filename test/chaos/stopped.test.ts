import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';

describe('[P1][P2] what only looks dead wakes up, and every acknowledged frame has arrived once, in order', () => {
  let crowd: Crowd | undefined;
  after(() => crowd?.close());
  const stage = useStage({ transport: 'websocket', gateways: 3, routers: 2, issuer: 'hmac' });

  test('a gateway is stopped and continued, then a router, while networks come and go', async () => {
    crowd = await gatherCrowd({ stage, rooms: 20, membersPerRoom: 10, framesPerSecond: 3 });
    const { sessions, random } = crowd;
    await crowd.run(2_000);
    const [gateway] = stage.fleet.gateways;
    const [router] = stage.fleet.routers;
    assert(gateway !== undefined && router !== undefined);

    gateway.signal('SIGSTOP');
    await crowd.run(1_000);
    // Half of its clients notice and go elsewhere; the others wait for it.
    const impatient = sessions.filter((session) => session.url === gateway.url && random.draw() < 0.5);
    assert(impatient.length > 0);
    for (const session of impatient) session.cut();
    await crowd.run(5_000);
    gateway.signal('SIGCONT');
    await crowd.run(3_000);

    router.signal('SIGSTOP');
    const cutting = setInterval(() => sessions[Math.floor(random.draw() * sessions.length)]?.cut(), 50);
    await crowd.run(7_000);
    clearInterval(cutting);
    router.signal('SIGCONT');
    await crowd.run(3_000);
    await crowd.judge(20_000);
    const resumed = sessions.reduce((sum, session) => sum + session.resumptions, 0);
    assert(resumed > impatient.length);
  });
});
