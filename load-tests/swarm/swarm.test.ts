import assert from 'node:assert/strict';
import { test } from 'node:test';
import { returnsOf } from './report.ts';
import { placesOf, startScene } from './scene.ts';
import { type Swarm, startSwarm } from './swarm.ts';

const SESSIONS = 300;
const PATIENCE_MS = 60_000;

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert(performance.now() < endMs, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a swarm over TLS comes, loses a gateway, is back, and no acknowledged frame is lost or doubled', async () => {
  const secret = 'of one test on loopback, and of nothing else';
  const scene = await startScene({ gateways: 2, routers: 1, tls: true, secret });
  let swarm: Swarm | undefined;
  try {
    const options = {
      sessions: SESSIONS,
      tls: true,
      secret,
      timing: 'law',
      pairs: 10,
      frameEveryMs: 300,
    } as const;
    const its = await startSwarm(options);
    swarm = its;
    const allUp = () => its.tally().up + its.tally().sentAway === SESSIONS;
    await its.places(placesOf(scene.fleet.gateways));
    await its.ramp(1_000);
    await until('all come', allUp);
    await its.mark();
    await scene.fleet.gateways[0]!.kill();
    await its.places(placesOf(scene.fleet.gateways));
    await until('some are lost', () => its.tally().losses > 0);
    await until('all are back', allUp);
    const returns = returnsOf(await its.episode());
    assert.equal(returns.lost, its.tally().losses);
    assert(returns.lost > SESSIONS / 4 && returns.lost < SESSIONS);
    assert.equal(returns.notBack, 0);
    await its.rest();
    await until('what was sent has come', () => its.tally().up === SESSIONS);
    const { acknowledged, lost, doubled, disordered, gaps } = await its.ledger();
    assert(acknowledged > 20);
    assert.deepEqual({ lost, doubled, disordered, gaps }, { lost: 0, doubled: 0, disordered: 0, gaps: 0 });
  } finally {
    swarm?.stop();
    await scene.stop();
  }
});

test('of visitors who come as fast as they are served no more than so many are outside, and all leave in the end', async () => {
  const secret = 'of one test on loopback, and of nothing else';
  const scene = await startScene({ gateways: 1, routers: 1, tls: false, secret });
  let swarm: Swarm | undefined;
  try {
    const its = await startSwarm({
      sessions: 200,
      tls: false,
      secret,
      timing: 'law',
      pairs: 0,
      frameEveryMs: 0,
    });
    swarm = its;
    await its.places(placesOf(scene.fleet.gateways));
    let outsideMost = 0;
    its.onTally(({ visitors, welcomed, gaveUp }) => {
      outsideMost = Math.max(outsideMost, visitors - welcomed - gaveUp);
    });
    await its.churn({ pace: { atOnce: 4 }, forMs: 2_000, stayMs: 300, giveUpMs: 30_000 });
    await until('the last has left', () => its.tally().up === 0);
    const { visitors, welcomed, gaveUp } = its.tally();
    assert(visitors > 10, `${visitors}`);
    assert.deepEqual({ welcomed, gaveUp }, { welcomed: visitors, gaveUp: 0 });
    assert(outsideMost <= 4, `${outsideMost}`);
  } finally {
    swarm?.stop();
    await scene.stop();
  }
});
