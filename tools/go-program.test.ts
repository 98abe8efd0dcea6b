import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPinned } from './go-program.ts';

test('a program of the pinned version is used, another one or none is not', () => {
  assert(isPinned({ version: '5.4.9' }, 'Centrifugo v5.4.9 (Go version: go1.26.8)\n'));
  assert(isPinned({ version: '2.2.0' }, 'k6 v2.2.0 (go1.26.8, linux/amd64)\n'));
  for (const printed of ['Centrifugo v5.4.8 (Go version: go1.22)\n', 'Centrifugo v0.0.0\n', '']) {
    assert(!isPinned({ version: '5.4.9' }, printed), printed);
  }
});
