import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { ConnectOptions, Frame, Snowshed, SnowshedError, Status } from './api.ts';
import { FakeService } from './fake-service.ts';
import { connectOn } from './snowshed.ts';

function setUp(
  t: TestContext,
  options: Partial<ConnectOptions> = {},
  prepare: (service: FakeService) => void = () => {},
) {
  const clock = createVirtualClock();
  const service = new FakeService(clock, createSeededRandom(1).draw);
  prepare(service);
  let tokens = 0;
  const client = connectOn(service.platform(), {
    url: 'http://gateway.test',
    getToken: () => `token-${++tokens}`,
    device: 'laptop',
    ...options,
  });
  const frames: Frame[] = [];
  const statuses: Status[] = [];
  const errors: SnowshedError[] = [];
  client.on('frame', (frame) => frames.push(frame));
  client.on('status', (status) => statuses.push(status));
  client.on('error', (error) => errors.push(error));
  t.after(() => void client.close());
  return { clock, service, client, frames, statuses, errors };
}

/** What a promise came to, without waiting for it. */
function outcome<Value>(promise: Promise<Value>): { value?: Value; fault?: string } {
  const seen: { value?: Value; fault?: string } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error) => {
      seen.fault = error.fault;
    },
  );
  return seen;
}

function offer(client: Snowshed, text: string, more: object = {}) {
  return client.send({ user: 'bob', kind: 'offer', body: text, ...more });
}

function bodiesOf(entries: readonly { message: { readonly [key: string]: unknown } }[]): unknown[] {
  return entries.map(({ message }) => message['body']);
}

test('[SDK-1] it says hello with a token, is ready at the welcome, and tells who it is', async (t) => {
  const { clock, service, client, statuses } = setUp(t);
  const ready = outcome(client.ready);
  await clock.advance(100);
  assert.deepEqual(ready, { value: undefined });
  assert.equal(service.attempts[0]?.url, 'ws://gateway.test/v1/connect');
  assert.deepEqual(service.flow.hello, {
    type: 'hello',
    token: 'token-1',
    device: 'laptop',
    flow: 'replace',
    cursors: [],
  });
  assert.deepEqual([client.user, client.device, client.session], ['ann', 'laptop', 's1']);
  assert.deepEqual(statuses, [
    { state: 'connecting' },
    { state: 'open', transport: 'websocket', resumed: false },
  ]);
});

test('[SDK-2] a lost flow is resumed with token and cursors, and every frame comes once', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t);
  await clock.advance(20_000);
  const last = service.deliver('u/ann', 'one');
  await clock.advance(100);
  service.flow.drop();
  service.deliver('u/ann', 'two');
  await clock.advance(5_000);
  assert.equal(service.flows.length, 2);
  assert.deepEqual(service.flow.hello, {
    type: 'hello',
    resume: 's1',
    device: 'laptop',
    flow: 'replace',
    cursors: [{ channel: 'u/ann', epoch: 'epoch-1', position: last }],
  });
  service.flow.say(service.stored('u/ann')[0]!.message as never);
  service.deliver('u/ann', 'three');
  await clock.advance(100);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two', 'three'],
  );
  assert.equal(client.session, 's1');
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open', 'away', 'connecting', 'open'],
  );
});

test('[SDK-3] what has no answer is repeated in order on the next flow, and stored once', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  const first = outcome(offer(client, 'a'));
  await clock.advance(50);
  assert.equal(first.value?.position, 10);
  service.answers = false;
  const rest = ['b', 'c'].map((text) => outcome(offer(client, text)));
  await clock.advance(50);
  const before = service.flow.heardOf('send');
  service.stored('u/bob').push({ position: 20, id: before[1]!.id, message: before[1]! });
  service.flow.drop();
  service.answers = true;
  await clock.advance(5);
  rest.push(outcome(offer(client, 'd')));
  await clock.advance(5_000);
  const repeats = service.flow.heardOf('send');
  assert.deepEqual(
    repeats.map(({ body, ageMs }) => [body, ageMs !== undefined]),
    [
      ['b', true],
      ['c', true],
      ['d', false],
    ],
  );
  assert.deepEqual(
    repeats.slice(0, 2).map(({ id }) => id),
    before.slice(1).map(({ id }) => id),
  );
  assert.deepEqual(
    rest.map(({ value }) => value?.position),
    [20, 30, 40],
  );
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['a', 'b', 'c', 'd']);
});

