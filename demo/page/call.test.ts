/**
 * Tests of the call's state machine: single steps, then whole conversations between several devices
 * whose messages take their time.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CallEffect, type CallEvent, type CallState, idle, RING_MS, step } from './call.ts';
import type { Kind, Party } from './signals.ts';

const ann: Party = { user: 'ann', device: 'laptop' };
const bob: Party = { user: 'bob', device: 'phone' };
const bobDesk: Party = { user: 'bob', device: 'desk' };

function after(me: Party, ...events: readonly CallEvent[]): readonly [CallState, readonly CallEffect[]] {
  let state = idle;
  let effects: readonly CallEffect[] = [];
  for (const event of events) [state, effects] = step(me, state, event);
  return [state, effects];
}

function frame(kind: Kind, from: Party, call: string, body: unknown = {}): CallEvent {
  return { type: 'received', kind, call, from, body };
}

const dial: CallEvent = { type: 'dial', user: 'bob', call: 'c1' };
const offerReady: CallEvent = { type: 'offerReady', call: 'c1', sdp: 'o' };
const offer = frame('offer', ann, 'c1', { sdp: 'o' });

test('an offer goes to every device of the user, candidates follow it, and never overtake it', () => {
  const candidateFound: CallEvent = { type: 'candidateFound', call: 'c1', candidate: { candidate: 'x' } };
  assert.deepEqual(after(ann, dial, candidateFound)[1], []);
  const [state, effects] = after(ann, dial, offerReady);
  assert.deepEqual(state, { phase: 'calling', call: 'c1', user: 'bob', reach: 'sent' });
  assert.deepEqual(effects, [
    { do: 'send', kind: 'offer', call: 'c1', to: { user: 'bob' }, body: { type: 'offer', sdp: 'o' } },
  ]);
  const [, trickled] = after(ann, dial, offerReady, candidateFound);
  assert.deepEqual(trickled, [
    { do: 'send', kind: 'candidate', call: 'c1', to: { user: 'bob' }, body: { candidate: 'x' } },
  ]);
});

test('the first device that answers has the call, a second one is told that it was late', () => {
  const talking = [dial, offerReady, frame('answer', bob, 'c1', { sdp: 'a' })];
  assert.deepEqual(after(ann, ...talking)[0], {
    phase: 'talking',
    call: 'c1',
    peer: bob,
    media: 'connecting',
  });
  const [state, effects] = after(ann, ...talking, frame('answer', bobDesk, 'c1', { sdp: 'b' }));
  assert.equal(state.phase, 'talking');
  assert.deepEqual(effects, [
    { do: 'send', kind: 'hangup', call: 'c1', to: bobDesk, body: { reason: 'answered-elsewhere' } },
  ]);
});

test('a device that rings says so, keeps the candidates that come early, and tells its siblings when it answers', () => {
  const early = { candidate: 'early' };
  const ringing = [offer, frame('candidate', ann, 'c1', early)];
  assert.equal(after(bob, offer)[1][0]?.do, 'send');
  assert.deepEqual(after(bob, ...ringing, { type: 'answer' })[1], [
    { do: 'makeAnswer', call: 'c1', offer: 'o', candidates: [early] },
  ]);
  const [state, effects] = after(
    bob,
    ...ringing,
    { type: 'answer' },
    { type: 'answerReady', call: 'c1', sdp: 'a' },
  );
  assert.equal(state.phase, 'talking');
  assert.deepEqual(effects, [
    { do: 'send', kind: 'answer', call: 'c1', to: ann, body: { type: 'answer', sdp: 'a' } },
    { do: 'send', kind: 'answered-elsewhere', call: 'c1', to: { user: 'bob' }, body: {} },
  ]);
});

test('a ringing device stops when a sibling answered or declined, but not on the word of a stranger', () => {
  for (const kind of ['answered-elsewhere', 'declined-elsewhere'] as const) {
    const [state] = after(bob, offer, frame(kind, bobDesk, 'c1'));
    assert.deepEqual(state, { phase: 'idle', ended: { user: 'ann', why: kind } });
    assert.equal(after(bob, offer, frame(kind, ann, 'c1'))[0].phase, 'ringing');
    assert.equal(after(bob, offer, frame(kind, bobDesk, 'c2'))[0].phase, 'ringing');
  }
});

test('nobody outside a call can end it, answer it or add to it', () => {
  const eve: Party = { user: 'eve', device: 'x' };
  const talking = [dial, offerReady, frame('answer', bob, 'c1', { sdp: 'a' })];
  const [before] = after(ann, ...talking);
  for (const kind of ['hangup', 'reject', 'candidate', 'ringing', 'answer'] as const) {
    for (const other of [eve, bobDesk]) {
      const [state, effects] = after(ann, ...talking, frame(kind, other, 'c1', { candidate: 'x', sdp: 's' }));
      assert.deepEqual(state, before);
      assert(effects.every((effect) => effect.do === 'send'));
    }
  }
});

test('a device in a call says busy, and a caller who hears it lets the other devices stop', () => {
  const [, effects] = after(ann, dial, frame('offer', { user: 'cy', device: '1' }, 'c9', { sdp: 'z' }));
  assert.deepEqual(effects, [
    { do: 'send', kind: 'reject', call: 'c9', to: { user: 'cy', device: '1' }, body: { reason: 'busy' } },
  ]);
  const [state, words] = after(ann, dial, offerReady, frame('reject', bob, 'c1', { reason: 'busy' }));
  assert.deepEqual(state, { phase: 'idle', ended: { user: 'bob', why: 'busy' } });
  assert.deepEqual(words, [
    { do: 'send', kind: 'hangup', call: 'c1', to: { user: 'bob' }, body: {} },
    { do: 'close', call: 'c1' },
  ]);
});

test('when two call each other, both join the call with the smaller id', () => {
  const theirs = frame('offer', bob, 'c0', { sdp: 'theirs' });
  assert.deepEqual(after(ann, dial, offerReady, theirs)[0], { phase: 'answering', call: 'c0', peer: bob });
  const larger = frame('offer', bob, 'c2', { sdp: 'theirs' });
  assert.equal(after(ann, dial, offerReady, larger)[0].phase, 'calling');
  assert.equal(after(ann, dial, larger)[0].phase, 'answering', 'an own offer that never left yields');
});

test('bodies that are no description and no candidate change nothing', () => {
  for (const body of [null, 7, 'sdp', [], {}, { sdp: 5 }, { candidate: {} }]) {
    assert.equal(after(ann, frame('offer', bob, 'c1', body))[0], idle);
    assert.equal(after(ann, dial, offerReady, frame('answer', bob, 'c1', body))[0].phase, 'calling');
    assert.deepEqual(after(bob, offer, { type: 'answer' }, frame('candidate', ann, 'c1', body))[1], []);
  }
});

test('nobody rings for ever', () => {
  const [state, effects] = after(ann, dial, offerReady, { type: 'timeout', call: 'c1' });
  assert.deepEqual(state, { phase: 'idle', ended: { user: 'bob', why: 'no-answer' } });
  assert.equal(effects[0]?.do, 'send');
  assert.equal(after(bob, offer, { type: 'timeout', call: 'c1' })[0].phase, 'idle');
  const wait = after(ann, dial)[1].find((effect) => effect.do === 'wait');
  assert.equal(wait?.ms, RING_MS);
});

// Whatever happens.

const parties = [bob, bobDesk, { user: 'cy', device: '1' }, { user: 'ann', device: 'phone' }];
const kinds = [
  'offer',
  'ringing',
  'answer',
  'candidate',
  'reject',
  'hangup',
  'answered-elsewhere',
  'declined-elsewhere',
];
const anyCall = fc.constantFrom('c1', 'c2', 'c3');

const anyEvent: fc.Arbitrary<CallEvent> = fc.oneof(
  fc.record({ type: fc.constant('dial' as const), user: fc.constantFrom('ann', 'bob', 'cy'), call: anyCall }),
  fc.record({ type: fc.constantFrom('answer' as const, 'decline' as const, 'hangUp' as const) }),
  fc.record({
    type: fc.constant('received' as const),
    kind: fc.constantFrom(...kinds, 'chat'),
    call: anyCall,
    from: fc.constantFrom(...parties),
    body: fc.constantFrom<unknown>({ sdp: 's' }, { candidate: 'c' }, { reason: 'busy' }, {}, null),
  }),
  fc.record({
    type: fc.constantFrom('offerReady' as const, 'answerReady' as const),
    call: anyCall,
    sdp: fc.constant('s'),
  }),
  fc.record({
    type: fc.constant('candidateFound' as const),
    call: anyCall,
    candidate: fc.constant({ candidate: 'c' }),
  }),
  fc.record({
    type: fc.constant('media' as const),
    call: anyCall,
    media: fc.constantFrom('flowing' as const, 'interrupted' as const, 'lost' as const, 'failed' as const),
  }),
  fc.record({
    type: fc.constantFrom('offerRefused' as const, 'offerWaits' as const, 'timeout' as const),
    call: anyCall,
  }),
);

/** The peer connections that are open after these effects. */
function opened(open: Set<string>, effects: readonly CallEffect[]): void {
  for (const effect of effects) {
    if (effect.do === 'makeOffer' || effect.do === 'makeAnswer') open.add(effect.call);
    if (effect.do === 'close') assert(open.delete(effect.call), 'closes what is open');
    if (effect.do === 'takeAnswer' || effect.do === 'takeCandidate')
      assert(open.has(effect.call), 'takes into what is open');
  }
}

