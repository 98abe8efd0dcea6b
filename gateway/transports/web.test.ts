import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { createVirtualClock } from '#runtime/clock.ts';
import { clientFrame, rawSocket, TEXT, upgradeRequest } from '#test/contracts/raw-socket.ts';
import { startWeb } from '#test/contracts/web-under-test.ts';
import type { Knock } from '../seams.ts';
import { CERTIFICATE_LOOK_MS, certificateProblem } from './certificate.ts';

/** A folder with certificates `one` and `two`, and the files that are in use. */
function certificates(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = (name: string) => join(folder, name);
  for (const name of ['one', 'two']) {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', path(`${name}.key`), '-out', path(`${name}.crt`)];
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...subject, ...files], {
      stdio: 'ignore',
    });
  }
  const tls = { certFile: path('crt'), keyFile: path('key') };
  const use = (cert: string, key = cert) => {
    copyFileSync(path(`${cert}.crt`), tls.certFile);
    copyFileSync(path(`${key}.key`), tls.keyFile);
  };
  return { tls, use };
}

async function secured(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  // The end of the test may come as a reset.
  return socket.on('error', () => {});
}

test('TLS: a new certificate is for new connections, and those that stand live on', async (t) => {
  const { tls, use } = certificates(t);
  use('one');
  const clock = createVirtualClock();
  const web = await startWeb(t, { tls }, { clock });
  const first = await secured(web.port);
  assert.equal(first.getPeerCertificate().subject.CN, 'one');
  first.write(upgradeRequest());
  await once(first, 'data');
  assert.equal((await web.hub.until('opened')).flow.opening.secure, true);

  await clock.advance(2 * CERTIFICATE_LOOK_MS);
  assert.deepEqual(web.certificates, []);
  use('two', 'one');
  await clock.advance(CERTIFICATE_LOOK_MS);
  assert.match(web.certificates[0] ?? '', /is not the key of/);
  const between = await secured(web.port);
  assert.equal(between.getPeerCertificate().subject.CN, 'one');
  use('two');
  await clock.advance(CERTIFICATE_LOOK_MS);
  assert.deepEqual(web.certificates.slice(1), [undefined]);

  const second = await secured(web.port);
  assert.equal(second.getPeerCertificate().subject.CN, 'two');
  first.write(clientFrame(TEXT, '{"n":1}'));
  assert.equal((await web.hub.until('received')).text, '{"n":1}');
  const closed = new Promise((resolve) => first.once('close', resolve));
  web.transport.close();
  await closed;
  for (const socket of [between, second]) socket.destroy();
});

test('TLS: a certificate that came while nobody was listened to is used afterwards', async (t) => {
  const { tls, use } = certificates(t);
  use('one');
  const clock = createVirtualClock();
  const web = await startWeb(t, { tls }, { clock });
  web.transport.stopListening();
  use('two');
  await clock.advance(CERTIFICATE_LOOK_MS);
  await assert.rejects(secured(web.port), { code: 'ECONNREFUSED' });
  await web.transport.listen();
  const socket = await secured(web.port);
  assert.equal(socket.getPeerCertificate().subject.CN, 'two');
  socket.destroy();
});

test('TLS: what cannot be used is said at the start, without a word of what stands in it', async (t) => {
  const { tls, use } = certificates(t);
  use('one', 'two');
  await assert.rejects(startWeb(t, { tls }), /GATEWAY_TLS_KEY_FILE cannot be used: .* is not the key of /);
  writeFileSync(tls.keyFile, 'very secret');
  await assert.rejects(startWeb(t, { tls }), (error: Error) => !error.message.includes('very secret'));
  assert.match(certificateProblem({ ...tls, certFile: '/nowhere' }) ?? '', /ENOENT/);
});

test('a port that somebody else listens on is not shared', async (t) => {
  const web = await startWeb(t);
  await assert.rejects(startWeb(t, { port: web.port }), { code: 'EADDRINUSE' });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  await assert.rejects(startWeb(t, { port: (server.address() as { port: number }).port }), {
    code: 'EADDRINUSE',
  });
});

test('pages are served beside, and everything else is not found', async (t) => {
  const page = {
    path: '/',
    answer: ({ query, opening }: { query: string; opening: { address: string } }) => ({
      status: 200,
      headers: [['Content-Type', 'text/plain']] as const,
      body: `${opening.address} ${query}`,
    }),
  };
  const web = await startWeb(t, {}, { pages: [page] });
  const found = await fetch(`${web.url}/?a=1`);
  assert.deepEqual([found.status, await found.text()], [200, '127.0.0.1 a=1']);
  for (const path of ['/nothing', '/v1/connect', '/v1/poll'])
    assert.equal((await fetch(web.url + path)).status, 404);
  assert.equal((await fetch(web.url, { method: 'POST', body: 'x' })).status, 404);
});

