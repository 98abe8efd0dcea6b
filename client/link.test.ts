import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createLink, type LinkEnd } from './link.ts';
import type { Platform } from './platform.ts';

test('[SDK-40] an address that the platform refuses outright is an attempt that failed, told once and not at once', async () => {
  const clock = createVirtualClock();
  const ends: LinkEnd[] = [];
  const refuses = () => {
    throw new Error('an insecure WebSocket may not be opened from here');
  };
  const none = { heard: () => undefined, welcomed: () => undefined, received: () => undefined };
  const events = { ...none, ended: (end: LinkEnd) => void ends.push(end) };
  const link = createLink(1, refuses, () => '{}', { after: clock.after } as Platform, events);
  assert.deepEqual(ends, [], 'whoever made it does not know it yet');
  await clock.advance(60_000);
  assert.deepEqual(ends, [{ heard: false }]);
  await link.close();
});
