import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { createVirtualClock } from '#runtime/clock.ts';
import { proxyHeader, rawSocket } from '#test/contracts/raw-socket.ts';
import { startWeb, type WebUnderTest } from '#test/contracts/web-under-test.ts';
import type { PollAnswer, PollRequest } from '#wire/messages.ts';

const hello = { type: 'hello', token: 't', device: 'd' };
const welcome = '{"type":"welcome"}';
const cursors = [{ channel: 'u/bob', epoch: 'e', position: 7 }];

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: PollAnswer & { readonly fault?: string };
}

async function poll(
  web: WebUnderTest,
  request: PollRequest | string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const body =
    typeof request === 'string' || request instanceof Uint8Array ? request : JSON.stringify(request);
  const response = await fetch(`${web.url}/v1/poll`, { method: 'POST', body: Buffer.from(body), headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as PollAnswer };
}

function heard(web: WebUnderTest): readonly unknown[] {
  return web.hub.of('received').map(({ text }) => JSON.parse(text));
}

/** Welcomes whoever says hello, and acknowledges everything else. */
async function servingWeb(t: Parameters<typeof startWeb>[0]): Promise<WebUnderTest> {
  const web = await startWeb(t);
  web.hub.reaction = (flow, text) => {
    const { type, id } = JSON.parse(text);
    flow.send(type === 'hello' ? welcome : JSON.stringify({ type: 'ack', id }));
  };
  return web;
}

test('the first poll brings hello and more; what comes after hello waits for welcome', async (t) => {
  const web = await servingWeb(t);
  const { status, headers, body } = await poll(web, { messages: [hello, { type: 'ice', id: '1' }] });
  assert.equal(status, 200);
  assert.equal(headers.get('content-type'), 'application/json');
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(body.turn, 1);
  assert.deepEqual(body.messages, [{ type: 'welcome' }, { type: 'ack', id: '1' }]);
  assert.deepEqual(heard(web), [hello, { type: 'ice', id: '1' }]);
  const next = await poll(web, { flow: body.flow, turn: 1, messages: [{ type: 'ice', id: '2' }] });
  assert.deepEqual(next.body, { flow: body.flow, turn: 2, messages: [{ type: 'ack', id: '2' }] });
  assert.equal(web.hub.of('opened').length, 1);
});

test('who waits for an answer is told at once that another gateway goes on; who waits for news is not', async (t) => {
  const web = await startWeb(t);
  web.hub.reaction = (flow) => queueMicrotask(() => flow.send(welcome));
  const elsewhere = { flow: 'of another', turn: 1, resume: 'sealed', cursors };
  const idle = poll(web, elsewhere);
  await web.hub.until('opened');
  const waits = poll(web, { ...elsewhere, unanswered: true });
  assert.equal(await Promise.race([idle, waits]), await waits);
  assert.deepEqual((await waits).body.messages, [{ type: 'welcome' }]);
  for (const { flow } of web.hub.of('opened')) flow.send('{"type":"frame"}');
  assert.deepEqual((await idle).body.messages, [{ type: 'welcome' }, { type: 'frame' }]);
});

test('any gateway goes on: one that does not know the flow resumes it from the poll', async (t) => {
  const [one, other] = [await servingWeb(t), await servingWeb(t)];
  const first = await poll(one, { messages: [hello] });
  const request = {
    flow: first.body.flow,
    turn: 1,
    resume: 'sealed',
    cursors,
    messages: [{ type: 'ice', id: '1' }],
  };
  const moved = await poll(other, request);
  assert.notEqual(moved.body.flow, first.body.flow);
  assert.equal(moved.body.turn, 1);
  assert.deepEqual(moved.body.messages, [{ type: 'welcome' }, { type: 'ack', id: '1' }]);
  const resumed = { type: 'hello', resume: 'sealed', cursors, flow: 'replace' };
  assert.deepEqual(heard(other), [resumed, { type: 'ice', id: '1' }]);
  // The hub of the first is told by the router, and closes what was left there.
  const old = one.hub.of('opened')[0]!.flow;
  old.send('{"type":"bye","fault":"REPLACED","spreadMs":0}');
  old.close('REPLACED');
  assert.equal((await one.hub.until('closed')).fault, 'REPLACED');
  const back = await poll(one, { flow: moved.body.flow, turn: 1, resume: 'sealed', cursors, messages: [] });
  assert.deepEqual(back.body.messages, [{ type: 'welcome' }]);
});

test('another turn than any that was answered, or a new hello, begins a new flow', async (t) => {
  const web = await servingWeb(t);
  const first = await poll(web, { messages: [hello] });
  const wrong = await poll(web, { flow: first.body.flow, turn: 9, resume: 'sealed' });
  assert.notEqual(wrong.body.flow, first.body.flow);
  assert.deepEqual(await web.hub.until('closed'), {
    kind: 'closed',
    flow: web.hub.of('opened')[0]?.flow,
    fault: undefined,
  });
  const again = await poll(web, { flow: wrong.body.flow, turn: 1, messages: [hello] });
  assert.notEqual(again.body.flow, wrong.body.flow);
  assert.equal(web.hub.of('opened').length, 3);
});

test('a poll without any token leaves it to the dialect to say what is missing', async (t) => {
  const web = await startWeb(t);
  web.hub.reaction = (flow) => flow.close('TOKEN_MISSING');
  const { status, body } = await poll(web, {});
  assert.deepEqual([status, body.fault], [401, 'TOKEN_MISSING']);
  assert.deepEqual(heard(web), [{ type: 'hello', flow: 'replace' }]);
});

test('faults before a flow stands are those of HTTP, with Retry-After where it is worth while', async (t) => {
  const web = await startWeb(t);
  web.hub.refusal = 'BUSY';
  const { status, headers, body } = await poll(web, { messages: [hello] });
  assert.deepEqual([status, body.fault, headers.get('retry-after')], [503, 'BUSY', '2']);
  assert.equal(web.hub.told.length, 0);
});

test('what is no poll is refused by name', async (t) => {
  const web = await startWeb(t, { messageBytesMax: 1_000, pollBytesMax: 500_000 });
  const cases: readonly (readonly [body: string | Uint8Array, status: number, fault: string])[] = [
    ['', 400, 'MALFORMED'],
    ['{', 400, 'MALFORMED'],
    ['[]', 400, 'INVALID'],
    ['{"turn":-1}', 400, 'INVALID'],
    ['{"messages":{}}', 400, 'INVALID'],
    [`{"cursors":[{"channel":"x"}]}`, 400, 'INVALID'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 400, 'INVALID_UTF8'],
    [`{"messages":["${'x'.repeat(1_000)}"]}`, 413, 'TOO_LARGE'],
    [`"${'x'.repeat(600_000)}"`, 413, 'TOO_LARGE'],
    [`{"messages":[${'['.repeat(200_000)}${']'.repeat(200_000)}]}`, 400, 'TOO_DEEP'],
  ];
  for (const [body, status, fault] of cases) {
    const answer = await poll(web, body);
    assert.deepEqual([answer.status, answer.body.fault], [status, fault], String(body).slice(0, 40));
  }
  assert.deepEqual(
    web.refused,
    cases.map(([, , fault]) => fault),
  );
  assert.equal(web.hub.told.length, 0);
});

test('whatever is posted, the answer is JSON, and only messages reach the hub', async (t) => {
  const web = await startWeb(t, { pollHoldMs: 100 });
  web.hub.reaction = (flow) => flow.close('TOKEN_MISSING');
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string(), fc.uint8Array()), async (body) => {
      const answer = await poll(web, body);
      assert.equal(typeof answer.body.fault, 'string');
    }),
  );
  for (const message of heard(web)) assert.equal(typeof message, 'object');
});