test('whatever comes, a device has one peer connection at most, that of its call, and none when idle', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60, size: 'max' }), (events) => {
      const open = new Set<string>();
      let state = idle;
      for (const event of events) {
        const [next, effects] = step(ann, state, event);
        opened(open, effects);
        state = next;
        const call = state.phase === 'idle' || state.phase === 'ringing' ? [] : [state.call];
        assert.deepEqual([...open], call);
      }
    }),
  );
});

test('whatever came before, hanging up ends in idle and tells whoever may know of the call', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60, size: 'max' }), (events) => {
      const [before] = after(ann, ...events);
      const [state, effects] = step(ann, before, { type: 'hangUp' });
      assert.equal(state.phase, 'idle');
      const knows = before.phase !== 'idle' && !(before.phase === 'calling' && before.reach === 'preparing');
      const told = effects.some((e) => e.do === 'send' && (e.kind === 'hangup' || e.kind === 'reject'));
      assert.equal(told, knows);
    }),
  );
});

// Several devices, each message under way for as long as chance wants.

interface Device {
  readonly me: Party;
  state: CallState;
  /** What the machine still owes it: descriptions being made. */
  owed: CallEvent[];
  timeouts: string[];
  /** Frames on their way to it, in the order of its user's log. */
  inbox: CallEvent[];
}

