import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isNestedDeeper } from './nesting.ts';

test('counts arrays and objects, and no brackets within strings', () => {
  assert.equal(isNestedDeeper('[[[]]]', 3), false);
  assert.equal(isNestedDeeper('[[[]]]', 2), true);
  assert.equal(isNestedDeeper('{"a":[{"b":1}]}', 2), true);
  assert.equal(isNestedDeeper('["[[[[", "\\"[[[", "\\\\"]', 1), false);
  assert.equal(isNestedDeeper('["\\\\",[[1]]]', 2), true);
  assert.equal(isNestedDeeper('[[1],[1],[1],[1]]', 2), false);
});

test('a string that never ends, and backslashes without end, are left to the parser', () => {
  assert.equal(isNestedDeeper(`"${'['.repeat(100)}`, 2), false);
  assert.equal(isNestedDeeper(`"${'\\'.repeat(101)}"[[[`, 2), false);
});

test('agrees with the depth of the parsed value', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), fc.integer({ min: 1, max: 8 }), (text, levelsMax) => {
      assert.equal(isNestedDeeper(text, levelsMax), depthOf(JSON.parse(text)) > levelsMax);
    }),
  );
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