test('browsers: a page that may come is let through by preflight and answer, another is not', async (t) => {
  const web = await startWeb(t, { allowedOrigins: ['https://app.example.org'] });
  web.hub.reaction = (flow) => flow.send(welcome);
  const preflight = (Origin: string) =>
    fetch(`${web.url}/v1/poll`, {
      method: 'OPTIONS',
      headers: { Origin, 'Access-Control-Request-Method': 'POST' },
    });
  const allowed = await preflight('https://app.example.org');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://app.example.org');
  assert.equal(allowed.headers.get('access-control-allow-headers'), 'authorization, content-type');
  assert.equal(allowed.headers.get('vary'), 'Origin');
  const refused = await preflight('https://evil.example.org');
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get('access-control-allow-origin'), null);

  const answer = await poll(web, { messages: [hello] }, { Origin: 'https://app.example.org' });
  assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example.org');
  const evil = await poll(web, { messages: [hello] }, { Origin: 'https://evil.example.org' });
  assert.deepEqual([evil.status, evil.body.fault], [403, 'ORIGIN_REFUSED']);
  assert.equal(web.hub.of('opened').length, 1);
});

test('a body that trickles in is given up in time', async (t) => {
  const clock = createVirtualClock();
  const web = await startWeb(t, {}, { clock });
  const raw = await rawSocket(web.port);
  raw.socket.write('POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: x\r\n\r\n{');
  // Another request that was answered shows that the first has been read.
  await fetch(`${web.url}/nothing`);
  await clock.advance(10_000);
  await raw.closed;
  assert.match(raw.received().toString(), /^HTTP\/1\.1 408 /);
  assert.deepEqual(web.refused, ['SILENT']);
  assert.equal(web.hub.told.length, 0);
});

