import assert from 'node:assert/strict';
import { test } from 'node:test';
import { centrifugoVersion, isPinned } from './centrifugo.ts';

test('a Centrifugo of the pinned version is used, another one or none is not', () => {
  assert(isPinned(`Centrifugo v${centrifugoVersion} (Go version: go1.26.8)\n`));
  for (const printed of ['Centrifugo v5.4.8 (Go version: go1.22)\n', 'Centrifugo v0.0.0\n', '']) {
    assert(!isPinned(printed), printed);
  }
});
