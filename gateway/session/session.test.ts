import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { decodeEnvelope } from '#wire/envelope.ts';
import type { SessionRequest } from '../seams.ts';
import { Session, type SessionEffect, type SessionEvent } from './record.ts';
import { isDueEachSecond, step } from './session.ts';
import { alice, ask, at, faultOf, frame, opened, policy, send, stored, undecided } from './staged-session.ts';

test('[SESSION-1] welcome comes when the own channel and every room of the cursors is attached', () => {
  const session = new Session(1, alice, 's1', 'd1', 'replace');
  const cursors = ['u/alice', 'r/a', 'r/closed', 'r/b'].map((channel) => ({
    channel,
    epoch: 'e',
    position: 7,
  }));
  const effects = step(session, { kind: 'open', cursors }, at(0), policy);
  const attaches = effects.flatMap((effect) => (effect.kind === 'attach' ? [effect.channel] : []));
  assert.deepEqual(attaches, ['u/alice', 'r/a', 'r/b']);
  assert.deepEqual(
    effects.filter(({ kind }) => kind === 'fault'),
    [{ kind: 'fault', fault: 'FORBIDDEN' }],
  );
  const answers = attaches.map((channel) =>
    step(
      session,
      { kind: 'attached', channel, watch: false, cursor: { channel, epoch: 'e', position: 7 } },
      at(0),
      policy,
    ),
  );
  assert.deepEqual(answers, [[], [], [{ kind: 'welcome' }]]);
});

test('[SESSION-2] the sender is stamped out of the identity, and a repeat has the same message id', () => {
  const frames = [frame('1'), frame('1', { ageMs: 900 }), frame('1', { body: '"else"' })];
  const [first, again, other] = frames.map((it) => send(opened(), it)[0]);
  assert(first?.kind === 'append' && again?.kind === 'append' && other?.kind === 'append');
  const envelope = decodeEnvelope(first.data);
  assert(typeof envelope !== 'string');
  assert.deepEqual(envelope.header.from, { user: 'alice', device: 'd1', session: 's1' });
  assert.equal(first.messageId, again.messageId);
  assert.notEqual(first.messageId, other.messageId);
});

test('[SESSION-3] names with slashes cannot be mistaken for one another in a message id', () => {
  const id = (user: string, device: string) => {
    const [effect] = send(new Session(1, { ...alice, user }, 's', device, 'replace'), frame('1'));
    assert(effect?.kind === 'append');
    return effect.messageId;
  };
  assert.equal(new Set([id('a/b', 'c'), id('a', 'b/c'), id('a%2Fb', 'c')]).size, 3);
});

test('[SESSION-4] one append is under way per channel; the next waits for its answer', () => {
  const session = opened();
  assert.equal(send(session, frame('1')).length, 1);
  assert.deepEqual(send(session, frame('2')), []);
  assert.equal(send(session, frame('3', { to: { channel: 'u/carol' } })).length, 1);
  const effects = step(session, stored('1', 10), at(1_001), policy);
  assert.deepEqual(
    effects.map(({ kind }) => kind),
    ['answer', 'append'],
  );
});

test('[SESSION-5] an undecided append is repeated, nothing overtakes it, and it is given up in time', () => {
  const session = opened();
  send(session, frame('1'));
  send(session, frame('2'));
  const [again] = step(session, undecided('1'), at(6_000), policy);
  assert(again?.kind === 'append' && again.id === '1' && again.again);
  const effects = step(session, undecided('1'), at(29_500), policy);
  assert.equal(faultOf(effects), 'SEND_EXPIRED');
  const next = effects.at(-1);
  assert(next?.kind === 'append' && next.id === '2');
});

test('[SESSION-6] with the bus away all are given back, and later ids wait until the first comes again', () => {
  const session = opened();
  for (const id of ['1', '2', '3']) send(session, frame(id));
  const back = step(session, undecided('1'), at(1_100, false), policy);
  assert.deepEqual(
    back.flatMap((effect) => (effect.kind === 'answer' ? [effect.id] : [])),
    ['1', '2', '3'],
  );
  assert.equal(faultOf(send(session, frame('4'), at(1_200))), 'UNDECIDED');
  assert.equal(faultOf(send(session, frame('2', { ageMs: 200 }), at(1_200))), 'UNDECIDED');
  assert.equal(send(session, frame('1', { ageMs: 200 }), at(1_200))[0]?.kind, 'append');
  assert.deepEqual(send(session, frame('2', { ageMs: 200 }), at(1_200)), []);
});