test('[SDK-4] while the service is busy it waits on the open flow, however long, and the app is told', async (t) => {
  const { clock, service, client } = setUp(t, {}, (service) => {
    service.welcomes = false;
  });
  const waits: number[] = [];
  client.on('wait', ({ etaMs }) => waits.push(etaMs));
  const sent = outcome(offer(client, 'a', { ttlMs: 600_000 }));
  for (let i = 20; i > 0; i--) {
    await clock.advance(10_000);
    service.flow.say({ type: 'wait', etaMs: i * 10_000, ahead: i });
  }
  await clock.advance(10_000);
  assert.equal(waits.length, 20);
  assert.equal(service.attempts.length, 1);
  assert.equal(service.flow.heardOf('send').length, 0);
  service.welcome(service.flow);
  await clock.advance(100);
  assert.equal(sent.value?.position, 10);
});

test('[SDK-5] told to come back within a time, clients come back evenly over it', async (t) => {
  const backMs: number[] = [];
  for (let i = 0; i < 40; i++) {
    const clock = createVirtualClock();
    const service = new FakeService(clock, () => (i + 0.5) / 40);
    const client = connectOn(service.platform(), { url: 'http://gateway.test', getToken: () => 'token' });
    t.after(() => void client.close());
    await clock.advance(20_000);
    service.flow.bye('GOING_AWAY', 8_000);
    const leftMs = clock.monotonicMs();
    await clock.advance(9_000);
    backMs.push(service.attempts[1]!.atMs - leftMs);
  }
  for (let from = 0; from < 8_000; from += 2_000) {
    const inside = backMs.filter((ms) => ms >= from && ms < from + 2_000).length;
    assert.equal(inside, 10);
  }
});

test('[SDK-6] what will never be taken ends the client, with the reason, everywhere', async (t) => {
  const { clock, service, client, statuses, errors } = setUp(t);
  await clock.advance(20_000);
  service.answers = false;
  const sent = outcome(offer(client, 'a'));
  await clock.advance(10);
  service.flow.bye('REVOKED', 0);
  await clock.advance(60_000);
  assert.equal(sent.fault, 'REVOKED');
  assert.equal(outcome(client.ready).fault, undefined);
  assert.deepEqual(
    errors.map(({ fault, retry }) => [fault, retry]),
    [['REVOKED', 'never']],
  );
  assert.equal(service.attempts.length, 1);
  const last = statuses.at(-1);
  assert(last?.state === 'closed' && last.error?.fault === 'REVOKED');
  await assert.rejects(offer(client, 'b'), { fault: 'REVOKED' });
});

test('[SDK-7] a resume token that is not taken is replaced by a fresh token at once; cursors are kept', async (t) => {
  const { clock, service, frames, statuses } = setUp(t);
  await clock.advance(20_000);
  service.deliver('u/ann', 'one');
  await clock.advance(10);
  service.welcomes = false;
  service.flow.drop();
  await clock.advance(5_000);
  service.welcomes = true;
  const refusedMs = clock.monotonicMs();
  service.flow.bye('RESUME_EXPIRED', 0);
  service.deliver('u/ann', 'two');
  await clock.advance(100);
  assert(service.attempts.at(-1)!.atMs - refusedMs < 50);
  assert.equal(service.flow.hello?.token, 'token-2');
  assert.equal(service.flow.hello?.cursors?.[0]?.position, 10);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two'],
  );
  assert.deepEqual(statuses.at(-1), { state: 'open', transport: 'websocket', resumed: false });
});

test('[SDK-8] a fresh token that is not taken either is no reason to hurry', async (t) => {
  const { clock, service } = setUp(t, {}, (service) => {
    service.welcomes = false;
  });
  for (let i = 0; i < 600; i++) {
    await clock.advance(100);
    if (service.flows.at(-1)?.hello && service.flow.open) service.flow.bye('TOKEN_EXPIRED', 0);
  }
  assert(
    service.attempts.length > 5 && service.attempts.length < 30,
    `${service.attempts.length} attempts in a minute`,
  );
});

