import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerOf, listItems } from './reception.ts';

test('the bearer token of Authorization counts before that of the subprotocol list', () => {
  assert.equal(bearerOf('Bearer a.b', ['bearer.c']), 'a.b');
  assert.equal(bearerOf('bearer   a.b', []), 'a.b');
  assert.equal(bearerOf('', ['x', 'bearer.c.d']), 'c.d');
  for (const other of ['Basic abc', 'Bearer', 'Bearer a b', ''])
    assert.equal(bearerOf(other, ['x']), undefined);
  assert.equal(bearerOf('', ['bearer.']), undefined);
});

test('the items of a list', () => {
  assert.deepEqual(listItems('a, b,c'), ['a', 'b', 'c']);
  assert.deepEqual(listItems(''), []);
});
