import { after, describe, test } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { busGoesAway } from './bus-away.ts';
import type { Crowd } from './crowd.ts';

/** `npm run verify:full` asks for the seven minutes under 2,000 sessions that an operator may need. */
const long = process.env['CHAOS_LONG'] === '1';

describe('[P1][P2][P7] the bus dies and comes back: sockets stay up, and nothing acknowledged is lost', () => {
  let crowd: Crowd | undefined;
  after(() => crowd?.close());
  const stage = useStage({ transport: 'websocket', gateways: 3, routers: 2, issuer: 'hmac' });

  test('nats-server is killed and started again', async () => {
    crowd = await busGoesAway({
      stage,
      ...(long
        ? { rooms: 200, awayMs: 420_000, growthMax: 0.05, framesPerSecond: 0.05 }
        : { rooms: 30, awayMs: 15_000, growthMax: 0.2, framesPerSecond: 0.3 }),
      ...{ membersPerRoom: 10, healMsMax: 10_000 },
    });
  });
});
