import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf } from '../harness/checker.ts';
import { tallyLine } from './crowd.ts';
import { runChaos, startChaosFleet } from './run.ts';

/** What clients notice most: gateways that go or stand still, and answers that do not come. */
const kinds = ['gateway stopped', 'gateway killed', 'bus node stopped', 'gateway link cut'] as const;

test('[P1][P2][P3][P4] the same through the SDK, over WebSockets and long poll, behind a balancer without stickiness', async () => {
  const stage = await startChaosFleet('alone');
  let clean = false;
  try {
    const options = { seed: 20_261_004, ms: 13_000, rooms: 20, membersPerRoom: 8, framesPerSecond: 1 };
    const report = await runChaos(stage, { ...options, kinds, faultMsMax: 4_000, clients: 'sdk' });
    console.log(tallyLine({ ...report, waiting: 0 }));
    assert.deepEqual(report.failures, [], report.timeline.join('\n'));
    assert.equal(report.findings.length, 0, [reportOf(report.findings), ...report.timeline].join('\n'));
    clean = true;
  } finally {
    if (!clean) stage.fleet.show();
    await stage.stop();
  }
});
