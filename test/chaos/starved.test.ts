/** That what is slow goes on: every process stands still for most of each second, and frames still arrive. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Fleet } from '../harness/fleet.ts';
import { type Holdable, heldTo } from '../harness/held-process.ts';
import { useStage } from '../harness/stage.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';

let crowd: Crowd | undefined;
after(() => crowd?.close());
const stage = useStage({ transport: 'websocket', gateways: 2, routers: 2, issuer: 'hmac' });
const share = 0.12;
const periodMs = 1_000;
/** In which it is learnt how slow everything is. */
const learningMs = 6_000;
const starvedMs = 12_000;

test('[P1][P2] processes that run for a tenth of each second deliver on, and no partition changes hands', async (t) => {
  crowd = await gatherCrowd({ stage, rooms: 12, membersPerRoom: 8, framesPerSecond: 0.5 });
  const { history } = crowd.recorder;
  await crowd.run(3_000);
  const calmPerMs = history.received.length / 3_000;

  const freeAll: (() => void)[] = [];
  const holding = holdEach(stage.fleet, freeAll);
  await Promise.all([crowd.run(learningMs), holding]);
  const before = { received: history.received.length, takeovers: await takeovers() };
  await crowd.run(starvedMs);
  const received = history.received.length - before.received;
  const took = (await takeovers()) - before.takeovers;
  for (const free of freeAll) free();

  const part = received / (calmPerMs * starvedMs);
  t.diagnostic(`${received} frames received, ${part.toFixed(2)} of calm; ${took} takeovers`);
  await crowd.judge(20_000);
  assert.equal(took, 0, 'no partition changed hands');
  assert(part > 0.5, `delivered ${part.toFixed(2)} of what came in calm`);
});

/** Each at a time of its own, so that what one asks another takes a second or two. */
async function holdEach({ busNodes, gateways, routers }: Fleet, freeAll: (() => void)[]): Promise<void> {
  const nodes = busNodes.map((node): Holdable => {
    return { signal: (name) => (name === 'SIGSTOP' ? node.freeze() : node.resume()) };
  });
  const processes: readonly Holdable[] = [...nodes, ...gateways, ...routers];
  for (const one of processes) {
    freeAll.push(heldTo(one, share, periodMs));
    await pause(periodMs / processes.length);
  }
}

async function takeovers(): Promise<number> {
  const each = stage.fleet.routers.map((router) => router.metric('router_takeovers_total'));
  return (await Promise.all(each)).reduce((all, one) => all + one, 0);
}
