import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import type { Flow, FlowEvents } from './flow.ts';
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

test('[SDK-77] an attempt that nobody answers is over after 35 s; one that is answered stays for as long as it is', async () => {
  for (const [answers, endsAtMs] of [
    [false, [35_000]],
    [true, []],
  ] as const) {
    const clock = createVirtualClock();
    const beganMs = clock.monotonicMs();
    const ends: number[] = [];
    const open = (events: FlowEvents): Flow => {
      clock.after(0, () => events.opened());
      const flow: Flow = {
        transport: 'websocket',
        send: () => answers && clock.after(100, events.heard),
        close,
      };
      return flow;
    };
    const close = async () => undefined;
    const none = { heard: () => undefined, welcomed: () => undefined, received: () => undefined };
    const ended = () => void ends.push(clock.monotonicMs() - beganMs);
    const platform = { after: clock.after, nowMs: clock.monotonicMs } as Platform;
    const link = createLink(1, open, () => '{}', platform, { ...none, ended });
    await clock.advance(600_000);
    assert.deepEqual(ends, endsAtMs);
    await link.close();
  }
});
