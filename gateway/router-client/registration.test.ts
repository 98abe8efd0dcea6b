import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { DeliverySection } from '#wire/nodes.ts';
import {
  agrees,
  anew,
  announced,
  leaseGone,
  leaseSeen,
  type Registration,
  sectionVerdict,
  taken,
  unowned,
} from './registration.ts';

function section(term: number, registration: number, number: number): DeliverySection {
  return { partition: 0, term, registration, number, entries: [] };
}

function registered(term = 5): Registration {
  return announced(leaseSeen(unowned, { router: 'r', term, position: 0 }), term, 1, 'e');
}

test('[REG-1] a higher term is a new owner to announce to; a lower or released lease changes nothing', () => {
  const state = registered();
  assert.equal(leaseSeen(state, { router: 'q', term: 4, position: 0 }), state);
  assert.equal(leaseSeen(state, { router: 'r', term: 5, position: 9 }), state);
  assert.equal(leaseSeen(state, { router: 'q', term: 6, position: 0, released: true }), state);
  const next = leaseSeen(state, { router: 'q', term: 6, position: 0 });
  assert.deepEqual([next.phase, next.router, next.term], ['announcing', 'q', 6]);
});

test('[REG-2] sections of another term or registration are stale, early ones are kept, a missing one is a hole', () => {
  const state = registered();
  assert.equal(sectionVerdict(state, section(4, 1, 1)), 'stale');
  assert.equal(sectionVerdict(state, section(6, 1, 1)), 'stale');
  assert.equal(sectionVerdict(state, section(5, 2, 1)), 'stale');
  assert.equal(sectionVerdict(state, section(5, 1, 1)), 'next');
  assert.equal(sectionVerdict(state, section(5, 1, 2)), 'hole');
  assert.equal(sectionVerdict(taken(state), section(5, 1, 1)), 'stale');
  assert.equal(sectionVerdict(anew(state), section(5, 2, 1)), 'early');
});

test('[REG-3] a beat that names more than came, or another registration, disagrees', () => {
  const state = taken(registered());
  assert(agrees(state, 5, 1, 1));
  assert(!agrees(state, 5, 1, 2));
  assert(!agrees(state, 5, 2, 0));
  assert(!agrees(state, 5, 0, 0));
  assert(agrees(state, 6, 3, 9), 'another term is for the lease to tell');
  assert(agrees(anew(state), 5, 3, 9), 'an announcement is under way');
});

const deliveries = fc.array(fc.record({ lost: fc.boolean(), doubled: fc.boolean() }), {
  maxLength: 60,
  size: 'max',
});

test('[REG-4] a section that was lost is always noticed, by the next one or by the beat', () => {
  fc.assert(
    fc.property(deliveries, (plan) => {
      let state = registered();
      let noticed = false;
      plan.forEach(({ lost, doubled }, index) => {
        for (let copies = lost ? 0 : doubled ? 2 : 1; copies > 0 && !noticed; copies--) {
          const verdict = sectionVerdict(state, section(5, 1, index + 1));
          if (verdict === 'hole') noticed = true;
          if (verdict === 'next') state = taken(state);
        }
      });
      noticed ||= !agrees(state, 5, 1, plan.length);
      assert.equal(
        noticed,
        plan.some(({ lost }) => lost),
      );
    }),
  );
});

test('[REG-5] where the lease is gone, a lower term is an owner to announce to, and the past one is stale', () => {
  const state = leaseGone();
  assert.equal(sectionVerdict(state, section(5, 1, 1)), 'stale');
  const next = leaseSeen(state, { router: 'q', term: 4, position: 0 });
  assert.deepEqual([next.phase, next.router, next.term], ['announcing', 'q', 4]);
});
