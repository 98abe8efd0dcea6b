/** That the checker sees: with one defence after the other switched off, a short run finds what it defends. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Rule } from '../harness/checker.ts';
import { reportOf } from '../harness/checker.ts';
import type { FaultKind } from './faults.ts';
import { pastOwnerFindings } from './past-owner.ts';
import { runChaos, startChaosFleet } from './run.ts';

interface Mutant {
  readonly defence: string;
  readonly preload: string;
  readonly kinds: readonly FaultKind[];
  readonly found: readonly Rule[];
}

const mutants: readonly Mutant[] = [
  {
    defence: 'deduplication',
    preload: 'no-deduplication',
    kinds: ['gateway link cut'],
    found: ['twice'],
  },
  { defence: 'replay', preload: 'no-replay', kinds: ['gateway link cut'], found: ['lost'] },
  { defence: 'terms', preload: 'no-terms', kinds: ['router killed'], found: ['lost'] },
  {
    defence: 'one append at a time',
    preload: 'no-append-order',
    kinds: ['bus node killed', 'gateway link cut'],
    found: ['log-order', 'sender-order'],
  },
];

/** Two at a time: a fleet that waits for its faults leaves room for another. */
describe('without a defence', { concurrency: 2 }, () => {
  for (const { defence, preload, kinds, found } of mutants) {
    test(`without ${defence} the checker finds ${found.join(' or ')}`, async () => {
      const stage = await startChaosFleet('alone', { preloads: [`test/chaos/mutants/${preload}.ts`] });
      try {
        const report = await runChaos(stage, {
          ...{ seed: 20_261_001, ms: 8_000, rooms: 10, membersPerRoom: 8, framesPerSecond: 3 },
          ...{ kinds, faultMsMax: 2_000, untilWrong: true, settleMs: 4_000 },
        });
        const rules = new Set(report.findings.map(({ rule }) => rule));
        console.log(reportOf(report.findings, 3));
        assert(
          found.some((rule) => rules.has(rule)),
          [...report.timeline, ...report.failures].join('\n'),
        );
      } finally {
        await stage.stop();
      }
    });
  }

  test('a past owner is silenced by its leases and by its terms, by each alone; without both the checker finds what came twice', async () => {
    const [neither, leasesAlone, termsAlone] = await Promise.all([
      pastOwnerFindings(['no-lease-end', 'no-fence']),
      pastOwnerFindings(['no-fence']),
      pastOwnerFindings(['no-lease-end']),
    ]);
    console.log(reportOf(neither, 3));
    assert(neither.some(({ rule }) => rule === 'twice'));
    assert.equal(leasesAlone.length, 0, reportOf(leasesAlone));
    assert.equal(termsAlone.length, 0, reportOf(termsAlone));
  });
});
