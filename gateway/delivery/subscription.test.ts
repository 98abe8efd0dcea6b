import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { EnvelopeHeader } from '#wire/envelope.ts';
import { DeliveredFrame } from '../seams.ts';
import {
  anew,
  arrived,
  attachVerdict,
  endVerdict,
  FROM_NOW,
  HELD_FRAMES_MAX,
  isFor,
  releasedAfterRead,
  Subscription,
  startedAnew,
} from './subscription.ts';

function subscription(epoch: string, cursor: number): Subscription {
  const who = {
    channel: 'u/bob',
    partition: 0,
    flow: 1,
    session: 's1',
    user: 'bob',
    device: 'd1',
    watch: false,
    mode: undefined,
    state: undefined,
  };
  return new Subscription(who, epoch, cursor, 0);
}

function frame(position: number, changes: Partial<EnvelopeHeader> = {}): DeliveredFrame {
  const from = { user: 'alice', device: 'x', session: 'other' };
  const header = {
    v: 1,
    id: `${position}`,
    channel: 'u/bob',
    from,
    kind: 'k',
    format: 'json',
    at: 0,
    ttlMs: 1_000,
    ...changes,
  };
  return new DeliveredFrame('u/bob', 'e', position, header, new Uint8Array());
}

const standing = { epoch: 'e', head: 100, floor: 40, last: undefined as number | undefined };

test('[CURSOR-1] what lies past the cursor is read, what the owner cannot know is read, the rest is live', () => {
  assert.deepEqual(attachVerdict(subscription('e', 60), standing), { kind: 'live' });
  assert.deepEqual(attachVerdict(subscription('e', 60), { ...standing, last: 60 }), { kind: 'live' });
  assert.deepEqual(attachVerdict(subscription('e', 60), { ...standing, last: 61 }), {
    kind: 'read',
    upTo: 61,
    named: true,
  });
  assert.deepEqual(attachVerdict(subscription('e', 39), standing), { kind: 'read', upTo: 40, named: false });
  assert.deepEqual(attachVerdict(subscription('', 0), standing), { kind: 'read', upTo: 40, named: false });
});

test('[CURSOR-2] a fresh member of a room starts at the head', () => {
  const sub = subscription('', FROM_NOW);
  assert.deepEqual(attachVerdict(sub, { ...standing, last: 99 }), { kind: 'live' });
  assert.equal(sub.cursor, 100);
});

test('[CURSOR-3] another epoch, or a cursor past the end, is a gap and starts at the first frame alive', () => {
  const other = subscription('old', 60);
  assert.deepEqual(attachVerdict(other, standing), { kind: 'other-log' });
  assert.equal(other.cursor, 60, 'until the gap can be told');
  assert.deepEqual(startedAnew(other, standing), {
    kind: 'read',
    upTo: 40,
    named: false,
    gap: { epoch: 'e', from: 60, to: 100 },
  });
  const ahead = subscription('e', 150);
  assert.deepEqual(attachVerdict(ahead, standing), { kind: 'ask-end' });
  assert.deepEqual(endVerdict(ahead, standing, 150), { kind: 'live' });
  assert.equal(ahead.cursor, 150);
  assert.equal(endVerdict(ahead, standing, 149).kind, 'read');
  assert.equal(ahead.cursor, 0);
});

test('[CURSOR-4] a frame is for the device and session it names, never for the session that sent it', () => {
  const sub = subscription('e', 0);
  assert(isFor(sub, frame(1)));
  assert(isFor(sub, frame(1, { toDevice: 'd1', toSession: 's1' })));
  assert(!isFor(sub, frame(1, { toDevice: 'd2' })));
  assert(!isFor(sub, frame(1, { toSession: 's2' })));
  assert(!isFor(sub, frame(1, { from: { user: 'bob', device: 'd1', session: 's1' } })));
});

type Move = { readonly kind: 'append' | 'live' | 'live-late' | 'attach' | 'read-part' | 'read-all' };
const moves = fc.array(
  fc.record({
    kind: fc.constantFrom<Move['kind']>(
      'append',
      'append',
      'append',
      'live',
      'live-late',
      'attach',
      'read-part',
      'read-all',
    ),
  }),
  { maxLength: 400, size: 'max' },
);

test('[CURSOR-5] through attaches, reads, overflows, repeats and late frames, each frame is handed once and in order', () => {
  fc.assert(
    fc.property(moves, (plan) => {
      const handed = played(plan);
      assert.deepEqual(
        handed,
        Array.from(handed, (_, i) => i + 1),
      );
    }),
  );
});

test('[CURSOR-6] held frames are bounded; past the bound they are read instead', () => {
  const sub = subscription('e', 0);
  for (let position = 1; position <= HELD_FRAMES_MAX + 5; position++)
    assert.equal(arrived(sub, frame(position), 1_000), 'held');
  assert.equal(sub.held, undefined);
  assert.deepEqual(releasedAfterRead(sub, 0), { frames: [], readUpTo: HELD_FRAMES_MAX + 5 });
});

/** One subscription, a log that only grows, and an owner that may deliver anything it has, again and again. */
function played(plan: readonly Move[]): number[] {
  const sub = subscription('e', 0);
  const handed: number[] = [];
  let end = 0;
  let upTo = 0;
  const hand = (item: DeliveredFrame) => {
    if (arrived(sub, item, 1_000) !== 'hand') return;
    sub.cursor = item.position;
    handed.push(item.position);
  };
  const read = (to: number) => {
    for (let position = sub.cursor + 1; position <= to; position++) {
      sub.cursor = position;
      handed.push(position);
    }
    if (sub.cursor < upTo) return;
    const { frames, readUpTo } = releasedAfterRead(sub, 0);
    if (readUpTo !== undefined) upTo = readUpTo;
    else {
      sub.phase = 'live';
      for (const item of frames) hand(item.frame);
    }
  };
  let forwarded = 0;
  for (const { kind } of plan) {
    if (kind === 'append') end += 1;
    else if (kind === 'live' && sub.phase !== 'attaching') while (forwarded < end) hand(frame(++forwarded));
    else if (kind === 'live-late' && end > 0) hand(frame(Math.max(1, Math.min(forwarded, sub.cursor - 1))));
    else if (kind === 'attach') {
      anew(sub);
      forwarded = end;
      sub.phase = 'reading';
      const verdict = attachVerdict(sub, { epoch: 'e', head: end, floor: 0, last: end });
      upTo = verdict.kind === 'read' ? verdict.upTo : sub.cursor;
      if (verdict.kind === 'live') read(upTo);
    } else if (kind === 'read-part' && sub.phase === 'reading') read(Math.min(upTo, sub.cursor + 3));
    else if (kind === 'read-all' && sub.phase === 'reading') read(upTo);
  }
  return handed;
}
