import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromiumPath } from './chromium.ts';

test('CHROMIUM names the browser, and a missing one is said with what to install', () => {
  assert.equal(chromiumPath({ CHROMIUM: process.execPath, PATH: '' }), process.execPath);
  assert.throws(() => chromiumPath({ CHROMIUM: '/nowhere/chromium', PATH: '' }), /apt-get install chromium/);
});