test('[SDK-9] where WebSockets are blocked it polls, and goes back to a WebSocket when one gets through', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t, {}, (service) => {
    service.webSocketsPass = false;
  });
  await clock.advance(20_000);
  assert.deepEqual(statuses.at(-1), { state: 'open', transport: 'poll', resumed: false });
  assert.equal(service.attempts.filter(({ url }) => url.startsWith('ws')).length, 2);
  const sent = [outcome(offer(client, 'a')), outcome(offer(client, 'b'))];
  await clock.advance(100);
  service.deliver('u/ann', 'one');
  sent.push(outcome(offer(client, 'c')));
  await clock.advance(60_000);
  service.deliver('u/ann', 'two');
  await clock.advance(100);
  assert.deepEqual(
    sent.map(({ value }) => value?.position),
    [10, 20, 30],
  );
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two'],
  );
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['a', 'b', 'c']);
  service.webSocketsPass = true;
  await clock.advance(1_200_000);
  assert.deepEqual(statuses.at(-1), { state: 'open', transport: 'websocket', resumed: true });
  assert.equal(statuses.filter(({ state }) => state === 'away').length, 2, 'nothing was given up on the way');
  service.deliver('u/ann', 'three');
  await clock.advance(100);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two', 'three'],
  );
});

test('[SDK-10] another network: the second flow is welcomed before the first is closed; sends follow the newest', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t);
  await clock.advance(20_000);
  const [first] = service.flows;
  service.welcomes = false;
  client.networkChanged();
  await clock.advance(400);
  const second = service.flow;
  assert.notEqual(second, first);
  assert.equal(second.hello?.flow, 'add');
  assert.equal(first?.open, true);
  service.deliver('u/ann', 'over both');
  const sent = outcome(offer(client, 'before'));
  await clock.advance(10);
  assert.equal(first.heardOf('send').length, 1);
  service.welcome(second);
  await clock.advance(10);
  const later = outcome(offer(client, 'after'));
  await clock.advance(10);
  assert.equal(first.open, false);
  assert.deepEqual(
    second.heardOf('send').map(({ body }) => body),
    ['after'],
  );
  assert.deepEqual([sent.value?.position, later.value?.position], [10, 20]);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['over both'],
  );
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open', 'open'],
  );
});

test('[SDK-11] a flow that died without a word is found by a ping, and given up', async (t) => {
  const { clock, service, statuses } = setUp(t);
  await clock.advance(70_000);
  assert.equal(service.flows.length, 1);
  assert(service.flow.heardOf('ping').length >= 3, 'it asks when nothing is heard');
  service.flow.open = false;
  await clock.advance(45_000);
  assert.equal(service.flows.length, 2);
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open', 'away', 'connecting', 'open'],
  );
});

test('[SDK-12] the token is renewed in band well before it expires', async (t) => {
  const { clock, service } = setUp(t, {}, (service) => {
    service.expiresInMs = 600_000;
  });
  await clock.advance(479_000);
  assert.equal(service.flow.heardOf('refresh').length, 0);
  await clock.advance(2_000);
  assert.deepEqual(
    service.flow.heardOf('refresh').map(({ token }) => token),
    ['token-2'],
  );
  service.flow.say({ type: 'resume', resume: 'renewed', expiresAt: clock.nowMs() + 600_000 });
  await clock.advance(100_000);
  assert.equal(service.flow.heardOf('refresh').length, 1);
  service.flow.drop();
  await clock.advance(5_000);
  assert.equal(service.flow.hello?.resume, 'renewed');
});

test('[SDK-13] a clock that is wrong does not make it ask for tokens all the time', async (t) => {
  const { clock, service } = setUp(t, {}, (service) => {
    service.expiresInMs = -86_400_000;
  });
  await clock.advance(60_000);
  const asked = service.flow.heardOf('refresh').length;
  assert(asked >= 1 && asked <= 6, `${asked} times in a minute`);
});

test('[SDK-14] a token that cannot be fetched is told, and asked for again', async (t) => {
  let down = true;
  const { clock, client, errors } = setUp(t, {
    getToken: () => (down ? Promise.reject(new Error('down')) : 'token'),
  });
  await clock.advance(10_000);
  assert(errors.length >= 1 && errors.every(({ fault }) => fault === 'TOKEN_UNAVAILABLE'));
  assert.match(String(errors[0]?.cause), /down/);
  down = false;
  await clock.advance(30_000);
  assert.equal(client.status.state, 'open');
});

