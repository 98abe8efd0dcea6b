import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { type Link, openLink } from './link.ts';

const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
const closing: (() => unknown)[] = [() => server.close()];
after(async () => {
  for (const close of closing.reverse()) await close();
});

async function echoThrough(): Promise<{ link: Link; client: Socket; heard: () => string }> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const link = await openLink([(server.address() as AddressInfo).port]);
  const client = connect(link.ports[0] as number, '127.0.0.1').setEncoding('utf8');
  let text = '';
  client.on('data', (data) => {
    text += data;
  });
  client.on('error', () => undefined);
  closing.push(link.close, () => client.destroy());
  await once(client, 'connect');
  return { link, client, heard: () => text };
}

async function untilHeard(heard: () => string, text: string): Promise<void> {
  while (heard() !== text) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('what is held one way comes, in order and whole, when the link has healed', {
  timeout: 5_000,
}, async () => {
  const { link, client, heard } = await echoThrough();
  client.write('a');
  await untilHeard(heard, 'a');
  link.hold('in');
  client.write('b');
  client.write('c');
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(heard(), 'a');
  link.heal();
  await untilHeard(heard, 'abc');
});

test('a slow link delays each piece and keeps their order', { timeout: 5_000 }, async () => {
  const { link, client, heard } = await echoThrough();
  link.slow(40, 1_000);
  const startMs = performance.now();
  client.write('ab');
  await untilHeard(heard, 'ab');
  assert(performance.now() - startMs >= 80, 'the delay, there and back');
  link.heal();
  client.write('c');
  await untilHeard(heard, 'abc');
});

test('a cut link ends its connections and takes no others until it has healed', {
  timeout: 5_000,
}, async () => {
  const { link, client } = await echoThrough();
  const ended = once(client, 'close');
  link.cut();
  await ended;
  const refused = connect(link.ports[0] as number, '127.0.0.1').on('error', () => undefined);
  await once(refused, 'close');
  link.heal();
  const again = connect(link.ports[0] as number, '127.0.0.1').setEncoding('utf8');
  again.write('x');
  const [echo] = await once(again, 'data');
  assert.equal(echo, 'x');
  again.destroy();
});
