/** Tests of people: sessions become persons. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peopleIn, siblingsIn } from './people.ts';

const members = [
  { user: 'cy', device: 'c' },
  { user: 'bob', device: 'phone', state: { inCall: true } },
  { user: 'bob', device: 'desk' },
  { user: 'bob', device: 'desk', state: 'in the grace time of an earlier session' },
  { user: 'ann', device: 'here' },
  { user: 'ann', device: 'there' },
];

test('a user with several devices is one person, in a call if one of them is', () => {
  assert.deepEqual(peopleIn(members, 'ann'), [
    { user: 'bob', devices: 2, inCall: true },
    { user: 'cy', devices: 1, inCall: false },
  ]);
});

test('own other devices are counted apart', () => {
  assert.equal(siblingsIn(members, 'ann', 'here'), 1);
  assert.equal(siblingsIn(members, 'bob', 'desk'), 1);
  assert.equal(siblingsIn(members, 'cy', 'c'), 0);
});
