import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ceilingsInForce } from './limits.ts';

const configured = { tokenService: { value: 500 }, log: { value: 900 }, directory: { value: 700 } };

test('[LIMIT-1] the lower of log and directory is the ceiling for all, and none is no ceiling', () => {
  assert.deepEqual(ceilingsInForce(configured, {}).ceilings, { fresh: 500, all: 700 });
  assert.deepEqual(ceilingsInForce({ log: { value: 900 } }, {}).ceilings, { fresh: undefined, all: 900 });
  assert.deepEqual(ceilingsInForce({}, {}).ceilings, { fresh: undefined, all: undefined });
});

test('[LIMIT-2] what an operator set replaces what is configured, each by its name', () => {
  const { ceilings } = ceilingsInForce(configured, {
    tokenService: { value: 50 },
    directory: { value: 2_000 },
  });
  assert.deepEqual(ceilings, { fresh: 50, all: 900 });
});

test('[LIMIT-3] a limit that is tried out holds nobody up, and hides none that is enforced', () => {
  const dryRun = true as const;
  const tried = ceilingsInForce({}, { tokenService: { value: 50, dryRun }, log: { value: 9, dryRun } });
  assert.deepEqual(tried, { ceilings: { fresh: 50, all: 9 }, dryRun: { fresh: true, all: true } });
  const beside = ceilingsInForce({ directory: { value: 700 } }, { log: { value: 9, dryRun } });
  assert.deepEqual([beside.ceilings.all, beside.dryRun.all], [700, false]);
});
