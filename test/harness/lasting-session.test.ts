import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '#runtime/random.ts';
import { uws, type WebSocket } from '#runtime/uws.ts';
import { findings } from './checker.ts';
import { freePort } from './free-ports.ts';
import { createRecorder } from './history.ts';
import { createLastingSession } from './lasting-session.ts';

interface Said {
  readonly type: string;
  readonly id?: string;
  readonly flow?: string;
}

type Socket = WebSocket<object>;

/** A service that does as the test says: it is asked for each message of each flow, in the order they were opened. */
async function scripted(heard: (flow: number, said: Said, socket: Socket) => void) {
  const port = await freePort();
  const sockets: Socket[] = [];
  const app = uws.App().ws<object>('/*', {
    upgrade(res, req, context) {
      const [key, extensions] = [
        req.getHeader('sec-websocket-key'),
        req.getHeader('sec-websocket-extensions'),
      ];
      res.upgrade({}, key, 'snowshed.v1', extensions, context);
    },
    open: (socket) => void sockets.push(socket),
    message(socket, data) {
      heard(sockets.indexOf(socket), JSON.parse(Buffer.from(data).toString()), socket);
    },
  });
  await new Promise<void>((resolve) => app.listen('127.0.0.1', port, () => resolve()));
  return { url: `ws://127.0.0.1:${port}`, sockets, close: () => app.close() };
}

function welcome(socket: Socket): void {
  const who = { session: 's', user: 'ann', device: 'phone', resumed: true, resume: 'token' };
  const cursors = [{ channel: 'u/ann', epoch: 'e', position: 0 }];
  say(socket, { type: 'welcome', ...who, cursors, limits: { repeatMs: 28_000 } });
}

function say(socket: Socket, message: object): void {
  socket.send(JSON.stringify(message));
}

function sessionAt(url: string, recorder = createRecorder(), rooms: readonly string[] = []) {
  const random = createSeededRandom(1);
  const options = { user: 'ann', token: 't', rooms, recorder, random, urls: () => [url] };
  return createLastingSession(options);
}

test('what is sent while the newest flow is lost goes over no other before the repeats have', async (t) => {
  const taken: string[][] = [[], [], []];
  const done = Promise.withResolvers<void>();
  const service = await scripted((flow, said, socket) => {
    if (said.type === 'hello') return welcome(socket);
    if (said.type !== 'send') return;
    taken[flow]?.push(said.id as string);
    // The second flow takes everything and answers nothing.
    if (flow === 1) return;
    if (said.id === '4') done.resolve();
    say(socket, { type: 'ack', id: said.id, position: taken.flat().length });
  });
  const recorder = createRecorder();
  const session = sessionAt(service.url, recorder);
  t.after(() => {
    session.close();
    service.close();
  });
  await session.open(service.url);
  session.send({ user: 'bob' }, 1);
  assert.equal(await session.addFlow(service.url), true);
  session.send({ user: 'bob' }, 2);
  session.cut();
  session.send({ user: 'bob' }, 3);
  while (session.closings.length === 0) await new Promise((resolve) => setImmediate(resolve));
  session.send({ user: 'bob' }, 4);
  await done.promise;
  const [first = [], , third = []] = taken;
  assert.deepEqual([...first.slice(1), ...third], ['2', '3', '4']);
  assert.deepEqual(findings(recorder.history), []);
});

test('a session whose opening failed is owed nothing, and its flow is cut', async (t) => {
  const opened = Promise.withResolvers<Socket>();
  const service = await scripted((_, said, socket) => {
    if (said.type === 'hello') opened.resolve(socket);
  });
  const recorder = createRecorder();
  const session = sessionAt(service.url, recorder);
  t.after(() => {
    session.close();
    service.close();
  });
  const opening = session.open(service.url);
  const failed = assert.rejects(opening);
  const socket = await opened.promise;
  session.leave();
  welcome(socket);
  await failed;
  assert.deepEqual(recorder.history.owed, []);
});

test('a flow that is lost before its join is answered may have brought frames of that room, and of no other', async (t) => {
  const [sender, hall] = [{ session: 'b', user: 'bob', device: 'desk' }, 'r/hall'];
  for (const channel of [hall, 'r/other']) {
    const service = await scripted((_, said, socket) => {
      if (said.type === 'hello') return welcome(socket);
      say(socket, { ...frame, channel, epoch: 'e', position: 7, from: sender, kind: 'test', at: 1 });
      socket.end();
    });
    const recorder = createRecorder();
    const frame = { type: 'frame', id: recorder.sent(sender, channel, 'q1', 1).id, body: 1 };
    const session = sessionAt(service.url, recorder, ['hall']);
    t.after(() => {
      session.close();
      service.close();
    });
    await assert.rejects(session.open(service.url));
    session.leave();
    assert.equal(recorder.history.received.length, 1);
    const rules = findings(recorder.history).map(({ rule }) => rule);
    assert.deepEqual(rules, channel === hall ? [] : ['not-owed']);
  }
});

test('whoever has left is not there any more: it is not hurt, and does not change its device twice', async (t) => {
  const service = await scripted((_, said, socket) => {
    if (said.type === 'hello') welcome(socket);
  });
  const session = sessionAt(service.url);
  t.after(() => {
    session.close();
    service.close();
  });
  await session.open(service.url);
  assert.equal(session.connected, true);
  session.leave();
  assert.equal(session.connected, false);
  assert.equal(await session.addFlow(service.url), false);
});