test('two ports: what comes says by which, and each is shut and opened by itself while flows live on', async (t) => {
  const { hub, port, priorityPort, transport } = await startWeb(t, { priorityPort: 0 });
  assert(priorityPort !== undefined && priorityPort !== port);
  const [one, other] = [await rawSocket(port), await rawSocket(priorityPort)];
  for (const raw of [one, other]) raw.socket.write(upgradeRequest());
  await hub.until('opened', 2);
  const byListener = new Map(hub.of('opened').map(({ flow }) => [flow.opening.listener, flow]));
  assert.deepEqual([...byListener.keys()].sort(), ['call', 'main']);
  assert.equal(transport.setListening('main', false), false);
  await assert.rejects(rawSocket(port), { code: 'ECONNREFUSED' });
  (await rawSocket(priorityPort)).socket.destroy();
  byListener.get('main')!.send('still here');
  await one.until('still here');
  assert.equal(transport.setListening('main', true), true);
  (await rawSocket(port)).socket.destroy();
  transport.stopListening();
  assert.equal(transport.setListening('main', true), false, 'a gateway that goes away stays shut');
  for (const shut of [port, priorityPort]) await assert.rejects(rawSocket(shut), { code: 'ECONNREFUSED' });
});

for (const secure of [false, true])
  test(`a listener that is shut from within the accept pass ends it, and may be opened again (${secure ? 'TLS' : 'plain'})`, async (t) => {
    const { tls, use } = certificates(t);
    use('one');
    const { hub, port, transport } = await startWeb(t, secure ? { tls } : {});
    for (let round = 1; round <= 3; round++) {
      let told = 0;
      hub.doorkeeper = () => {
        if (++told === 3) transport.setListening('main', false);
        return told < 3;
      };
      const lines = Array.from({ length: 50 }, () => tcpConnect(port, '127.0.0.1').on('error', () => {}));
      const ended = lines.map((line) => new Promise((resolve) => line.on('close', resolve)));
      await Promise.all(ended.slice(2));
      assert.equal(told, 3, 'those behind were reset by the kernel');
      hub.doorkeeper = () => true;
      assert.equal(transport.setListening('main', true), true);
      for (const line of lines) line.destroy();
    }
    const socket = secure ? connect({ port, rejectUnauthorized: false }) : tcpConnect(port, '127.0.0.1');
    socket.write(upgradeRequest());
    await hub.until('opened');
    socket.destroy();
  });

test('a connection may be shut out before it says a word, or held: then nothing is read until it goes on or is closed', async (t) => {
  const { tls, use } = certificates(t);
  use('one');
  const { hub, port } = await startWeb(t, { tls });
  const knocks: Knock[] = [];
  const gone: number[] = [];
  const held = Promise.withResolvers<void>();
  hub.doorkeeper = (knock) => {
    const number = knocks.push(knock) - 1;
    knock.hold(() => void gone.push(number));
    if (number === 3) held.resolve();
    return true;
  };
  const lines = Array.from({ length: 4 }, () => tcpConnect(port, '127.0.0.1').on('error', () => {}));
  const sockets = lines.map((socket) => connect({ socket, rejectUnauthorized: false }).on('error', () => {}));
  const shaken: number[] = [];
  const through = sockets.map((socket, i) => once(socket, 'secureConnect').then(() => shaken.push(i)));
  for (const gone of [1, 3]) through[gone]!.catch(() => undefined);
  await held.promise;
  await pause(50);
  assert.deepEqual(shaken, []);
  knocks[3]!.close();
  await once(lines[3]!, 'close');
  // One that went meanwhile is let on like the others, and harms nobody.
  lines[1]!.resetAndDestroy();
  for (const knock of knocks.slice(0, 3)) knock.goOn();
  await Promise.all([through[0], through[2]]);
  sockets[0]!.write(upgradeRequest());
  await hub.until('opened');
  sockets[0]!.write(clientFrame(TEXT, '{"n":1}'));
  assert.equal((await hub.until('received')).text, '{"n":1}');
  sockets[0]!.destroy();
  await hub.until('closed');
  assert.deepEqual(gone, [1], 'neither who was through nor who was closed');
  hub.doorkeeper = () => false;
  const refused = await rawSocket(port);
  await refused.closed;
  assert.deepEqual(hub.came, { main: 5, call: 0 });
  for (const socket of sockets) socket.destroy();
});

test('of who has left while it was held, the end is told once it goes on', async (t) => {
  const { tls, use } = certificates(t);
  use('one');
  const { hub, port } = await startWeb(t, { tls });
  const held = Promise.withResolvers<Knock>();
  const gone = Promise.withResolvers<void>();
  hub.doorkeeper = (knock) => {
    knock.hold(gone.resolve);
    held.resolve(knock);
    return true;
  };
  const line = tcpConnect(port, '127.0.0.1').on('error', () => {});
  const socket = connect({ socket: line, rejectUnauthorized: false }).on('error', () => {});
  const knock = await held.promise;
  await pause(50);
  // Its ClientHello is in the kernel, and its end behind it.
  line.end();
  await pause(50);
  knock.goOn();
  await gone.promise;
  socket.destroy();
});

test('the door is told the address of a client, and none where a trusted proxy stands between', async (t) => {
  for (const [trustedProxies, address] of [
    [[], '127.0.0.1'],
    [['127.0.0.0/8'], undefined],
  ] as const) {
    const web = await startWeb(t, { trustedProxies });
    const told = new Promise<string | undefined>((resolve) => {
      web.hub.doorkeeper = (knock) => {
        resolve(knock.address());
        return true;
      };
    });
    const socket = tcpConnect(web.port, '127.0.0.1');
    assert.equal(await told, address);
    socket.destroy();
  }
});
