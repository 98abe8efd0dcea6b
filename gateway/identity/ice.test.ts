import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { createSystemClock, createVirtualClock } from '#runtime/clock.ts';
import { createIceServers, turnCredential } from './ice.ts';

const secret = 'the secret that gateways and TURN servers share';
const previous = 'the secret that they shared before';
const config = {
  STUN_URLS: 'stun:stun.example.org, stuns:stun.example.org',
  TURN_URLS: 'turn:turn.example.org?transport=udp,turns:turn.example.org',
  TURN_SECRET: secret,
  TURN_TTL_MS: 3_600_000,
};

test('a user gets STUN servers as they are, and TURN servers with credentials of its own that expire', () => {
  const clock = createVirtualClock(1_800_000_000_000);
  assert.deepEqual(createIceServers(config, clock).iceServersFor('alice'), {
    iceServers: [
      { urls: ['stun:stun.example.org', 'stuns:stun.example.org'] },
      {
        urls: ['turn:turn.example.org?transport=udp', 'turns:turn.example.org'],
        username: '1800003600:alice',
        credential: createHmac('sha1', secret).update('1800003600:alice').digest('base64'),
      },
    ],
    expiresAt: 1_800_003_600_000,
  });
});

test('what is not configured is not given', () => {
  const clock = createVirtualClock();
  const { STUN_URLS, TURN_URLS, TURN_SECRET, TURN_TTL_MS } = config;
  assert.equal(createIceServers({ TURN_TTL_MS }, clock).iceServersFor('alice'), undefined);
  const stunOnly = createIceServers({ STUN_URLS, TURN_TTL_MS }, clock).iceServersFor('alice');
  assert.deepEqual(stunOnly?.iceServers, [{ urls: ['stun:stun.example.org', 'stuns:stun.example.org'] }]);
  const turnOnly = createIceServers({ TURN_URLS, TURN_SECRET, TURN_TTL_MS }, clock).iceServersFor('alice');
  assert.equal(turnOnly?.iceServers.length, 1);
});

test('a username is printable ASCII, whatever the name of the user', () => {
  const expiresAt = 1_800_000_000_999;
  assert.equal(turnCredential(secret, 'ann@x.org', expiresAt).username, '1800000000:ann@x.org');
  assert.equal(turnCredential(secret, 'à la %41', expiresAt).username, '1800000000:%C3%A0%20la%20%2541');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (user) => {
      const [, name = ''] =
        /^1800000000:([!#$%&(-[\]-~]+)$/.exec(turnCredential(secret, user, expiresAt).username) ?? [];
      assert.equal(decodeURIComponent(name), user);
    }),
  );
});

// A TURN server that runs: coturn, with both secrets.

let server: TurnServer;
before(async () => {
  server = await startTurnServer([previous, secret]);
});
after(async () => {
  await server.stop();
});

const users = [
  'alice',
  'ann@x.org',
  'a:b',
  'à la carte',
  '\u00ad\u00a0',
  '用户',
  `"'\\%`,
  'x'.repeat(128),
  '🜁'.repeat(32),
];
for (const user of users) {
  test(`coturn allocates a relay for ${user.slice(0, 20)}`, async () => {
    const servers = createIceServers(config, createSystemClock()).iceServersFor(user);
    const turn = servers?.iceServers[1];
    assert(turn?.username !== undefined && turn.credential !== undefined);
    assert.equal(await allocate(server.port, turn.username, turn.credential), 'allocated');
  });
}

test('coturn takes credentials under the secret before, while both are configured', async () => {
  const { username, credential } = turnCredential(previous, 'alice', Date.now() + 60_000);
  assert.equal(await allocate(server.port, username, credential), 'allocated');
});

test('coturn refuses a wrong, a stolen and an expired credential', async () => {
  const alice = turnCredential(secret, 'alice', Date.now() + 60_000);
  const expired = turnCredential(secret, 'alice', Date.now() - 60_000);
  const unknown = turnCredential('another secret', 'alice', Date.now() + 60_000);
  assert.equal(await allocate(server.port, alice.username, 'wrong'), 401);
  assert.equal(await allocate(server.port, alice.username.replace('alice', 'bob'), alice.credential), 401);
  assert.equal(await allocate(server.port, expired.username, expired.credential), 401);
  assert.equal(await allocate(server.port, unknown.username, unknown.credential), 401);
});

interface TurnServer {
  readonly port: number;
  stop(): Promise<void>;
}

