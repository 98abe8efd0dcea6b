import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { ConnectOptions } from './api.ts';
import { FakeService } from './fake-service.ts';
import { connectOn } from './snowshed.ts';
import { offer, outcome, stageClient } from './staged-client.ts';

function setUp(
  t: TestContext,
  options: Partial<ConnectOptions> = {},
  prepare: (service: FakeService) => void = () => {},
) {
  const clock = createVirtualClock();
  const staged = stageClient(clock, createSeededRandom(1).draw, options, prepare);
  t.after(() => void staged.client.close());
  return { clock, ...staged };
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

test('[SDK-76] a flow that answers nothing is given up while what was sent over it may still be repeated elsewhere', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(100);
  service.flow.open = false;
  const sent = outcome(offer(client, 'a'));
  await clock.advance(20_000);
  assert.equal(sent.value?.position, 10);
  assert.equal(service.flows.length, 2);
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

test('[SDK-64] a renewal that another flow overtook is no error: it is renewed again', async (t) => {
  const { clock, service, client, errors } = setUp(t, {}, (service) => {
    service.expiresInMs = 600_000;
  });
  await clock.advance(470_000);
  service.answers = false;
  await clock.advance(11_000);
  assert.equal(service.flow.heardOf('refresh').length, 1);
  const left = clock.nowMs() + 110_000;
  service.spoil = { expiresAt: left };
  client.networkChanged();
  await clock.advance(1_000);
  assert.equal(service.flows.length, 2);
  assert.deepEqual(errors, []);
  await clock.advance(100_000);
  assert(service.flow.heardOf('refresh').length > 0);
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

test('[SDK-25] in a call it comes back at once', async (t) => {
  const { clock, service, client } = setUp(t);
  await clock.advance(20_000);
  client.inCall = true;
  service.flow.drop();
  const lostMs = clock.monotonicMs();
  await clock.advance(3_000);
  assert(service.attempts[1]!.atMs - lostMs < 10);
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

test('[SDK-39] a timer that is early by the clock of its own platform keeps nobody away', async (t) => {
  const { clock, service, client } = setUp(t, {}, (service) => {
    service.timersEarlyMs = 2;
  });
  await clock.advance(20_000);
  for (let loss = 0; loss < 5; loss++) {
    service.flow.drop();
    await clock.advance(60_000);
    assert.equal(client.status.state, 'open');
  }
});

test('[SDK-52] an app that closes it while it is told of the status ends it there', async (t) => {
  for (const state of ['connecting', 'open', 'away']) {
    const asked: AbortSignal[] = [];
    const { clock, service, client, statuses, errors } = setUp(t, {
      getToken: (signal) => {
        asked.push(signal);
        return 'token';
      },
    });
    client.on('status', (status) => status.state === state && void client.close());
    await clock.advance(20_000);
    if (state === 'away') service.flow.drop();
    await clock.advance(20_000);
    assert.equal(client.status.state, 'closed');
    assert.equal(asked.length, state === 'connecting' ? 0 : 1, 'no token is asked for any more');
    assert(service.flows.every(({ open }) => !open));
    assert.equal(service.attempts.length, state === 'connecting' ? 0 : 1);
    assert.equal(statuses.filter(({ state }) => state === 'closed').length, 1);
    assert.deepEqual(errors, []);
  }
});

test('[SDK-53] handlers that throw stop neither the client nor one another', async (t) => {
  const { clock, service, client } = setUp(t);
  const thrown: unknown[] = [];
  const seen: string[] = [];
  const soon = t.mock.method(globalThis, 'queueMicrotask', (act: () => void) => {
    Promise.resolve()
      .then(act)
      .catch((error) => thrown.push(error.message));
  });
  for (const event of ['status', 'frame', 'gap', 'presence', 'unreachable', 'wait'] as const) {
    client.on(event, () => {
      throw new Error(event);
    });
    client.on(event, () => seen.push(event));
  }
  await clock.advance(20_000);
  outcome(
    client.presence.watch('u/bob', () => {
      throw new Error('watch');
    }),
  );
  await clock.advance(10);
  service.flow.say({ type: 'gap', channel: 'u/ann', epoch: 'epoch-1', from: 0, to: 5 });
  service.flow.say({ type: 'presence', channel: 'u/bob', full: true, present: [], gone: [] });
  service.flow.say({ type: 'unreachable', id: 'm1' });
  service.flow.say({ type: 'wait', etaMs: 1, ahead: 1 });
  service.deliver('u/ann', 'one');
  await clock.advance(10);
  const all = ['frame', 'gap', 'presence', 'status', 'unreachable', 'wait'];
  assert.deepEqual([...new Set(seen)].sort(), all);
  assert.deepEqual([...new Set(thrown)].sort(), [...all, 'watch'].sort());
  assert.equal(client.status.state, 'open');
  outcome(client.close());
  await clock.advance(10);
  soon.mock.restore();
});
