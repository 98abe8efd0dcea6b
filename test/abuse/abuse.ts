/**
 * Abuse: a stage with a calm pair and an attacker, and what is looked at after each kind of abuse.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import type { ServiceProcess } from '../harness/process.ts';
import type { Stage } from '../harness/stage.ts';
import { type CalmPair, startCalmPair } from './calm-pair.ts';
import { type Attacker, startAttacker } from './orders.ts';

export interface Abuse {
  readonly attacker: Attacker;
  readonly pair: CalmPair;
  readonly t: TestContext;
}

/** An attacker for all tests of a file; each test begins with none of its connections. */
export function useAttacker(): { readonly attacker: Attacker } {
  let attacker: Attacker | undefined;
  before(() => {
    attacker = startAttacker();
  });
  after(() => attacker?.stop());
  return {
    get attacker() {
      assert(attacker !== undefined);
      return attacker;
    },
  };
}

/**
 * A test of one kind of abuse: the calm pair is measured around it, and feels nothing; the faults are named in the
 * metric at least so often.
 */
export function abuseTest(
  title: string,
  stage: Stage,
  given: { readonly attacker: Attacker },
  faults: Readonly<Record<string, number>>,
  act: (abuse: Abuse) => Promise<void>,
): void {
  test([title, ...Object.keys(faults)].join(' '), { timeout: 120_000 }, async (t) => {
    const counts = () => Promise.all(Object.keys(faults).map((fault) => faultCount(stage, fault)));
    const before = await counts();
    const pair = await startCalmPair(stage);
    await pair.calm();
    await act({ attacker: given.attacker, pair, t });
    const afterwards = await counts();
    await given.attacker.does({ kind: 'close' });
    await pair.calm();
    for (const [i, [fault, least]] of Object.entries(faults).entries()) {
      const counted = afterwards[i]! - before[i]!;
      assert(counted >= least, `gateway_faults_total{fault="${fault}"} grew by ${counted}, not ${least}`);
    }
    t.diagnostic(await pair.unharmed());
  });
}

export function faultCount(stage: Stage, fault: string): Promise<number> {
  return stage.fleet.gatewayMetric('gateway_faults_total', { fault });
}

/** Resident bytes of a process. */
export function residentBytes({ pid }: ServiceProcess): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1_024;
}
