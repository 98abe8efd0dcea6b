import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { ServiceProcess } from '../harness/process.ts';
import { useStage } from '../harness/stage.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';

/** Frames go on while the partitions of a dead router have no owner, and a while after. */
const takeoverMs = 5_000;

describe('[P1][P2] whatever is killed, every acknowledged frame arrives at every session, once, in order', () => {
  let crowd: Crowd | undefined;
  after(() => crowd?.close());
  const stage = useStage({ transport: 'websocket', gateways: 3, routers: 2, issuer: 'hmac' });

  function oneOf(processes: readonly ServiceProcess[]): ServiceProcess {
    const alive = processes.filter((one) => one.running);
    const random = crowd?.random.draw() ?? 0;
    return alive[Math.floor(random * alive.length)] as ServiceProcess;
  }

  test('a gateway, then a router', async () => {
    crowd = await gatherCrowd({ stage, rooms: 20, membersPerRoom: 10, framesPerSecond: 3 });
    await crowd.run(2_000);
    const gateway = oneOf(stage.fleet.gateways);
    const there = crowd.sessions.filter((session) => session.url === gateway.url).length;
    assert(there > 0, 'the gateway that dies has sessions');
    await Promise.all([crowd.run(3_000), gateway.kill()]);
    await Promise.all([crowd.run(takeoverMs), oneOf(stage.fleet.routers).kill()]);
    await crowd.judge(20_000);
    const resumed = crowd.sessions.filter((session) => session.resumptions > 0).length;
    assert.equal(resumed, there, 'exactly the sessions of the dead gateway resumed');
  });
});
