import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewEnough } from './prometheus.ts';

test('a Prometheus is taken from 2.42 on', () => {
  assert(isNewEnough('prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5)'));
  assert(isNewEnough('promtool, version 3.5.0 (branch: HEAD)'));
  assert(!isNewEnough('prometheus, version 2.33.5+ds1'));
  assert(!isNewEnough(''));
});