test('[SESSION-6] what may have lain unread is sent again with its age, and then has all of its time', () => {
  const session = opened();
  const woken = at(25_000, true, 20_000);
  assert.equal(faultOf(send(session, frame('1', { ageMs: 9_000 }), woken)), 'SEND_EXPIRED');
  assert.equal(faultOf(send(session, frame('2', { ageMs: 7_000 }), woken)), 'UNDECIDED');
  const [repeat] = send(session, frame('2', { ageMs: 27_500 }), at(25_400, true, 20_000));
  assert(repeat?.kind === 'append');
  const envelope = decodeEnvelope(repeat.data);
  assert(typeof envelope !== 'string');
  assert.equal(envelope.header.notAfter, 25_400 + 28_000 - 27_500);
});

test('[SESSION-6] a gateway that stands still again and again asks for the age a few times, and then takes the send with less time', () => {
  const session = opened();
  for (let n = 1; n <= 4; n++) {
    const still = send(
      session,
      frame('1', { ageMs: (n - 1) * 2_000 }),
      at(20_000 + n * 2_000, true, n * 2_000),
    );
    assert.equal(faultOf(still), 'UNDECIDED');
  }
  const [taken] = send(session, frame('1', { ageMs: 8_000 }), at(30_000, true, 10_000));
  assert(taken?.kind === 'append');
  const envelope = decodeEnvelope(taken.data);
  assert(typeof envelope !== 'string');
  assert.equal(envelope.header.notAfter, 30_000 + 28_000 - 8_000 - 2_000);
});

test('[SESSION-15] what was read before its session stood is older by the time it was kept', () => {
  const session = opened();
  const kept = (ms: number) => at(10_000, true, 0, ms);
  const [taken] = send(session, frame('1', { ageMs: 1_000 }), kept(6_000));
  assert(taken?.kind === 'append');
  const envelope = decodeEnvelope(taken.data);
  assert(typeof envelope !== 'string');
  assert.equal(envelope.header.notAfter, 10_000 + 28_000 - 7_000);
  assert.equal(envelope.header.at, 10_000 - 7_000);
  assert.equal(faultOf(send(session, frame('2', { ageMs: 22_000 }), kept(6_000))), 'SEND_EXPIRED');
});

test('[SESSION-15] what was read before its session stood may have lain unread before that, however young the session is', () => {
  const session = opened();
  const woken = { ...at(100_000, true, 20_000, 200), monotonicMs: 100 };
  assert.equal(faultOf(send(session, frame('1'), woken)), 'UNDECIDED');
  assert.equal(faultOf(send(session, frame('2', { ageMs: 9_000 }), woken)), 'SEND_EXPIRED');
});

test('[SESSION-6] who gives a refused frame up says so by its age', () => {
  const session = opened();
  const rules = { ...policy, rate: { perSecond: 10, burst: 1 } };
  send(session, frame('1'), at(1_000), rules);
  assert.equal(faultOf(send(session, frame('2'), at(1_000), rules)), 'RATE_LIMITED');
  assert.equal(faultOf(send(session, frame('3'), at(1_200), rules)), 'RATE_LIMITED');
  assert.equal(faultOf(send(session, frame('2', { ageMs: 28_000 }), at(1_400), rules)), 'SEND_EXPIRED');
  assert.deepEqual(send(session, frame('3', { ageMs: 400 }), at(1_600), rules), []);
});

test('[SESSION-6] who is refused for good after it was refused for now holds up nobody', () => {
  const session = opened();
  const rules = { ...policy, rate: { perSecond: 10, burst: 1 } };
  const endless = frame('2', { ttlMs: policy.ttlMsMax + 1 });
  send(session, frame('1'), at(1_000), rules);
  assert.equal(faultOf(send(session, endless, at(1_000), rules)), 'RATE_LIMITED');
  assert.equal(faultOf(send(session, endless, at(1_200), rules)), 'TTL_TOO_LONG');
  assert.deepEqual(send(session, frame('3'), at(1_400), rules), []);
});