function createDevices(): Device[] {
  const all = [ann, { user: 'ann', device: 'phone' }, bob, bobDesk];
  return all.map((me) => ({ me, state: idle, owed: [], timeouts: [], inbox: [] }));
}

function happen(devices: readonly Device[], device: Device, event: CallEvent): void {
  const [state, effects] = step(device.me, device.state, event);
  device.state = state;
  for (const effect of effects) carryOut(devices, device, effect);
}

function carryOut(devices: readonly Device[], device: Device, effect: CallEffect): void {
  if (effect.do === 'makeOffer') device.owed.push({ type: 'offerReady', call: effect.call, sdp: 's' });
  if (effect.do === 'makeAnswer') device.owed.push({ type: 'answerReady', call: effect.call, sdp: 's' });
  if (effect.do === 'wait') device.timeouts.push(effect.call);
  if (effect.do !== 'send') return;
  for (const other of devices) {
    if (other === device || other.me.user !== effect.to.user) continue;
    if (effect.to.device !== undefined && effect.to.device !== other.me.device) continue;
    other.inbox.push(frame(effect.kind, device.me, effect.call, effect.body));
  }
}

/** Lets everything under way arrive, then the timers fire. */
function settle(devices: readonly Device[]): void {
  for (let rounds = 0; rounds < 200; rounds++) {
    const busy = devices.find((d) => d.inbox.length > 0 || d.owed.length > 0);
    const waiting = devices.find((d) => d.timeouts.length > 0);
    if (busy !== undefined) happen(devices, busy, (busy.inbox.shift() ?? busy.owed.shift()) as CallEvent);
    else if (waiting !== undefined)
      happen(devices, waiting, { type: 'timeout', call: waiting.timeouts.shift() as string });
    else return;
  }
  assert.fail('the devices never come to rest');
}

const anyMove = fc.record({
  device: fc.nat(3),
  move: fc.constantFrom(
    'dial',
    'answer',
    'decline',
    'hangUp',
    'deliver',
    'deliver',
    'deliver',
    'owed',
    'owed',
  ),
  draw: fc.nat(999),
});

test('however messages cross, once all is quiet whoever talks is talked to, by one device, in the same call', () => {
  fc.assert(
    fc.property(fc.array(anyMove, { maxLength: 80, size: 'max' }), (moves) => {
      const devices = createDevices();
      moves.forEach(({ device: index, move, draw }, turn) => {
        const device = devices[index] as Device;
        if (move === 'dial') {
          const user = device.me.user === 'ann' ? 'bob' : 'ann';
          happen(devices, device, { type: 'dial', user, call: `${draw}.${turn}` });
        } else if (move === 'deliver' || move === 'owed') {
          const event = (move === 'deliver' ? device.inbox : device.owed).shift();
          if (event !== undefined) happen(devices, device, event);
        } else happen(devices, device, { type: move } as CallEvent);
      });
      settle(devices);
      for (const { me, state } of devices) {
        if (state.phase === 'idle') continue;
        assert(state.phase === 'talking', `${me.user}/${me.device} hangs in ${state.phase}`);
        const other = devices.find((d) => d.me.user === state.peer.user && d.me.device === state.peer.device);
        assert(other?.state.phase === 'talking');
        assert.deepEqual([other.state.call, other.state.peer], [state.call, me]);
      }
    }),
    { numRuns: 500 },
  );
});
