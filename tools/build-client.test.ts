import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { buildClient, GZIP_BYTES_MAX } from './build-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowshed-client-'));
after(() => rmSync(folder, { recursive: true }));
const dist = join(folder, 'dist');
const bytes = await buildClient(dist);
mkdirSync(join(folder, 'node_modules/@snowshed'), { recursive: true });
symlinkSync(dist, join(folder, 'node_modules/@snowshed/client'));

test('the bundle is small and carries nothing of others', () => {
  assert(bytes <= GZIP_BYTES_MAX, `${bytes} bytes compressed`);
  const code = readFileSync(join(dist, 'index.js'), 'utf8');
  assert(!/typebox|\bimport\s*[{(*]|\brequire\(|closeCode|httpStatus/.test(code));
});

test('a plain Node script connects with it, by the package name', () => {
  const script = join(folder, 'script.mjs');
  writeFileSync(
    script,
    `import { connect, SnowshedError } from '@snowshed/client';
     import { createServer } from 'node:http';
     let turn = 0;
     const server = createServer((request, response) => {
       let text = '';
       request.on('data', (chunk) => (text += chunk)).on('end', () => {
         const { messages, flow } = JSON.parse(text);
         const answers = flow ? messages.filter(({ id }) => id).map(({ id }) => ({ type: 'ack', id, position: 7 })) : [{
           type: 'welcome', session: 's', user: 'ann', device: messages[0].device, resumed: false, resume: 'r',
           expiresAt: Date.now() + 6e4, spread: { gatewayMs: 1e3, fleetMs: 1e4 }, pingMs: 2e4, cursors: [],
           limits: { messageBytes: 65536, ttlMs: 6e4, repeatMs: 2e4, framesPerSecond: 50, framesBurst: 50, pending: 9, rooms: 9 },
         }];
         if (answers.length > 0) response.end(JSON.stringify({ flow: 'f', turn: ++turn, messages: answers }));
       });
     }).listen(0, '127.0.0.1', async () => {
       const url = 'http://127.0.0.1:' + server.address().port;
       const snowshed = connect({ url, getToken: () => 'token', onlyLongPoll: true });
       await snowshed.ready;
       const { position } = await snowshed.send({ user: 'bob', kind: 'offer', body: { sdp: '…' } });
       console.log(snowshed.user, position, snowshed.device.length);
       await snowshed.close();
       const error = await snowshed.send({ user: 'bob', kind: 'offer', body: 1 }).catch((error) => error);
       console.log(error instanceof SnowshedError, error.fault);
       server.closeAllConnections();
       server.close();
     });`,
  );
  const said = execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(said, 'ann 7 22\ntrue CLOSED\n');
});

test('its declarations stand by themselves, and know mistakes', () => {
  const check = (name: string, code: string) => {
    const file = join(folder, name);
    writeFileSync(file, code);
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom',
      '--types',
      '',
    ];
    return spawnSync('tsc', [...options, file], { cwd: folder, encoding: 'utf8' });
  };
  const begin = `import { connect, SnowshedError, type FaultCode } from '@snowshed/client';
    const snowshed = connect({ url: new URL('wss://x.test'), getToken: async () => 'token', storage: sessionStorage, WebSocket });`;
  const right = check(
    'right.mts',
    `${begin}
    const off: () => void = snowshed.on('frame', ({ kind, from, body }) => console.log(kind, from.user, body.sdp));
    const fault: FaultCode = 'REVOKED';
    snowshed.on('error', (error) => error instanceof SnowshedError && error.fault === fault);
    const { id } = await snowshed.send({ user: 'bob', kind: 'offer', body: { sdp: '' }, signal: AbortSignal.timeout(5) });
    new RTCPeerConnection({ iceServers: await snowshed.iceServers() });
    console.log(off, id.length);`,
  );
  assert.equal(right.stdout, '');
  assert.equal(right.status, 0);
  const wrong = check(
    'wrong.mts',
    `${begin}\nsnowshed.on('frames', () => {});\nawait snowshed.send({ user: 'a', room: 'b', kind: 'x', body: 1 });`,
  );
  assert.match(wrong.stdout, /wrong\.mts\(3,/);
  assert.match(wrong.stdout, /wrong\.mts\(4,/);
});