test('[SESSION-7] a flood costs its sender: refusals with a time, then the end of the flow', () => {
  const session = opened();
  const rules = { ...policy, rate: { perSecond: 1, burst: 2 } };
  assert.equal(send(session, frame('1'), at(1_000), rules)[0]?.kind, 'append');
  send(session, frame('2'), at(1_000), rules);
  for (let i = 3; i < 13; i++)
    assert.equal(faultOf(send(session, frame(`${i}`), at(1_000), rules)), 'RATE_LIMITED');
  assert.deepEqual(send(session, frame('13'), at(1_000), rules).at(-1), { kind: 'close', fault: 'FLOOD' });
});

test('[SESSION-7] a flow far above its rate ends although some of its messages pass; one at its rate never', () => {
  const rules = { ...policy, rate: { perSecond: 100, burst: 1 } };
  const endsAfter = (everyMs: number) => {
    const session = opened();
    for (let i = 0; i < 1_000; i++) {
      const effects = send(session, frame(`${i}`, { volatile: true }), at(1_000 + i * everyMs), rules);
      if (effects.at(-1)?.kind === 'close') return i;
    }
    return undefined;
  };
  assert.deepEqual([endsAfter(10), endsAfter(5)], [undefined, undefined]);
  assert((endsAfter(2) ?? 1_000) < 50);
});

test('[SESSION-8] rights, bounds and expiry are named', () => {
  const session = opened();
  assert.equal(faultOf(send(session, frame('1', { to: { channel: 'u/nobody' } }))), 'FORBIDDEN');
  assert.equal(faultOf(send(session, frame('2', { to: { channel: 'r/closed' } }))), 'FORBIDDEN');
  assert.equal(faultOf(send(session, frame('3', { ttlMs: 1e11 }))), 'TTL_TOO_LONG');
  assert.equal(faultOf(send(session, frame('4', { ageMs: 28_000 }))), 'SEND_EXPIRED');
  assert.equal(faultOf(ask(session, { op: 'join', id: 'j', room: 'closed' })), 'FORBIDDEN');
  for (const room of ['a', 'b', 'c'])
    assert.equal(ask(session, { op: 'join', id: room, room })[0]?.kind, 'attach');
  assert.equal(faultOf(ask(session, { op: 'join', id: 'j4', room: 'd' })), 'TOO_MANY_ROOMS');
  assert.equal(faultOf(ask(session, { op: 'leave', id: 'l', room: 'd' })), 'NOT_JOINED');
  assert.equal(faultOf(ask(session, { op: 'presence.watch', id: 'w', channel: 'u/nobody' })), 'FORBIDDEN');
  session.identity = { ...alice, expiresAt: 5_000 };
  assert(!isDueEachSecond(opened(), alice.expiresAt - 1) && isDueEachSecond(session, 5_000));
  const second = (nowMs: number) => step(session, { kind: 'second' }, at(nowMs), policy);
  assert.deepEqual([...second(4_999), ...second(5_000)], [{ kind: 'close', fault: 'TOKEN_EXPIRED' }]);
});

test('[SESSION-9] a refresh must bring the same user', () => {
  const session = opened();
  ask(session, { op: 'refresh', id: 'r', credential: { scheme: 'jwt', token: 'x' } });
  const other = step(
    session,
    { kind: 'refreshed', id: 'r', result: { ...alice, user: 'mallory' } },
    at(0),
    policy,
  );
  assert.equal(faultOf(other), 'TOKEN_USER_DIFFERS');
  ask(session, { op: 'refresh', id: 'r2', credential: { scheme: 'jwt', token: 'x' } });
  const same = step(
    session,
    { kind: 'refreshed', id: 'r2', result: { ...alice, expiresAt: 9e15 } },
    at(0),
    policy,
  );
  assert.deepEqual(same.at(-1), { kind: 'renew' });
  assert.equal(session.identity.expiresAt, 9e15);
});

test('[SESSION-10] a younger flow takes the place, or the sends until it is lost', () => {
  const added = opened();
  assert.deepEqual(step(added, { kind: 'superseded', mode: 'add' }, at(0), policy), []);
  assert.equal(faultOf(send(added, frame('1'))), 'MOVED');
  assert.deepEqual(step(added, { kind: 'restored' }, at(0), policy), []);
  assert.equal(faultOf(send(added, frame('2'))), 'MOVED', 'what was refused comes first');
  assert.equal(send(added, frame('1'))[0]?.kind, 'append');
  const replaced = step(opened(), { kind: 'superseded', mode: 'replace' }, at(0), policy);
  assert.deepEqual(replaced, [{ kind: 'close', fault: 'REPLACED' }]);
});

