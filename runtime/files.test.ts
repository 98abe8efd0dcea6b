import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesMax } from './files.ts';

test('the limit of files is the soft one, which the kernel enforces', () => {
  const limits =
    'Limit    Soft Limit   Hard Limit   Units\nMax processes   1  2  processes\nMax open files   20000  524288  files\n';
  assert.equal(filesMax(limits), 20_000);
  assert.equal(filesMax('Max open files  unlimited  unlimited  files'), Number.POSITIVE_INFINITY);
  assert.equal(filesMax(''), Number.POSITIVE_INFINITY);
  assert(filesMax() > 100);
});