test('[SDK-15] an abort before the send left takes it back; after, only the promise ends', async (t) => {
  const { clock, service, client } = setUp(t);
  const early = new AbortController();
  const late = new AbortController();
  const taken = outcome(offer(client, 'taken back', { signal: early.signal }));
  early.abort();
  await clock.advance(20_000);
  service.answers = false;
  const given = outcome(offer(client, 'given up', { signal: late.signal }));
  const next = outcome(offer(client, 'next'));
  await clock.advance(10);
  late.abort();
  await clock.advance(10);
  assert.deepEqual([taken.fault, given.fault], ['ABORTED', 'ABORTED']);
  service.answers = true;
  service.flow.drop();
  await clock.advance(5_000);
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['given up', 'next']);
  assert.equal(next.value?.position, 20);
  await assert.rejects(offer(client, 'late', { signal: late.signal }), { fault: 'ABORTED' });
});

test('[SDK-16] the signal of the client closes it', async (t) => {
  const stop = new AbortController();
  const { clock, service, client, errors } = setUp(t, { signal: stop.signal });
  await clock.advance(100);
  const sent = outcome(offer(client, 'a'));
  stop.abort();
  await clock.advance(2_000);
  assert.equal(client.status.state, 'closed');
  assert.equal(sent.fault, 'ABORTED');
  assert.deepEqual(errors, []);
  assert.equal(service.flow.open, false);
  const aborted = setUp(t, { signal: AbortSignal.abort() });
  await aborted.clock.advance(10_000);
  assert.equal(aborted.service.attempts.length, 0);
  assert.equal(outcome(aborted.client.ready).fault, undefined);
  await assert.rejects(aborted.client.ready, { fault: 'ABORTED' });
});

test('[SDK-17] closing says bye and ends everything that waits', async (t) => {
  const { clock, service, client, statuses } = setUp(t);
  await clock.advance(100);
  service.answers = false;
  const sent = outcome(offer(client, 'a'));
  await clock.advance(10);
  const closed = outcome(client.close());
  await clock.advance(10);
  assert.deepEqual(closed, { value: undefined });
  assert.equal(service.flow.heard.at(-1)?.type, 'bye');
  assert.equal(sent.fault, 'CLOSED');
  assert.deepEqual(statuses.at(-1), { state: 'closed' });
  await clock.advance(60_000);
  assert.equal(service.attempts.length, 1);
});

test('[SDK-18] rooms: joined from now, resumed from their cursors, joined again where the service lost them, left', async (t) => {
  const { clock, service, client, frames, errors } = setUp(t);
  await clock.advance(20_000);
  service.deliver('r/lobby', 'before');
  await clock.advance(10);
  const joining = client.join('lobby');
  await clock.advance(10);
  const room = await joining;
  assert.equal(room.channel, 'r/lobby');
  const inRoom: string[] = [];
  room.on('frame', ({ kind }) => inRoom.push(kind));
  const position = service.deliver('r/lobby', 'one');
  await clock.advance(10);
  service.flow.drop();
  await clock.advance(5_000);
  assert.deepEqual(
    service.flow.hello?.cursors?.map(({ channel, position }) => [channel, position]),
    [
      ['u/ann', 0],
      ['r/lobby', position],
    ],
  );
  assert.equal(service.flow.heardOf('join').length, 0);
  service.flow.say({
    ...(service.stored('r/lobby').at(-1)!.message as { type: string }),
    position: position + 5,
    kind: 'two',
  });
  const sent = outcome(room.send({ kind: 'chat', body: 'hi' }));
  await clock.advance(10);
  assert.notEqual(sent.value, undefined);
  assert.deepEqual(inRoom, ['one', 'two']);
  const left = outcome(room.leave());
  service.deliver('r/lobby', 'after');
  await clock.advance(10);
  assert.deepEqual(left, { value: undefined });
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two'],
  );
  assert.deepEqual(errors, []);
});

