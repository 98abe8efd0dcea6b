import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  clientFrame,
  proxyHeader,
  type RawSocket,
  rawSocket,
  TEXT,
  upgradeRequest,
} from '#test/contracts/raw-socket.ts';
import { startWeb, type WebUnderTest } from '#test/contracts/web-under-test.ts';
import { SUBPROTOCOL } from '#wire/messages.ts';

async function upgraded(web: WebUnderTest, headers?: Readonly<Record<string, string>>): Promise<RawSocket> {
  const raw = await rawSocket(web.port);
  raw.socket.write(upgradeRequest(headers));
  await raw.until('\r\n\r\n');
  return raw;
}

function statusOf(raw: RawSocket): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(raw.received().toString('latin1'))?.[1]);
}

function connected(web: WebUnderTest, protocols: string | string[] = SUBPROTOCOL): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${web.port}/v1/connect`, protocols);
}

test('the subprotocol has to be offered; a bearer token beside it is taken and never echoed', async (t) => {
  const web = await startWeb(t);
  const socket = connected(web, ['other', 'bearer.aaa.bbb.ccc', SUBPROTOCOL]);
  await once(socket, 'open');
  assert.equal(socket.protocol, SUBPROTOCOL);
  const opened = await web.hub.until('opened');
  assert.equal(opened.bearer, 'aaa.bbb.ccc');
  assert.equal(opened.flow.opening.bearer, undefined, 'nobody keeps it');
  const header = await upgraded(web, { Authorization: 'Bearer jwt' });
  assert.equal(statusOf(header), 101);
  assert.equal((await web.hub.until('opened', 2)).bearer, 'jwt');

  for (const protocols of ['other', 'snowshed.v2', 'bearer.aaa', '']) {
    const refused = await upgraded(web, { 'Sec-WebSocket-Protocol': protocols });
    assert.equal(statusOf(refused), 400);
    assert.match(refused.received().toString(), /\{"fault":"WRONG_SUBPROTOCOL"/);
  }
  assert.deepEqual(new Set(web.refused), new Set(['WRONG_SUBPROTOCOL']));
  assert.equal(web.hub.of('opened').length, 2);
});

test('a page of another origin is refused', async (t) => {
  const web = await startWeb(t, { allowedOrigins: ['https://app.example.org'] });
  const refused = await upgraded(web, { Origin: 'https://evil.example.org' });
  assert.equal(statusOf(refused), 403);
  assert.deepEqual(web.refused, ['ORIGIN_REFUSED']);
  const taken = await upgraded(web, { Origin: 'https://app.example.org' });
  assert.equal(statusOf(taken), 101);
  assert.equal((await web.hub.until('opened')).flow.opening.origin, 'https://app.example.org');
});

test('binary messages are told apart, and the hub closes for them with the code of the fault', async (t) => {
  const web = await startWeb(t);
  web.hub.reaction = (flow) => flow.close('BINARY');
  const socket = connected(web);
  await once(socket, 'open');
  socket.send(new Uint8Array([1, 2, 3]));
  assert.equal((await web.hub.until('received')).binary, true);
  const [{ code, reason }] = (await once(socket, 'close')) as [CloseEvent];
  assert.deepEqual([code, reason], [1003, 'BINARY']);
});

test('a message over the limit closes with TOO_LARGE, one far over it is cut off', async (t) => {
  const web = await startWeb(t, { messageBytesMax: 1_000 });
  const over = connected(web);
  await once(over, 'open');
  over.send('x'.repeat(1_000));
  await web.hub.until('received');
  over.send('x'.repeat(1_001));
  const [{ code }] = (await once(over, 'close')) as [CloseEvent];
  assert.equal(code, 1009);
  assert.equal((await web.hub.until('closed')).fault, 'TOO_LARGE');

  const far = connected(web);
  await once(far, 'open');
  far.send('x'.repeat(3_000));
  await once(far, 'close');
  assert.equal((await web.hub.until('closed', 2)).fault, 'TOO_LARGE');
  assert.equal(web.hub.of('received').length, 1);
});

test('invalid UTF-8 and invalid frames end the flow by their names', async (t) => {
  const web = await startWeb(t);
  const utf8 = await upgraded(web);
  utf8.socket.write(clientFrame(TEXT, Buffer.from([0x22, 0xff, 0x22])));
  await utf8.closed;
  assert.equal((await web.hub.until('closed')).fault, 'INVALID_UTF8');
  const rubbish = await upgraded(web);
  rubbish.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
  await rubbish.closed;
  assert.equal((await web.hub.until('closed', 2)).fault, 'MALFORMED');
  assert.equal(web.hub.of('received').length, 0);
});

test('a reader that stops reading is seen in the unsent bytes, can be closed, and drains when it reads on', async (t) => {
  const web = await startWeb(t, { unsentBytesMax: 64_000_000 });
  const reader = await upgraded(web);
  const stopped = await upgraded(web);
  const [one, other] = [await web.hub.until('opened'), await web.hub.until('opened', 2)];
  for (const raw of [reader, stopped]) raw.socket.pause();
  const text = 'x'.repeat(1_000_000);
  for (const { flow } of [one, other])
    for (let n = 0; n < 40 && flow.unsentBytes() < 8_000_000; n++) flow.send(text);
  assert(one.flow.unsentBytes() >= 8_000_000);
  other.flow.close('SLOW_CONSUMER');
  assert.equal((await web.hub.until('closed')).fault, 'SLOW_CONSUMER');
  assert.equal(other.flow.unsentBytes(), 0);
  stopped.socket.destroy();
  reader.socket.resume();
  assert.equal((await web.hub.until('drained')).flow, one.flow);
  assert.equal(one.flow.unsentBytes(), 0);
  reader.socket.destroy();
});

test('what cannot be taken any more closes the flow and is never dropped in silence', async (t) => {
  const web = await startWeb(t, { unsentBytesMax: 100_000 });
  const raw = await upgraded(web);
  raw.socket.pause();
  const { flow } = await web.hub.until('opened');
  for (let n = 0; n < 100; n++) flow.send('x'.repeat(1_000_000));
  const closed = await web.hub.until('closed');
  assert.equal(closed.fault, 'SLOW_CONSUMER');
  raw.socket.destroy();

  const many = await upgraded(web);
  many.socket.pause();
  const { flow: other } = await web.hub.until('opened', 2);
  for (let n = 0; n < 10_000 && other.unsentBytes() < 399_000; n++) {
    for (let m = 0; m < 20; m++) other.send('x'.repeat(1_000));
    await setImmediate();
  }
  for (let m = 0; m < 30; m++) other.send('x'.repeat(800));
  assert.equal((await web.hub.until('closed', 2)).fault, 'SLOW_CONSUMER');
  many.socket.destroy();
});

test('a link that died without a word is found', { timeout: 30_000 }, async (t) => {
  const web = await startWeb(t, { idleMs: 8_000 });
  // It reads, so the network takes everything, but it answers no ping.
  const dead = await upgraded(web);
  const alive = connected(web);
  await once(alive, 'open');
  const closed = await web.hub.until('closed');
  assert.equal(closed.fault, 'SILENT');
  assert.equal(closed.flow.number, 1);
  await dead.closed;
  assert(dead.received().includes(Buffer.from([0x89])), 'it was pinged');
  assert.equal(alive.readyState, WebSocket.OPEN);
});

test('behind a trusted proxy the address is the client’s: all lines of X-Forwarded-For count', async (t) => {
  const web = await startWeb(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
  const raw = await rawSocket(web.port);
  const request = upgradeRequest({ 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https' });
  raw.socket.write(
    request.replace('X-Forwarded-Proto', 'X-Forwarded-For: 203.0.113.5, 10.1.1.1\r\nX-Forwarded-Proto'),
  );
  const { flow } = await web.hub.until('opened');
  assert.equal(flow.opening.address, '203.0.113.5');
  assert.equal(flow.opening.secure, true);
});

test('PROXY protocol v2 is believed of a trusted peer only', async (t) => {
  const trusting = await startWeb(t, { trustedProxies: ['127.0.0.1'] });
  const other = await startWeb(t);
  for (const [web, address] of [
    [trusting, '203.0.113.5'],
    [other, '127.0.0.1'],
  ] as const) {
    const raw = await rawSocket(web.port);
    raw.socket.write(Buffer.concat([proxyHeader('203.0.113.5'), Buffer.from(upgradeRequest())]));
    assert.equal((await web.hub.until('opened')).flow.opening.address, address);
  }
});

test('a client cannot smuggle a PROXY header of its own behind that of the proxy', async (t) => {
  const web = await startWeb(t, { trustedProxies: ['127.0.0.1'] });
  const forged = Buffer.concat([proxyHeader('6.6.6.6'), Buffer.from(upgradeRequest())]);
  const first = Buffer.from('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
  const together = await rawSocket(web.port);
  together.socket.write(Buffer.concat([proxyHeader('203.0.113.5'), first, forged]));
  await together.closed;
  const afterwards = await rawSocket(web.port);
  afterwards.socket.write(Buffer.concat([proxyHeader('203.0.113.5'), first]));
  await afterwards.until('Not found');
  afterwards.socket.write(forged);
  await afterwards.closed;
  const refused = await rawSocket(web.port);
  const wrong = Buffer.from(upgradeRequest({ 'Sec-WebSocket-Protocol': 'x' }));
  refused.socket.write(Buffer.concat([proxyHeader('203.0.113.5'), wrong, forged]));
  await refused.closed;
  assert.deepEqual(web.hub.told, []);
});

test('what is sent in one turn of the loop arrives in order, also where some of it is large', async (t) => {
  const web = await startWeb(t);
  const socket = connected(web);
  const heard: string[] = [];
  const all = new Promise<void>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      heard.push(data[0]);
      if (heard.length === 9) resolve();
    });
  });
  await once(socket, 'open');
  const { flow } = await web.hub.until('opened');
  for (const [index, length] of [1, 1, 20_000, 1, 100_000, 1, 1, 9_000, 9_000].entries())
    flow.send(String(index).repeat(length));
  await all;
  assert.equal(heard.join(''), '012345678');
});

test('a client that floods is told why it is closed', async (t) => {
  const web = await startWeb(t);
  web.hub.reaction = (flow, text) => {
    if (text.startsWith('1000 ')) flow.close('FLOOD');
    else flow.send(text);
  };
  const socket = connected(web);
  await once(socket, 'open');
  for (let n = 0; n < 20_000; n++) socket.send(`${n} ${'x'.repeat(200)}`);
  const [{ code, reason }] = (await once(socket, 'close')) as [CloseEvent];
  assert.deepEqual([code, reason], [4429, 'FLOOD']);
  assert.equal(web.hub.of('received').length, 1_001);
});

test('past the bound of connections the next is closed as it comes, and the bound is given back', async (t) => {
  const web = await startWeb(t, { socketsMax: 3 });
  const flow = await upgraded(web);
  const silent = [await rawSocket(web.port), await rawSocket(web.port)];
  for (const raw of silent) raw.socket.write('GET /v1/conn');
  const refused = await rawSocket(web.port);
  await refused.closed;
  assert.deepEqual(web.refused, ['BUSY']);
  // A flow that ends makes room, and so does a request that never came.
  flow.socket.destroy();
  await web.hub.until('closed');
  assert.equal(statusOf(await upgraded(web)), 101);
  silent[0]?.socket.destroy();
  await once(silent[0]!.socket, 'close');
  await setImmediate();
  assert.equal(statusOf(await upgraded(web)), 101);
  assert.deepEqual(web.refused, ['BUSY']);
});

test('the hub hears of pings, so that they can be counted', async (t) => {
  const web = await startWeb(t);
  const raw = await upgraded(web);
  raw.socket.write(clientFrame(9, 'x'));
  assert.equal((await web.hub.until('pinged')).flow.number, 1);
});
