import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { sent, Talk } from '#test/contracts/native-talk.ts';
import { clientMessages, serverMessages } from '#wire/messages.ts';
import { DeliveredFrame, type DialectEvent } from '../../seams.ts';

test('whatever bytes come, nothing throws, and nothing but a valid message becomes a request', () => {
  fc.assert(
    fc.property(fc.array(anything(), { maxLength: 4 }), fc.boolean(), (messages, isOpen) => {
      const talk = isOpen ? new Talk().opened() : new Talk();
      for (const bytes of messages) {
        const effects = talk.bytes(bytes);
        for (const effect of effects) if (effect.kind === 'request') assertValid(bytes);
        for (const message of sent(effects)) assertServerMessage(message);
        if (effects.length === 0) assert.equal(talk.state.phase, 'ending');
      }
    }),
    { numRuns: 500 },
  );
});

test('a valid send always becomes its frame', () => {
  fc.assert(
    fc.property(validSends(), (message) => {
      const [effect] = new Talk().opened().says(message);
      assert(effect?.kind === 'request' && effect.request.op === 'send', JSON.stringify(effect));
      const { frame } = effect.request;
      assert.equal(
        frame.to.channel,
        message.to.user === undefined ? `r/${message.to.room}` : `u/${message.to.user}`,
      );
      assert.deepEqual(JSON.parse(String(frame.body)), JSON.parse(JSON.stringify(message.body)));
    }),
  );
});

test('whatever the service says fits the schema of its message', () => {
  fc.assert(
    fc.property(serverEvents(), (event) => {
      for (const effect of new Talk().opened().event(event)) {
        assert(effect.kind === 'send' && typeof effect.data === 'string');
        assertServerMessage(JSON.parse(effect.data));
      }
    }),
    { numRuns: 300 },
  );
});

function assertValid(bytes: Uint8Array | string): void {
  const message = JSON.parse(Buffer.from(bytes as string).toString());
  assert(Check(clientMessages[message.type as keyof typeof clientMessages], message));
  assert(message.type !== 'send' || !('from' in message));
}

function assertServerMessage(message: Record<string, unknown>): void {
  const schema = serverMessages[message['type'] as keyof typeof serverMessages];
  assert(schema !== undefined && Check(schema, message), JSON.stringify(message));
}

/** Bytes, texts, JSON, and messages that are nearly right. */
function anything(): fc.Arbitrary<Uint8Array | string> {
  const type = fc.constantFrom(...Object.keys(clientMessages), 'x');
  const odd = fc.oneof(fc.constantFrom('1', 'u/a', 'add', ''), fc.anything({ maxDepth: 2 }));
  const fields = fc.constantFrom(
    'id',
    'to',
    'kind',
    'body',
    'from',
    'room',
    'state',
    'channel',
    'token',
    'cursors',
  );
  const nearly = fc
    .tuple(type, fc.dictionary(fields, odd))
    .map(([type, rest]) => textOf({ id: '1', ...rest, type }));
  const spoiled = fc
    .tuple(validSends(), fields, odd)
    .map(([message, field, value]) => textOf({ ...message, [field]: value }));
  return fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }), fc.json(), nearly, spoiled);
}

function textOf(value: object): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
}

function names(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.stringMatching(/^[a-z0-9@.]{1,20}$/),
    fc.string({ unit: fc.constantFrom('a', 'ü', '€', '😀', ' ', '/'), minLength: 1, maxLength: 32 }),
  );
}

function validSends() {
  const target = fc.oneof(
    names().map((user): { user?: string; room?: string } => ({ user })),
    names().map((room): { user?: string; room?: string } => ({ room })),
  );
  return fc.record(
    {
      type: fc.constant('send'),
      id: fc.stringMatching(/^[A-Za-z0-9._~-]{1,64}$/),
      to: target,
      kind: names(),
      body: fc.jsonValue(),
      call: names(),
      ttlMs: fc.integer({ min: 1, max: 1e12 }),
      volatile: fc.boolean(),
      tellIfUnreachable: fc.boolean(),
      ageMs: fc.nat(),
    },
    { requiredKeys: ['type', 'id', 'to', 'kind', 'body'] },
  );
}

function serverEvents(): fc.Arbitrary<DialectEvent> {
  const id = fc.stringMatching(/^[A-Za-z0-9._~-]{1,64}$/);
  const member = fc.record(
    { user: names(), device: names(), session: names(), state: fc.json() },
    { requiredKeys: ['user', 'device', 'session'] },
  );
  const channel = names().map((name) => `u/${name}`);
  const fault = fc.constantFrom('UNAVAILABLE' as const, 'GOING_AWAY' as const);
  const ms = fc.double({ min: 0, max: 1e9, noNaN: true });
  const answer = fc.oneof(
    fc.record(
      { ok: fc.constant(true as const), position: fc.nat(), members: fc.array(member), expiresAt: fc.nat() },
      { requiredKeys: ['ok'] },
    ),
    fc.record(
      { ok: fc.constant(false as const), fault, retryAfterMs: ms },
      { requiredKeys: ['ok', 'fault'] },
    ),
  );
  const sender = fc.record({ user: names(), device: names(), session: names() });
  const frame = fc
    .record({
      id,
      from: sender,
      kind: names(),
      at: fc.nat(),
      position: fc.nat(),
      body: fc.json(),
      toDevice: names(),
    })
    .map(({ position, body, ...rest }) => {
      const header = { v: 1, channel: 'u/bob', format: 'json', ttlMs: 1, ...rest };
      return new DeliveredFrame('u/bob', 'e', position, header, Buffer.from(body));
    });
  return fc.oneof(
    fc.record({ kind: fc.constant('answered' as const), id, answer }),
    fc.record({ kind: fc.constant('frame' as const), frame }),
    fc.record({
      kind: fc.constant('presence' as const),
      channel,
      full: fc.boolean(),
      more: fc.boolean(),
      present: fc.array(member),
      gone: fc.array(member),
    }),
    fc.record({ kind: fc.constant('waiting' as const), etaMs: ms, ahead: fc.nat() }),
    fc.record({ kind: fc.constant('closing' as const), fault, spreadMs: ms }),
    fc.record({ kind: fc.constant('unreachable' as const), id }),
    fc.record({ kind: fc.constant('renewed' as const), resume: fc.constant('r'), expiresAt: fc.nat() }),
    fc.record({
      kind: fc.constant('gap' as const),
      channel,
      epoch: fc.constant('e'),
      from: fc.nat(),
      to: fc.nat(),
    }),
    fc.record({
      kind: fc.constant('spread' as const),
      spread: fc.record({ gatewayMs: fc.nat(), fleetMs: fc.nat() }),
    }),
  );
}