test('[SDK-19] a room that the service does not let in any more is told as trouble', async (t) => {
  const { clock, service, client, errors } = setUp(t);
  await clock.advance(20_000);
  const joined = outcome(client.join('lobby'));
  await clock.advance(10);
  assert.equal(joined.value?.name, 'lobby');
  service.welcomes = service.answers = false;
  service.flow.drop();
  await clock.advance(5_000);
  const { hello } = service.flow;
  service.flow.hello = { ...hello!, cursors: [] };
  service.welcome(service.flow);
  await clock.advance(10);
  const [again] = service.flow.heardOf('join');
  assert.deepEqual(again?.cursor, { epoch: 'epoch-1', position: 0 });
  service.flow.say({ type: 'nack', id: again!.id, fault: 'FORBIDDEN' });
  await clock.advance(10);
  assert.deepEqual(
    errors.map(({ fault }) => fault),
    ['FORBIDDEN'],
  );
  service.deliver('r/lobby', 'not for us');
  await clock.advance(10);
});

test('[SDK-20] presence: whole lists across parts and flows, changes in between, and the own state set again', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  const member = (session: string, state?: unknown) => ({
    user: 'bob',
    device: session,
    session,
    ...(state === undefined ? {} : { state }),
  });
  const seen: [members: string[], present: string[], gone: string[]][] = [];
  const names = (list: readonly { session: string }[]) => list.map(({ session }) => session);
  const watching = client.presence.watch('u/bob', ({ members, present, gone }) =>
    seen.push([names(members), names(present), names(gone)]),
  );
  await clock.advance(10);
  const unwatch = await watching;
  const say = (more: object) =>
    service.flow.say({ type: 'presence', channel: 'u/bob', present: [], gone: [], ...more });
  say({ full: true, more: true, present: [member('a')] });
  say({ present: [member('b')] });
  say({ present: [member('c')], gone: [member('a')] });
  await clock.advance(10);
  outcome(client.presence.set({ mood: 'busy' }));
  await clock.advance(10);
  service.flow.bye('TOKEN_EXPIRED', 0);
  await clock.advance(5_000);
  assert.equal(service.flow.heardOf('presence.watch').length, 1);
  assert.deepEqual(
    service.flow.heardOf('presence.set').map(({ state }) => state),
    [{ mood: 'busy' }],
  );
  say({ full: true, present: [member('c', 'away'), member('b'), member('d')] });
  await clock.advance(10);
  unwatch();
  await clock.advance(10);
  assert.equal(service.flow.heardOf('presence.unwatch').length, 1);
  say({ present: [member('e')] });
  await clock.advance(10);
  assert.deepEqual(seen, [
    [['a', 'b'], ['a', 'b'], []],
    [['b', 'c'], ['c'], ['a']],
    [['c', 'b', 'd'], ['c', 'd'], []],
  ]);
});

test('[SDK-21] gaps and unreachable targets are told once', async (t) => {
  const { clock, service, client } = setUp(t);
  const told: unknown[] = [];
  client.on('gap', ({ channel, epoch }) => told.push([channel, epoch]));
  client.on('unreachable', ({ id }) => told.push(id));
  await clock.advance(20_000);
  const gap = { type: 'gap', channel: 'u/ann', epoch: 'epoch-2', from: 0, to: 40 };
  service.flow.say(gap);
  service.flow.say(gap);
  service.flow.say({ type: 'unreachable', id: 'm1' });
  await clock.advance(10);
  assert.deepEqual(told, [['u/ann', 'epoch-2'], 'm1']);
});

test('[SDK-22] volatile frames: taken from the newest flow alone; sent now or never', async (t) => {
  const { clock, service, client, frames } = setUp(t);
  const early = outcome(client.send({ user: 'bob', kind: 'typing', body: true, volatile: true }));
  await clock.advance(20_000);
  assert.equal(early.fault, 'NOT_SENT');
  const typing = {
    type: 'frame',
    channel: 'u/ann',
    id: 'v',
    from: { user: 'bob', device: 'd', session: 's' },
    kind: 'typing',
    body: 1,
    at: 0,
  };
  const [first] = service.flows;
  service.welcomes = false;
  client.networkChanged();
  await clock.advance(400);
  for (const flow of [first!, service.flow]) flow.say(typing);
  await clock.advance(10);
  assert.equal(frames.length, 1);
  const sent = outcome(client.send({ user: 'bob', kind: 'typing', body: true, volatile: true }));
  await clock.advance(10);
  assert(sent.value !== undefined && sent.value.position === undefined);
});