type Move = {
  readonly kind: 'send' | 'repeat' | 'landed' | 'lost-answer' | 'not-landed' | 'full';
  readonly busUp: boolean;
};

const moves = fc.array(
  fc.record({
    kind: fc.constantFrom<Move['kind']>(
      'send',
      'send',
      'repeat',
      'landed',
      'landed',
      'lost-answer',
      'not-landed',
      'full',
    ),
    busUp: fc.boolean(),
  }),
  { maxLength: 120, size: 'max' },
);

test('[SESSION-11] whatever the log and the bus do, frames enter the log in the order they were sent, and acknowledged ones are there', () => {
  fc.assert(
    fc.property(moves, (plan) => {
      const world = createWorld();
      for (const move of plan) world.play(move);
      const { landed, acknowledged } = world;
      assert.deepEqual(
        landed,
        [...landed].sort((a, b) => a - b),
        'the order of the log',
      );
      for (const id of acknowledged) assert(landed.includes(id), `${id} was acknowledged`);
    }),
  );
});

test('[SESSION-14] a join or a watch that comes again before it was answered waits for the same answer', () => {
  const session = opened();
  const cursor = { channel: 'r/a', epoch: 'e', position: 3 };
  for (const watch of [false, true]) {
    const asked = (id: string): SessionRequest =>
      watch ? { op: 'presence.watch', id, channel: 'r/a' } : { op: 'join', id, room: 'a', cursor: undefined };
    assert.deepEqual(
      ask(session, asked('1')).map(({ kind }) => kind),
      ['attach'],
    );
    assert.deepEqual(ask(session, asked('1')), [{ kind: 'forget' }]);
    assert.equal(faultOf(ask(session, asked('2'))), 'TOO_MANY_PENDING');
    const effects = step(session, { kind: 'attached', channel: 'r/a', watch, cursor }, at(1_000), policy);
    const answers = effects.flatMap((effect) => (effect.kind === 'answer' ? [effect.id] : []));
    assert.deepEqual(answers, ['1']);
    assert.equal(session.pending, 0);
  }
});

test('[SESSION-12] the count of waiting requests comes back to zero when all are answered', () => {
  fc.assert(
    fc.property(moves, (plan) => {
      const world = createWorld();
      for (const move of plan) world.play(move);
      for (let i = 0; i < 300; i++) world.play({ kind: 'landed', busUp: true });
      assert.equal(world.session.pending, 0);
    }),
  );
});

/** One session, a client that repeats what is unanswered or refused in order, and a log that deduplicates. */
function createWorld() {
  const session = opened();
  const landed: number[] = [];
  const acknowledged: number[] = [];
  const unanswered: number[] = [];
  let underWay: string | undefined;
  let sent = 0;
  let logMs = 1_000;

  function take(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'append') underWay = effect.id;
      if (effect.kind !== 'answer') continue;
      if (effect.answer.ok) acknowledged.push(Number(effect.id));
      if (effect.answer.ok || effect.answer.fault === 'SEND_EXPIRED') {
        unanswered.splice(unanswered.indexOf(Number(effect.id)), 1);
      }
    }
  }

  function land(): void {
    const id = Number(underWay);
    if (!landed.includes(id)) landed.push(id);
  }

  function answer(outcome: Extract<SessionEvent, { kind: 'appended' }>['outcome'], busUp: boolean): void {
    const id = underWay;
    if (id === undefined) return;
    underWay = undefined;
    take(step(session, { kind: 'appended', channel: 'u/bob', id, outcome }, at(logMs, busUp), policy));
  }

  return {
    session,
    landed,
    acknowledged,
    play({ kind, busUp }: Move): void {
      logMs += 3;
      switch (kind) {
        case 'send':
          unanswered.push(++sent);
          return take(send(session, frame(`${sent}`), at(logMs, busUp)));
        case 'repeat':
          for (const id of [...unanswered])
            take(send(session, frame(`${id}`, { ageMs: 1 }), at(logMs, busUp)));
          return;
        case 'landed':
          if (underWay !== undefined) land();
          return answer({ kind: 'stored', position: landed.length }, busUp);
        case 'lost-answer':
          if (underWay !== undefined) land();
          return answer({ kind: 'undecided' }, busUp);
        case 'not-landed':
          return answer({ kind: 'undecided' }, busUp);
        case 'full':
          return answer({ kind: 'refused', fault: 'LOG_FULL' }, busUp);
      }
    },
  };
}
