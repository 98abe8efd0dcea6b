/**
 * Closing: how many connections the kernel resets when a listening socket closes under load.
 *
 * `node load-tests/door-costs/closing.ts [--rate 3000] [--seconds 6]`: clients come evenly while the server listens for 100 ms and
 * does not for 50, in turns; closed from a timer, and from `setImmediate`; plain and TLS.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { pause } from '../bench/scene.ts';
import { makeCertificate } from '../swarm/certificate.ts';
import { clientHello } from './client-hello.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '3000' },
    seconds: { type: 'string', default: '6' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log('node load-tests/door-costs/closing.ts [--rate PER_SECOND] [--seconds N]');
  process.exit(0);
}
const rate = Number(values.rate);
const seconds = Number(values.seconds);
/** Below the ephemeral ports, so that no client is given it while nobody listens. */
const PORT = 17_600;
const PATIENCE_MS = 8_000;
const UPGRADE =
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
type Outcome = 'answered' | 'refused' | 'reset' | 'other';

const certificate = makeCertificate();
const firstWords = { plain: Buffer.from(UPGRADE), tls: await clientHello() };
for (const transport of ['plain', 'tls'] as const)
  for (const from of ['timer', 'setImmediate']) await told(transport, from);
certificate.remove();

async function told(transport: 'plain' | 'tls', from: string): Promise<void> {
  const files = [certificate.keyFile, certificate.certFile];
  const server = fork(new URL('./closing-server.ts', import.meta.url), [
    from,
    transport,
    String(PORT),
    ...files,
  ]);
  await once(server, 'message');
  const counts = { answered: 0, refused: 0, reset: 0, other: 0 };
  const all: Promise<void>[] = [];
  for (const beganMs = performance.now(); performance.now() < beganMs + seconds * 1_000; await pause(1)) {
    const due = ((performance.now() - beganMs) * rate) / 1_000;
    while (all.length < due)
      all.push(
        one(all.length, firstWords[transport]).then((outcome) => {
          counts[outcome]++;
        }),
      );
  }
  await Promise.all(all);
  server.send('tell');
  const [{ closes }] = (await once(server, 'message')) as [{ closes: number }];
  server.kill();
  await once(server, 'exit');
  console.log(`${transport}, closed from ${from} ${closes} times: ${JSON.stringify(counts)}`);
}

function one(index: number, words: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ port: PORT, host: '127.0.0.1', localAddress: `127.0.0.${2 + (index % 200)}` });
    const late = setTimeout(() => end('other'), PATIENCE_MS);
    function end(outcome: Outcome): void {
      clearTimeout(late);
      socket.resetAndDestroy();
      resolve(outcome);
    }
    socket.on('connect', () => socket.write(words)).on('data', () => end('answered'));
    socket.on('end', () => end('reset'));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      end(
        code === 'ECONNREFUSED' ? 'refused' : code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : 'other',
      );
    });
  });
}
