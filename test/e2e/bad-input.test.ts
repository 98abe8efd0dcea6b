import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RawClient, RequestMessage } from '../harness/raw-client.ts';
import { acked, assertFault, type Stage, sendsAt, useStage } from '../harness/stage.ts';
import { forged, signedByAnother, unsigned } from '../harness/tokens.ts';
import { opcodes, UpgradeRefused } from '../harness/websocket.ts';

const env = {
  AUTH_CLOCK_SKEW_MS: '0',
  GATEWAY_MESSAGES_PER_SECOND: '200',
  GATEWAY_MESSAGES_BURST: '200',
  GATEWAY_REFUSALS_MAX: '300',
};

/** Bytes of a message that no gateway takes. */
const tooManyBytes = 70_000;

/** Two sessions that go on exchanging frames, whatever others do. */
interface Bystanders {
  /** Waits for the next exchange to begin and end: nothing was lost and nobody was closed. */
  unharmed(): Promise<void>;
  stop(): Promise<void>;
}

async function startBystanders(stage: Stage): Promise<Bystanders> {
  const [ann, bob] = [stage.name('bystander'), stage.name('bystander')];
  const open = async (user: string) => {
    const client = await stage.connect(user, undefined, undefined, 'lasting');
    await client.hello({ token: stage.token(user), device: 'phone' });
    return client;
  };
  const [alice, robert] = [await open(ann), await open(bob)];
  let stopping = false;
  let rounds = 0;
  let failure: unknown;
  const exchanging = (async () => {
    while (!stopping) {
      const text = `round ${rounds}`;
      await Promise.all([sendsAt(alice, { user: bob }, text), robert.nextBody(text)]);
      await Promise.all([sendsAt(robert, { user: ann }, text), alice.nextBody(text)]);
      rounds++;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })().catch((error: unknown) => {
    failure = error;
  });
  return {
    async unharmed() {
      const upTo = rounds + 2;
      while (rounds < upTo && failure === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.ifError(failure);
      assert.equal(robert.frames().length, new Set(robert.frames().map((frame) => frame.body)).size);
    },
    async stop() {
      stopping = true;
      await exchanging;
      assert.ifError(failure);
      assert.equal(robert.frames().length, rounds);
      for (const client of [alice, robert]) client.cut();
    },
  };
}

describe('bad input has a name, costs its sender alone, and is counted', () => {
  let bystanders: Bystanders;
  after(() => bystanders.stop());
  const stage = useStage({ transport: 'websocket', issuer: 'hmac', gateways: 2, routers: 1, env });
  before(async () => {
    bystanders = await startBystanders(stage);
  });

  /** A test of one fault: afterwards it was counted, and the bystanders have felt nothing. */
  function faultTest(name: string, fault: string, act: () => Promise<void>): void {
    test(`${name}: ${fault}`, async () => {
      const before = await stage.fleet.gatewayMetric('gateway_faults_total', { fault });
      await act();
      await bystanders.unharmed();
      const counted = await stage.fleet.gatewayMetric('gateway_faults_total', { fault });
      assert(counted > before, `gateway_faults_total{fault="${fault}"} went from ${before} to ${counted}`);
    });
  }

  /** The flow is closed with this fault: said in `bye`, then by the close code. */
  async function assertClosed(client: RawClient, fault: string, code: number): Promise<void> {
    const closing = await client.closed;
    assert.deepEqual([closing.fault, closing.code], [fault, code]);
  }

  describe('messages', () => {
    const broken: readonly (readonly [name: string, text: string])[] = [
      ['malformed JSON', '{"type":"send"'],
      ['an empty message', ''],
      ['an array', '[{"type":"ping"}]'],
      ['a text', '"ping"'],
      ['null', 'null'],
      ['no type', '{"id":"1"}'],
      ['a type that is a number', '{"type":7}'],
    ];
    for (const [name, text] of broken) {
      faultTest(name, 'MALFORMED', async () => {
        const eve = await stage.open(stage.name('eve'));
        eve.postText(text);
        await assertClosed(eve, 'MALFORMED', 4400);
      });
    }

    const nested = '['.repeat(5_000) + ']'.repeat(5_000);
    faultTest('a deeply nested body', 'TOO_DEEP', async () => {
      const eve = await stage.open(stage.name('eve'));
      eve.postText(`{"type":"send","id":"1","to":{"user":"x"},"kind":"k","body":${nested}}`);
      await assertClosed(eve, 'TOO_DEEP', 4400);
    });

    faultTest('an oversized message', 'TOO_LARGE', async () => {
      const eve = await stage.open(stage.name('eve'));
      assert(tooManyBytes > eve.welcome.limits.messageBytes);
      eve.postText(`{"type":"send","body":"${'x'.repeat(tooManyBytes)}"}`);
      await assertClosed(eve, 'TOO_LARGE', 1009);
    });

    faultTest('invalid UTF-8', 'INVALID_UTF8', async () => {
      const eve = await stage.open(stage.name('eve'));
      eve.socket?.sendFrame(opcodes.text, Buffer.from([0x22, 0xc3, 0x28, 0x22]));
      const { code } = await eve.closed;
      // uWebSockets.js cuts the connection, which a client sees as 1006.
      assert([1006, 1007].includes(code), `closed with ${code}`);
    });

    faultTest('binary where text is due', 'BINARY', async () => {
      const eve = await stage.open(stage.name('eve'));
      eve.socket?.sendFrame(opcodes.binary, Buffer.from('{"type":"ping"}'));
      await assertClosed(eve, 'BINARY', 1003);
    });

    faultTest('an unknown type', 'UNKNOWN_TYPE', async () => {
      const eve = await stage.open(stage.name('eve'));
      assertFault(await eve.request({ type: 'dance' }), 'UNKNOWN_TYPE');
      assertFault(await eve.request({ type: '__proto__' }), 'UNKNOWN_TYPE');
    });

    const wrong: readonly (readonly [name: string, message: RequestMessage])[] = [
      ['no target', { type: 'send', kind: 'k', body: 1 }],
      ['a target that is a text', { type: 'send', to: 'bob', kind: 'k', body: 1 }],
      ['two targets', { type: 'send', to: { user: 'a', room: 'b' }, kind: 'k', body: 1 }],
      ['no body', { type: 'send', to: { user: 'a' }, kind: 'k' }],
      ['a kind that is a number', { type: 'send', to: { user: 'a' }, kind: 1, body: 1 }],
      ['a negative time to live', { type: 'send', to: { user: 'a' }, kind: 'k', body: 1, ttlMs: -1 }],
      ['a control character in a name', { type: 'join', room: 'a\nb' }],
      ['a name that is too long', { type: 'join', room: 'ü'.repeat(65) }],
      ['a lone surrogate in a name', { type: 'send', to: { user: '\ud800' }, kind: 'k', body: 1 }],
      ['a channel that is none', { type: 'presence.get', channel: 'x/y' }],
    ];
    for (const [name, message] of wrong) {
      faultTest(name, 'INVALID', async () => {
        const eve = await stage.open(stage.name('eve'));
        assertFault(await eve.request(message), 'INVALID');
        acked(await eve.send({ user: eve.welcome.user }, 'the flow goes on'));
      });
    }

    faultTest('[P3] another’s name in `from`', 'FORGED_SENDER', async () => {
      const [eve, bob] = [await stage.open(stage.name('eve')), await stage.open(stage.name('bob'))];
      const from = { user: bob.welcome.user, device: 'phone', session: bob.welcome.session };
      const message = { type: 'send', to: { user: bob.welcome.user }, kind: 'k', body: 'forged', from };
      assertFault(await eve.request(message), 'FORGED_SENDER');
      await sendsAt(eve, { user: bob.welcome.user }, 'true');
      await bob.nextBody('true');
      assert.deepEqual(
        bob.frames().map((frame) => [frame.body, frame.from.user]),
        [['true', eve.welcome.user]],
      );
    });

    faultTest('a request before hello', 'NOT_OPEN', async () => {
      const eve = await stage.connect('eve');
      eve.post({ type: 'join', id: '1', room: 'x' });
      await assertClosed(eve, 'NOT_OPEN', 4400);
    });

    faultTest('a second hello', 'ALREADY_OPEN', async () => {
      const eve = await stage.open(stage.name('eve'));
      eve.post({ type: 'hello', token: stage.token('eve') });
      assert.equal((await eve.next('nack')).fault, 'ALREADY_OPEN');
    });

    faultTest('a time to live past the limit', 'TTL_TOO_LONG', async () => {
      const eve = await stage.open(stage.name('eve'));
      const ttlMs = eve.welcome.limits.ttlMs + 1;
      assertFault(await eve.send({ user: eve.welcome.user }, 1, { ttlMs }), 'TTL_TOO_LONG');
    });

    faultTest('a presence state too large', 'STATE_TOO_LARGE', async () => {
      const eve = await stage.open(stage.name('eve'));
      const state = 'ü'.repeat(600);
      assertFault(await eve.request({ type: 'presence.set', state }), 'STATE_TOO_LARGE');
    });
  });

  describe('credentials', () => {
    const bad: readonly (readonly [name: string, fault: string, token: () => string])[] = [
      ['a forged token', 'TOKEN_SIGNATURE', () => forged(stage.token('eve'), 'ann')],
      ['a token signed with another key', 'TOKEN_SIGNATURE', () => signedByAnother(stage.token('ann'))],
      ['a token that is not signed (alg none)', 'TOKEN_ALGORITHM', () => unsigned(stage.token('ann'))],
      [
        'a token of another algorithm',
        'TOKEN_ALGORITHM',
        () => stage.token('ann', { header: { alg: 'HS512' } }),
      ],
      ['an expired token', 'TOKEN_EXPIRED', () => stage.token('ann', { lifeSeconds: -60 })],
      ['a token for somebody else', 'TOKEN_CLAIMS', () => stage.token('ann', { audience: 'another' })],
      ['a token of another issuer', 'TOKEN_CLAIMS', () => stage.token('ann', { issuer: 'another' })],
      ['a token without a user', 'TOKEN_CLAIMS', () => stage.token('ann', { claims: { sub: undefined } })],
      ['a token without an end', 'TOKEN_CLAIMS', () => stage.token('ann', { claims: { exp: undefined } })],
      [
        'a token of tomorrow',
        'TOKEN_NOT_YET_VALID',
        () => stage.token('ann', { claims: { nbf: Math.floor(Date.now() / 1000) + 86_400 } }),
      ],
      ['no token at all, but a text', 'TOKEN_MALFORMED', () => 'not.a.token'],
    ];
    for (const [name, fault, token] of bad) {
      faultTest(name, fault, async () => {
        const eve = await stage.connect('eve');
        eve.post({ type: 'hello', token: token(), device: 'phone' });
        await assertClosed(eve, fault, 4401);
      });
    }

    faultTest('no token', 'TOKEN_MISSING', async () => {
      const eve = await stage.connect('eve');
      eve.post({ type: 'hello', device: 'phone' });
      await assertClosed(eve, 'TOKEN_MISSING', 4401);
    });

    faultTest('a foreign resume token', 'RESUME_INVALID', async () => {
      const ann = await stage.open(stage.name('ann'));
      const [first = '', ...rest] = ann.resumption().resume;
      for (const resume of [stage.token('ann'), (first === 'A' ? 'B' : 'A') + rest.join('')]) {
        const eve = await stage.connect('eve');
        eve.post({ type: 'hello', resume });
        await assertClosed(eve, 'RESUME_INVALID', 4401);
      }
    });

    faultTest('a bad token in a refresh', 'TOKEN_SIGNATURE', async () => {
      const eve = await stage.open(stage.name('eve'));
      const token = forged(stage.token('ann'), eve.welcome.user);
      assertFault(await eve.request({ type: 'refresh', token }), 'TOKEN_SIGNATURE');
      acked(await eve.send({ user: eve.welcome.user }, 'the flow goes on'));
    });
  });

  describe('what is not allowed', () => {
    faultTest('a room without the right', 'FORBIDDEN', async () => {
      const eve = await stage.open(stage.name('eve'), { rights: { rooms: { 'team-*': ['join', 'send'] } } });
      assertFault(await eve.request({ type: 'join', room: 'secret' }), 'FORBIDDEN');
      assertFault(await eve.send({ room: 'secret' }, 1), 'FORBIDDEN');
      assertFault(await eve.request({ type: 'presence.get', channel: 'r/team-1' }), 'FORBIDDEN');
    });

    faultTest('a cursor from the future', 'CURSOR_AHEAD', async () => {
      const eve = await stage.open(stage.name('eve'));
      const [cursor] = eve.welcome.cursors;
      assert(cursor !== undefined);
      const cursors = [{ ...cursor, position: Number.MAX_SAFE_INTEGER }];
      const again = await stage.resume(eve, { cursors });
      assert.equal((await again.next('gap')).channel, cursor.channel);
      await sendsAt(await stage.open(stage.name('ann')), { user: eve.welcome.user }, 'and on');
      await again.nextBody('and on');
    });

    faultTest('sending faster than the rate', 'RATE_LIMITED', async () => {
      const eve = await stage.open(stage.name('eve'));
      const replies = await Promise.all(
        Array.from({ length: 400 }, (_, i) => eve.send({ user: stage.name('x') }, i)),
      );
      const refused = replies.filter((reply) => reply.type === 'nack' && reply.fault === 'RATE_LIMITED');
      assert(refused.length > 0 && refused.length < 400);
      assert(refused.every((reply) => reply.type === 'nack' && (reply.retryAfterMs ?? 0) > 0));
    });

    faultTest('a flood', 'FLOOD', async () => {
      const eve = await stage.open(stage.name('eve'));
      const message = { type: 'send', to: { user: eve.welcome.user }, kind: 'k', body: 'x'.repeat(100) };
      for (let i = 0; i < 5_000; i++) eve.post({ ...message, id: `f${i}` });
      await assertClosed(eve, 'FLOOD', 4429);
    });
  });

  describe('before a flow stands', () => {
    test('a path or a subprotocol that is none is refused', async () => {
      const [url] = stage.fleet.urls();
      const options = { subprotocols: ['chess.v2'] };
      await assert.rejects(stage.connect('eve', options), (error) => {
        assert(error instanceof UpgradeRefused);
        return error.status === 400;
      });
      const answer = await fetch(`${url?.replace('ws', 'http')}/v1/nothing`);
      assert.equal(answer.status, 404);
      await bystanders.unharmed();
    });

    test('a poll that is no JSON, or no poll, is refused by its fault', async () => {
      const [url] = stage.fleet.urls();
      for (const body of ['{', '[]', '{"turn":"x"}', '{"messages":7}', '\u0000']) {
        const answer = await fetch(`${url?.replace('ws', 'http')}/v1/poll`, { method: 'POST', body });
        assert(answer.status >= 400 && answer.status < 500, `${body} was answered with ${answer.status}`);
        const { fault } = (await answer.json()) as { fault: string };
        assert.equal(typeof fault, 'string');
      }
      await bystanders.unharmed();
    });
  });
});
