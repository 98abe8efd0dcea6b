import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sent, Talk, welcome } from '#test/contracts/native-talk.ts';
import type { EnvelopeHeader } from '#wire/envelope.ts';
import { DeliveredFrame, type DialectEffect, type DialectEvent } from '../../seams.ts';

function nacked(fault: string, rest: { id?: string; detail?: string } = {}): readonly DialectEffect[] {
  const { id, detail } = rest;
  return [
    { kind: 'send', data: JSON.stringify({ type: 'nack', id, fault, detail }) },
    { kind: 'fault', fault: fault as 'INVALID' },
  ];
}

const send = { type: 'send', id: '1', to: { user: 'ann' }, kind: 'offer', body: { sdp: 'v=0\r\n' } };

describe('opening', () => {
  test('hello with a token: authenticate, open, welcome', () => {
    const talk = new Talk();
    assert.deepEqual(talk.started, [{ kind: 'timer', name: 'hello', afterMs: 10_000 }]);
    const cursors = [{ channel: 'r/team', epoch: 'e', position: 7 }];
    assert.deepEqual(talk.says({ type: 'hello', token: 't', device: 'phone', flow: 'add', cursors }), [
      { kind: 'timer', name: 'hello', afterMs: undefined },
      { kind: 'authenticate', credential: { scheme: 'jwt', token: 't' } },
    ]);
    assert.deepEqual(talk.event({ kind: 'authenticated', user: 'bob' }), [
      { kind: 'open', device: 'phone', mode: 'add', cursors },
    ]);
    assert.deepEqual(sent(talk.event({ kind: 'waiting', etaMs: 1.5, ahead: 3 })), [
      { type: 'wait', etaMs: 2, ahead: 3 },
    ]);
    const [message] = sent(talk.event({ kind: 'opened', welcome }));
    assert.deepEqual(message, { type: 'welcome', ...welcome });
  });

  test('a resume token counts before the bearer token of the handshake, and this one where hello has none', () => {
    const resume = new Talk({ bearer: 'jwt' }).says({ type: 'hello', resume: 'sealed' });
    assert.deepEqual(resume[1], { kind: 'authenticate', credential: { scheme: 'resume', token: 'sealed' } });
    const moved = new Talk().says({ type: 'hello', resume: 'sealed', sentOn: true });
    assert.deepEqual(moved[1], {
      ...{ kind: 'authenticate', credential: { scheme: 'resume', token: 'sealed' } },
      sentOn: true,
    });
    const bearer = new Talk({ bearer: 'jwt' }).says({ type: 'hello' });
    assert.deepEqual(bearer[1], { kind: 'authenticate', credential: { scheme: 'jwt', token: 'jwt' } });
  });

  test('hello without any token closes the flow', () => {
    assert.deepEqual(new Talk().says({ type: 'hello' }), [{ kind: 'close', fault: 'TOKEN_MISSING' }]);
  });

  test('anything else before hello closes the flow; ping and bye are heard', () => {
    for (const message of [send, { type: 'dance' }, { type: 'send', from: 1 }, { type: 'join', room: 5 }])
      assert.deepEqual(new Talk().says(message), [{ kind: 'close', fault: 'NOT_OPEN' }]);
    assert.deepEqual(sent(new Talk().says({ type: 'ping' })), [{ type: 'pong' }]);
    assert.deepEqual(new Talk().says({ type: 'bye' }), [{ kind: 'leave' }, { kind: 'close', fault: 'BYE' }]);
  });

  test('a bad hello is refused and may be said again', () => {
    const talk = new Talk();
    assert.deepEqual(talk.says({ type: 'hello', token: 5 }), nacked('INVALID', { detail: 'token' }));
    assert.equal(talk.says({ type: 'hello', token: 't' }).length, 2);
  });

  test('no hello in time closes the flow, but not one that has said it', () => {
    assert.deepEqual(new Talk().event({ kind: 'timer', name: 'hello' }), [
      { kind: 'close', fault: 'NO_HELLO' },
    ]);
    assert.deepEqual(new Talk().opened().event({ kind: 'timer', name: 'hello' }), []);
  });

  test('between hello and welcome a request is refused and the flow goes on', () => {
    const talk = new Talk();
    talk.says({ type: 'hello', token: 't' });
    assert.deepEqual(talk.says(send), nacked('NOT_OPEN', { id: '1' }));
    assert.deepEqual(talk.says({ type: 'hello', token: 't' }), nacked('ALREADY_OPEN'));
    assert.deepEqual(sent(talk.says({ type: 'ping' })), [{ type: 'pong' }]);
  });

  test('a client that says bye while its token is checked is not opened', () => {
    const talk = new Talk();
    talk.says({ type: 'hello', token: 't' });
    talk.says({ type: 'bye' });
    assert.deepEqual(talk.event({ kind: 'authenticated', user: 'bob' }), []);
    assert.deepEqual(talk.event({ kind: 'opened', welcome }), []);
  });
});