test('[SDK-23] the session survives a reload, from the storage it was given', async (t) => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const { clock, service } = setUp(t, { storage });
  await clock.advance(20_000);
  service.deliver('u/ann', 'one');
  await clock.advance(2_000);
  assert.equal(kept.size, 1);
  const again = connectOn(service.platform(), {
    url: 'http://gateway.test',
    getToken: () => 'never',
    storage,
    device: 'laptop',
  });
  assert.equal(kept.size, 0, 'it is taken out, so that nobody else takes it');
  await clock.advance(100);
  assert.equal(service.flow.hello?.resume, 's1');
  assert.equal(service.flow.hello?.cursors?.[0]?.position, 10);
  await clock.advance(2_000);
  outcome(again.close());
  await clock.advance(10);
  assert.equal(kept.size, 0, 'a session that ended is not kept');
});

test('[SDK-24] only a long poll where that is asked for', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true, url: 'https://gateway.test/' });
  await clock.advance(1_000);
  assert.equal(client.status.state, 'open');
  assert(service.attempts.every(({ url }) => url === 'https://gateway.test/v1/poll'));
  service.flow.drop();
  await clock.advance(5_000);
  assert.equal(service.flow.hello?.resume, 's1');
});

test('[SDK-25] in a call it comes back at once', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  client.inCall = true;
  service.flow.drop();
  const lostMs = clock.monotonicMs();
  await clock.advance(3_000);
  assert(service.attempts[1]!.atMs - lostMs < 10);
});

test('[SDK-26] what is too large or too deep is refused here, and harms nothing else', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  await assert.rejects(offer(client, 'x'.repeat(70_000)), { fault: 'TOO_LARGE' });
  let deep: unknown = 1;
  for (let i = 0; i < 70; i++) deep = [deep];
  await assert.rejects(client.send({ user: 'bob', kind: 'offer', body: deep as never }), {
    fault: 'TOO_DEEP',
  });
  const sent = outcome(offer(client, 'fine'));
  await clock.advance(10);
  assert.equal(sent.value?.position, 10);
  assert.equal(service.flow.heardOf('send').length, 1);
});

test('[SDK-27] a poll that goes on at another gateway is one flow to the app; what was unanswered is repeated', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  service.deliver('u/ann', 'one');
  await clock.advance(10);
  service.answers = false;
  const sent = ['a', 'b'].map((text) => outcome(offer(client, text)));
  await clock.advance(10);
  service.movesPolls = true;
  service.answers = true;
  sent.push(outcome(client.send({ user: 'eve', kind: 'offer', body: 'c' })));
  service.deliver('u/ann', 'two');
  await clock.advance(3_000);
  assert(
    service.flows.length > 1 && service.flows.length < 9,
    `${service.flows.length} flows in three seconds`,
  );
  assert.equal(service.flows[0]?.open, false);
  assert.deepEqual(
    sent.map(({ value }) => value?.position),
    [10, 20, 10],
  );
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['a', 'b']);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two'],
  );
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open'],
  );
});

test('[SDK-28] a target that is not there is told after the promise of the send, also in one answer with it', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  service.answers = false;
  const order: unknown[] = [];
  client.on('unreachable', ({ id }) => order.push(id));
  const sending = (async () => order.push((await offer(client, 'a', { tellIfUnreachable: true })).id))();
  await clock.advance(10);
  const { id } = service.flow.heardOf('send')[0]!;
  service.flow.say({ type: 'ack', id, position: 10 });
  service.flow.say({ type: 'unreachable', id });
  await clock.advance(10);
  await sending;
  assert.deepEqual(order, [id, id]);
});

test('[SDK-29] a second flow that fails leaves the first alone', async (t) => {
  const { clock, service, client, errors, statuses } = setUp(t);
  await clock.advance(20_000);
  service.listening = false;
  client.networkChanged();
  await clock.advance(1_000);
  service.listening = true;
  client.networkChanged();
  service.welcomes = false;
  await clock.advance(400);
  service.flow.bye('RESUME_EXPIRED', 0);
  await clock.advance(1_000);
  client.networkChanged();
  await clock.advance(1_000);
  assert.equal(service.attempts.length, 3, 'without a resume token there is no second flow');
  const sent = outcome(offer(client, 'a'));
  await clock.advance(10);
  assert.equal(sent.value?.position, 10);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open'],
  );
});
