import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf } from '../harness/checker.ts';
import { tallyLine } from './crowd.ts';
import { clientFaults, type FaultKind, processFaults } from './faults.ts';
import { type ChaosReport, runChaos, startChaosFleet } from './run.ts';

/** Three runs, each with a third of the faults; a cluster in the second. */
const seeds = [20_261_001, 20_261_002, 20_261_003];
const kinds = Object.keys(processFaults) as FaultKind[];
const reports: ChaosReport[] = [];

for (const [turn, seed] of seeds.entries()) {
  test(`[P1][P2][P3][P4] whatever is hurt, acknowledged frames arrive once and in order (seed ${seed})`, async () => {
    const stage = await startChaosFleet(turn === 1 ? 'cluster' : 'alone');
    let clean = false;
    try {
      const report = await runChaos(stage, {
        ...{ seed, ms: 13_000, rooms: 20, membersPerRoom: 10, framesPerSecond: 1, faultMsMax: 4_000 },
        kinds: kinds.filter((_, i) => i % seeds.length === turn),
      });
      reports.push(report);
      console.log(tallyLine({ ...report, waiting: 0 }));
      assert.deepEqual(report.failures, [], report.timeline.join('\n'));
      assert.equal(report.findings.length, 0, [reportOf(report.findings), ...report.timeline].join('\n'));
      clean = true;
    } finally {
      if (!clean) stage.fleet.show();
      await stage.stop();
    }
  });
}

test('the runs had at least one of each fault', () => {
  const missing = [...kinds, ...Object.keys(clientFaults)].filter(
    (kind) => !reports.some(({ faults }) => (faults[kind as FaultKind] ?? 0) > 0),
  );
  assert.deepEqual(missing, []);
});