async function startTurnServer(secrets: readonly string[]): Promise<TurnServer> {
  const port = await freePort();
  const files = join(tmpdir(), `snowshed-turn-${process.pid}-${port}`);
  const child = spawn(
    'turnserver',
    [
      ...['-n', '--simple-log', '--log-file=stdout', '--no-cli', '--no-tls', '--no-dtls', '--no-tcp'],
      ...['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`],
      ...['--min-port=49152', '--max-port=65535', '--realm=example.org', '--use-auth-secret'],
      ...[`--pidfile=${files}.pid`, `--db=${files}.db`],
      ...secrets.map((secret) => `--static-auth-secret=${secret}`),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await Promise.race([
    exchange(port, BINDING, []),
    once(child, 'error').then(([error]) =>
      Promise.reject(new Error('coturn (turnserver) is needed', { cause: error })),
    ),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`turnserver exited with ${code}`))),
  ]);
  return { port, stop: () => stopped(child) };
}

async function stopped(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

// A TURN client that can do one thing: ask for a relay (RFC 8656 §7.1 under the long-term credentials of RFC 8489 §9.2).

const BINDING = 0x0001;
const ALLOCATE = 0x0003;
const SUCCESS = 0x0100;
const MAGIC = 0x2112a442;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const REALM = 0x0014;
const NONCE = 0x0015;
const REQUESTED_TRANSPORT = 0x0019;
const UDP = Buffer.from([17, 0, 0, 0]);

type Attribute = readonly [type: number, value: Buffer];
interface StunMessage {
  readonly type: number;
  readonly attributes: ReadonlyMap<number, Buffer>;
}

/** `allocated`, or the error code with which the request under these credentials was refused. */
async function allocate(port: number, username: string, credential: string): Promise<'allocated' | number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  try {
    const challenge = await exchange(port, ALLOCATE, [[REQUESTED_TRANSPORT, UDP]], undefined, socket);
    assert.equal(errorCode(challenge), 401);
    const realm = challenge.attributes.get(REALM)!;
    const nonce = challenge.attributes.get(NONCE)!;
    const key = createHash('md5').update(`${username}:${realm}:${credential}`).digest();
    const attributes: Attribute[] = [
      [REQUESTED_TRANSPORT, UDP],
      [USERNAME, Buffer.from(username)],
      [REALM, realm],
      [NONCE, nonce],
    ];
    const answer = await exchange(port, ALLOCATE, attributes, key, socket);
    return answer.type === (ALLOCATE | SUCCESS) ? 'allocated' : errorCode(answer);
  } finally {
    socket.close();
  }
}

function errorCode({ attributes }: StunMessage): number {
  const value = attributes.get(ERROR_CODE);
  assert(value !== undefined, 'an answer that is no success has an error code');
  return value[2]! * 100 + value[3]!;
}

/** Sends a request again and again, as UDP asks for, until it is answered. */
async function exchange(
  port: number,
  type: number,
  attributes: readonly Attribute[],
  key?: Buffer,
  socket: Socket = createSocket('udp4').bind(0, '127.0.0.1').unref(),
): Promise<StunMessage> {
  const transaction = randomBytes(12);
  const request = encoded(type, transaction, attributes, key);
  const again = setInterval(() => socket.send(request, port, '127.0.0.1'), 100);
  const deadline = AbortSignal.timeout(20_000);
  try {
    socket.send(request, port, '127.0.0.1');
    for (;;) {
      const [answer] = (await once(socket, 'message', { signal: deadline })) as [Buffer];
      if (answer.subarray(8, 20).equals(transaction)) return decoded(answer);
    }
  } finally {
    clearInterval(again);
  }
}

function encoded(type: number, transaction: Buffer, attributes: readonly Attribute[], key?: Buffer): Buffer {
  const body = Buffer.concat(attributes.map(([kind, value]) => attribute(kind, value)));
  const plain = Buffer.concat([header(type, body.length, transaction), body]);
  if (key === undefined) return plain;
  // The integrity covers a header that counts the integrity itself (RFC 8489 §14.5).
  const covered = Buffer.concat([header(type, body.length + 24, transaction), body]);
  const integrity = createHmac('sha1', key).update(covered).digest();
  return Buffer.concat([covered, attribute(MESSAGE_INTEGRITY, integrity)]);
}

function header(type: number, length: number, transaction: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(length, 2);
  head.writeUInt32BE(MAGIC, 4);
  return Buffer.concat([head, transaction]);
}

function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  value.copy(bytes, 4);
  return bytes;
}

function decoded(message: Buffer): StunMessage {
  const attributes = new Map<number, Buffer>();
  for (let at = 20; at + 4 <= message.length; ) {
    const length = message.readUInt16BE(at + 2);
    attributes.set(message.readUInt16BE(at), message.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return { type: message.readUInt16BE(0), attributes };
}