test('a client that leaves while its body comes in leaves nothing behind', async (t) => {
  const web = await startWeb(t);
  const raw = await rawSocket(web.port);
  raw.socket.write('POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
  await fetch(`${web.url}/nothing`);
  raw.socket.destroy();
  await once(raw.socket, 'close');
  await fetch(`${web.url}/nothing`);
  assert.deepEqual([web.refused, web.hub.told], [[], []]);
});

test('by PROXY protocol each connection takes one poll', async (t) => {
  const web = await startWeb(t, { trustedProxies: ['127.0.0.1'] });
  web.hub.reaction = (flow) => flow.send(welcome);
  const raw = await rawSocket(web.port);
  const body = JSON.stringify({ messages: [hello] });
  const request = `POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  raw.socket.write(Buffer.concat([proxyHeader('203.0.113.5'), Buffer.from(request)]));
  await raw.closed;
  assert.match(raw.received().toString(), /"messages":\[\{"type":"welcome"\}\]/);
  assert.equal(web.hub.of('opened')[0]?.flow.opening.address, '203.0.113.5');
});

test('when the transport closes, the polls that stand are answered', async (t) => {
  const web = await startWeb(t);
  const standing = poll(web, { messages: [hello] });
  await web.hub.until('received');
  await setImmediate();
  web.transport.close();
  assert.deepEqual((await standing).body.messages, []);
  assert.equal((await web.hub.until('closed')).fault, undefined);
});

test('bodies that come slowly are bounded all together, whoever they are from', async (t) => {
  const web = await startWeb(t, { pollBodiesBytesMax: 10_000 });
  const head = 'POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\n\r\n';
  const slow = [await rawSocket(web.port), await rawSocket(web.port)];
  for (const { socket } of slow) socket.write(head + 'x'.repeat(6_000));
  // Whichever came second is refused.
  const refused = await Promise.race(slow.map((raw) => raw.closed.then(() => raw)));
  assert.match(refused.received().toString(), /^HTTP\/1\.1 503 .*"fault":"BUSY"/s);
  const rest = slow.find((raw) => raw !== refused);
  rest?.socket.write('x'.repeat(2_000));
  assert.match(String(await rest?.until('}')), /"fault":"MALFORMED"/);
  // What was given up, and what is whole, no longer counts.
  assert.equal((await poll(web, 'x'.repeat(7_000))).status, 400);
  assert.deepEqual(web.refused, ['BUSY', 'MALFORMED', 'MALFORMED']);
});