describe('requests', () => {
  test('send becomes a frame whose body is text', () => {
    const effects = new Talk()
      .opened()
      .says({ ...send, to: { user: 'ann', device: 'd' }, ttlMs: 5, call: 'c' });
    assert.deepEqual(effects, [
      {
        kind: 'request',
        request: {
          op: 'send',
          id: '1',
          frame: {
            id: '1',
            to: { channel: 'u/ann', device: 'd', session: undefined },
            kind: 'offer',
            format: 'json',
            body: '{"sdp":"v=0\\r\\n"}',
            call: 'c',
            ttlMs: 5,
            volatile: false,
            tellIfUnreachable: false,
            ageMs: 0,
          },
        },
      },
    ]);
  });

  test('each of the others is handed on under its id', () => {
    const talk = new Talk().opened();
    const cursor = { epoch: 'e', position: 3 };
    const expected: readonly (readonly [message: object, request: object])[] = [
      [
        { type: 'join', id: 'a', room: 'x', cursor },
        { op: 'join', id: 'a', room: 'x', cursor },
      ],
      [
        { type: 'leave', id: 'a', room: 'x' },
        { op: 'leave', id: 'a', room: 'x' },
      ],
      [
        { type: 'refresh', id: 'a', token: 't' },
        { op: 'refresh', id: 'a', credential: { scheme: 'jwt', token: 't' } },
      ],
      [
        { type: 'presence.set', id: 'a', state: { on: 1 } },
        { op: 'presence.set', id: 'a', state: '{"on":1}' },
      ],
      [
        { type: 'presence.get', id: 'a', channel: 'u/x' },
        { op: 'presence.get', id: 'a', channel: 'u/x' },
      ],
      [
        { type: 'presence.watch', id: 'a', channel: 'r/x' },
        { op: 'presence.watch', id: 'a', channel: 'r/x' },
      ],
      [
        { type: 'presence.unwatch', id: 'a', channel: 'r/x' },
        { op: 'presence.unwatch', id: 'a', channel: 'r/x' },
      ],
      [
        { type: 'ice', id: 'a' },
        { op: 'ice', id: 'a' },
      ],
    ];
    for (const [message, request] of expected)
      assert.deepEqual(talk.says(message), [{ kind: 'request', request }]);
  });

  test('what cannot be read closes the flow', () => {
    for (const text of ['', 'x', '[]', '"send"', 'null', '{}', '{"type":1}', '{"__proto__":{"type":"ping"}}'])
      assert.deepEqual(new Talk().opened().says(text), [{ kind: 'close', fault: 'MALFORMED' }], text);
    const deep = `{"type":"send","body":${'['.repeat(64)}${']'.repeat(64)}}`;
    assert.deepEqual(new Talk().opened().says(deep), [{ kind: 'close', fault: 'TOO_DEEP' }]);
    assert.deepEqual(new Talk().opened().bytes('{}', true), [{ kind: 'close', fault: 'BINARY' }]);
  });

  test('after the fault that closes nothing more is heard, and bye is said once', () => {
    const talk = new Talk().opened();
    talk.says('x');
    assert.deepEqual(talk.says(send), []);
    const closing = { kind: 'closing', fault: 'MALFORMED', spreadMs: 0 } as const;
    assert.deepEqual(sent(talk.event(closing)), [{ type: 'bye', fault: 'MALFORMED', spreadMs: 0 }]);
    assert.deepEqual(talk.event(closing), []);
    assert.deepEqual(talk.event({ kind: 'unreachable', id: '1' }), []);
  });

  test('a bad field is named, and the flow goes on', () => {
    const talk = new Talk().opened();
    const bad: readonly (readonly [message: object, detail: string])[] = [
      [{ ...send, to: {} }, 'to'],
      [{ ...send, to: { user: 'a', room: 'b' } }, 'to'],
      [{ ...send, to: { user: 'a\u0000' } }, 'to.user'],
      [{ ...send, to: { room: 'ü'.repeat(65) } }, 'to.room'],
      [{ ...send, to: { user: 'a', device: '\ud800' } }, 'to.device'],
      [{ ...send, to: { user: 'a', session: '\n' } }, 'to.session'],
      [{ ...send, to: { user: 5 } }, 'to.user'],
      [{ ...send, body: undefined }, 'body'],
      [{ ...send, ttlMs: 1.5 }, 'ttlMs'],
      [{ ...send, kind: '' }, 'kind'],
      [{ type: 'join', id: '1', room: '\u007f' }, 'room'],
      [{ type: 'join', id: '1', room: 'x', cursor: { epoch: 'e' } }, 'cursor.position'],
      [{ type: 'presence.get', id: '1', channel: 'u/\n' }, 'channel'],
      [{ type: 'presence.set', id: '1' }, 'state'],
    ];
    for (const [message, detail] of bad)
      assert.deepEqual(talk.says(message), nacked('INVALID', { id: '1', detail }), detail);
    assert.deepEqual(talk.says({ ...send, id: 'a b' }), nacked('INVALID', { detail: 'id' }));
    assert.equal(talk.state.phase, 'open');
  });

  test('hello may not bring two tokens, nor channels that are none', () => {
    assert.deepEqual(
      new Talk().says({ type: 'hello', token: 't', resume: 'r' }),
      nacked('INVALID', { detail: 'resume' }),
    );
    const cursors = [
      { channel: 'u/a', epoch: '', position: 0 },
      { channel: 'u/\n', epoch: '', position: 0 },
    ];
    assert.deepEqual(
      new Talk().says({ type: 'hello', token: 't', cursors }),
      nacked('INVALID', { detail: 'cursors.1.channel' }),
    );
    const tooMany = { type: 'hello', token: 't', cursors: Array(30_000).fill(0) };
    assert.deepEqual(new Talk().says(tooMany), nacked('INVALID', { detail: 'cursors' }));
    assert.deepEqual(
      new Talk().says({ type: 'hello', token: 't', device: '\n' }),
      nacked('INVALID', { detail: 'device' }),
    );
  });

  test('an unknown type, a forged sender and too large a state are refused by name', () => {
    const talk = new Talk().opened();
    assert.deepEqual(talk.says({ type: 'dance', id: '9' }), nacked('UNKNOWN_TYPE', { id: '9' }));
    assert.deepEqual(talk.says({ type: 'constructor', id: 9 }), nacked('UNKNOWN_TYPE'));
    const forged = { ...send, from: { user: 'eve' } };
    assert.deepEqual(talk.says(forged), nacked('FORGED_SENDER', { id: '1', detail: 'from' }));
    const state = { type: 'presence.set', id: '2', state: 'x'.repeat(1_022) };
    assert.equal(talk.says(state)[0]?.kind, 'request');
    assert.deepEqual(
      talk.says({ ...state, state: 'ü'.repeat(512) }),
      nacked('STATE_TOO_LARGE', { id: '2', detail: 'state' }),
    );
  });
});

