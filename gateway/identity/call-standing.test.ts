import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type CallFrame,
  type CallStanding,
  callLeft,
  callResumed,
  callSeen,
  inCallUntilMs,
} from './call-standing.ts';

const LEASE_MS = 60_000;

function after(frames: readonly (Partial<CallFrame> & { atMs?: number })[]): CallStanding | undefined {
  let standing: CallStanding | undefined;
  for (const { atMs = 1_000, ...frame } of frames) {
    const whole = { call: 'c1', kind: 'candidate', direction: 'sent', peer: 'bob', ...frame } as CallFrame;
    standing = callSeen(standing, whole, 'ann', atMs);
  }
  return standing;
}

const offer = { kind: 'offer' };
const answered = { kind: 'answer', direction: 'heard' } as const;

describe('call standing', () => {
  test('[CALL-1] an offer that was answered by the other user is a call, whoever offered', () => {
    assert.equal(inCallUntilMs(after([offer, answered]), LEASE_MS), 61_000);
    assert.equal(
      inCallUntilMs(after([{ ...offer, direction: 'heard' }, { kind: 'answer' }]), LEASE_MS),
      61_000,
    );
    assert.equal(inCallUntilMs(after([offer]), LEASE_MS), 0);
    assert.equal(inCallUntilMs(after([offer, { kind: 'answer' }]), LEASE_MS), 0, 'its own answer');
    assert.equal(inCallUntilMs(after([answered]), LEASE_MS), 0, 'nobody offered');
  });

  test('[CALL-2] it ends with a hangup or a reject of either, and of that call alone', () => {
    for (const kind of ['hangup', 'reject']) {
      for (const direction of ['sent', 'heard'] as const) {
        assert.equal(after([offer, answered, { kind, direction }]), undefined);
        assert(inCallUntilMs(after([offer, answered, { kind, direction, call: 'c2' }]), LEASE_MS) > 0);
        assert(inCallUntilMs(after([offer, answered, { kind, direction, peer: 'eve' }]), LEASE_MS) > 0);
      }
    }
  });

  test('[CALL-3] it counts for the lease after both were last heard, and who is alone is in none', () => {
    const call = [offer, answered];
    const talks = [10_000, 20_000, 30_000].map((atMs) => ({ atMs }));
    assert.equal(inCallUntilMs(after([...call, ...talks]), LEASE_MS), 61_000, 'only one of them speaks');
    const both = [...talks, { atMs: 40_000, direction: 'heard' } as const];
    assert.equal(inCallUntilMs(after([...call, ...both]), LEASE_MS), 90_000);
  });

  test('[CALL-4] whatever one user says to himself, or one side alone says, is no call', () => {
    const kind = fc.constantFrom('offer', 'answer', 'candidate', 'keepalive', 'hangup');
    const frames = fc.array(
      fc.record({ kind, call: fc.constantFrom('c1', 'c2'), peer: fc.constantFrom('bob', 'eve') }),
    );
    fc.assert(
      fc.property(frames, fc.constantFrom('sent', 'heard'), fc.boolean(), (said, direction, toSelf) => {
        const all = said.map((one) => ({ ...one, direction, ...(toSelf && { peer: 'ann' }) }) as const);
        assert.equal(inCallUntilMs(after(all), LEASE_MS), 0);
        if (toSelf) {
          const answers = said.map((one) => ({ ...one, direction: 'heard', peer: 'ann' }) as const);
          assert.equal(inCallUntilMs(after([...all, ...answers]), LEASE_MS), 0);
        }
      }),
    );
  });

  test('[CALL-5] a resume does not lengthen it; frames of both do', () => {
    const standing = callResumed(50_000, LEASE_MS);
    assert.equal(inCallUntilMs(standing, LEASE_MS), 50_000);
    const frame = { call: 'c9', kind: 'keepalive', peer: 'bob' };
    callSeen(standing, { ...frame, direction: 'sent' }, 'ann', 20_000);
    assert.equal(inCallUntilMs(standing, LEASE_MS), 50_000);
    callSeen(standing, { ...frame, direction: 'heard' }, 'ann', 20_000);
    assert.equal(inCallUntilMs(standing, LEASE_MS), 80_000);
    assert.equal(callSeen(standing, { ...frame, kind: 'hangup', direction: 'heard' }, 'ann', 1), undefined);
  });

  test('[CALL-5] after a resume too nobody ends it by ringing, and it goes on when its own frames come', () => {
    let standing: CallStanding | undefined = callResumed(50_000, LEASE_MS);
    const seen = (kind: string, direction: CallFrame['direction'], call: string, peer: string) => {
      standing = callSeen(standing, { kind, direction, call, peer }, 'ann', 20_000);
    };
    seen('offer', 'heard', 'c2', 'eve');
    seen('candidate', 'heard', 'c2', 'eve');
    seen('reject', 'sent', 'c2', 'eve');
    assert.equal(inCallUntilMs(standing, LEASE_MS), 50_000);
    seen('keepalive', 'sent', 'c9', 'bob');
    seen('keepalive', 'heard', 'c9', 'bob');
    assert.equal(inCallUntilMs(standing, LEASE_MS), 80_000);

    standing = callResumed(50_000, LEASE_MS);
    seen('offer', 'sent', 'c9', 'bob');
    seen('answer', 'heard', 'c9', 'bob');
    assert.equal(inCallUntilMs(standing, LEASE_MS), 80_000, 'its own, negotiated anew');
    seen('hangup', 'heard', 'c9', 'bob');
    assert.equal(standing, undefined);
  });

  test('a call that follows one that was never hung up counts once it was answered, and not before', () => {
    const next = { call: 'c2', peer: 'eve', atMs: 31_000 };
    const talk = [offer, answered, { atMs: 20_000 }, { atMs: 20_000, direction: 'heard' } as const];
    const invited = { ...offer, ...next, direction: 'heard' } as const;
    assert.equal(inCallUntilMs(after([...talk, invited]), LEASE_MS), 80_000, 'nobody ends it by ringing');
    const taken = [...talk, invited, { ...next, kind: 'answer' }];
    assert.equal(inCallUntilMs(after(taken), LEASE_MS), 91_000);
    assert.equal(
      inCallUntilMs(after([...talk, { ...offer, ...next }, { ...answered, ...next }]), LEASE_MS),
      91_000,
    );
    assert.equal(inCallUntilMs(after([...talk, invited, { ...next, kind: 'reject' }]), LEASE_MS), 80_000);
    const hungUp = [...talk, invited, { kind: 'hangup' }];
    assert.equal(inCallUntilMs(after(hungUp), LEASE_MS), 0);
    assert.equal(inCallUntilMs(after([...hungUp, { ...next, kind: 'answer' }]), LEASE_MS), 91_000);
    assert.equal(after([...taken, { ...next, kind: 'hangup' }]), undefined);
  });

  test('a call that is offered before the one before it has run out outlives it', () => {
    const next = { call: 'c2', peer: 'eve', atMs: 50_000 };
    const both = after([offer, answered, { ...offer, ...next, direction: 'heard' }])!;
    assert.equal(callLeft(both, LEASE_MS, 20_000), both);
    const left = callLeft(both, LEASE_MS, 80_000);
    assert.equal(inCallUntilMs(left, LEASE_MS), 0);
    const taken = { call: 'c2', kind: 'answer', direction: 'sent', peer: 'eve' } as const;
    assert.equal(inCallUntilMs(callSeen(left, taken, 'ann', 85_000), LEASE_MS), 110_000);
    assert.equal(callLeft(left!, LEASE_MS, 200_000), undefined);
  });
});
