import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewEnough } from './nats-server.ts';

test('a nats-server of 2.12 or later is used, an older one or none is not', () => {
  for (const printed of ['nats-server: v2.12.0\n', 'nats-server: v2.15.1\n', 'nats-server: v3.0.0\n']) {
    assert(isNewEnough(printed), printed);
  }
  for (const printed of ['nats-server: v2.11.9\n', 'nats-server: v2.9.0\n', 'nats-server: v1.4.1\n', '']) {
    assert(!isNewEnough(printed), printed);
  }
});