describe('what the client is told', () => {
  const header: EnvelopeHeader = {
    v: 1,
    id: '7',
    channel: 'u/bob',
    from: { user: 'ann', device: 'pc', session: 's' },
    kind: 'offer',
    format: 'json',
    at: 1_800_000_000_000,
    ttlMs: 30_000,
  };

  test('a frame: its body is laid in as it came, and it is encoded once for all', () => {
    const body = Buffer.from('{"n":12345678901234567890, "ü":"€"}');
    const addressed = { ...header, toDevice: 'phone', call: 'c"1' };
    const frame = new DeliveredFrame('u/bob', 'e', 12, addressed, body);
    const [effect] = new Talk().opened().event({ kind: 'frame', frame });
    assert(effect?.kind === 'send' && typeof effect.data === 'string');
    assert(effect.data.endsWith(`,"body":${body.toString()}}`));
    const { body: _, ...rest } = JSON.parse(effect.data);
    const { v: _v, ttlMs: _ttl, format: _format, toDevice: _to, ...shown } = addressed;
    assert.deepEqual(rest, { type: 'frame', ...shown, epoch: 'e', position: 12, to: { device: 'phone' } });
    const [again] = new Talk().opened().event({ kind: 'frame', frame });
    assert(again?.kind === 'send');
    assert.equal(again.data, effect.data);
  });

  test('a volatile frame has no position, a body of another format is base64', () => {
    const sip = new DeliveredFrame('u/bob', 'e', 0, { ...header, format: 'sip' }, Buffer.from('INVITE "\n'));
    const [message] = sent(new Talk().opened().event({ kind: 'frame', frame: sip }));
    assert(message !== undefined);
    assert.equal('position' in message || 'epoch' in message, false);
    assert.equal(message['format'], 'sip');
    assert.equal(Buffer.from(String(message['body']), 'base64').toString(), 'INVITE "\n');
  });

  test('presence states are laid in as they came', () => {
    const event = { kind: 'presence', channel: 'r/x', full: true, more: true } as const;
    const ann = { user: 'a', device: 'd', session: 's' };
    const present = [{ ...ann, state: '{"a":[1, 2]}' }, ann];
    const told = new Talk().opened().event({ ...event, present, gone: [ann] });
    assert.deepEqual(sent(told), [
      {
        type: 'presence',
        channel: 'r/x',
        full: true,
        more: true,
        present: [{ ...ann, state: { a: [1, 2] } }, ann],
        gone: [ann],
      },
    ]);
  });

  test('answers', () => {
    const talk = new Talk().opened();
    const answered = (answer: Extract<DialectEvent, { kind: 'answered' }>['answer']) =>
      sent(talk.event({ kind: 'answered', id: '1', answer }))[0];
    assert.deepEqual(answered({ ok: true, position: 4 }), { type: 'ack', id: '1', position: 4 });
    const cursor = { channel: 'r/x', epoch: 'e', position: 4 };
    const iceServers = [{ urls: ['turn:x'], username: 'u', credential: 'c' }];
    assert.deepEqual(answered({ ok: true, cursor, members: [], truncated: true, iceServers, expiresAt: 5 }), {
      type: 'ack',
      id: '1',
      cursor,
      members: [],
      truncated: true,
      iceServers,
      expiresAt: 5,
    });
    assert.deepEqual(answered({ ok: false, fault: 'RATE_LIMITED', retryAfterMs: 0.2 }), {
      type: 'nack',
      id: '1',
      fault: 'RATE_LIMITED',
      retryAfterMs: 1,
    });
  });
});
