import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { ConnectOptions } from './api.ts';
import type { FakeService } from './fake-service.ts';
import { STAYED_UP_MS } from './reconnect.ts';
import { stageClient } from './staged-client.ts';

/** A client that is up for long enough that the next loss is a new one. */
async function up(t: TestContext, options: Partial<ConnectOptions> = {}, draw = createSeededRandom(1).draw) {
  const clock = createVirtualClock();
  const staged = stageClient(clock, draw, options, () => {});
  t.after(() => void staged.client.close());
  await clock.advance(STAYED_UP_MS + 1_000);
  return { clock, ...staged };
}

function hosts(service: FakeService): string[] {
  return service.attempts.map(({ url }) => new URL(url).host);
}

const wait = (ahead: number, etaMs: number) => ({ type: 'wait', ahead, etaMs });

test('[SDK-30] in the queue the status says how many stand before, and how long it will take', async (t) => {
  const { clock, service, statuses } = await up(t);
  service.welcomes = false;
  service.flow.drop();
  await clock.advance(2_000);
  statuses.length = 0;
  for (const ahead of [300, 100]) {
    service.flow.say(wait(ahead, ahead * 10));
    await clock.advance(1_000);
  }
  service.welcome(service.flow);
  await clock.advance(100);
  assert.deepEqual(statuses, [
    { state: 'connecting', queue: { ahead: 300, etaMs: 3_000 } },
    { state: 'connecting', queue: { ahead: 100, etaMs: 1_000 } },
    { state: 'open', transport: 'websocket', resumed: true },
  ]);
});

test('[SDK-31] sent on while it waits, it goes where it was sent, when it was told, and resumes there', async (t) => {
  const { clock, service, client } = await up(t);
  service.welcomes = false;
  service.flow.drop();
  await clock.advance(2_000);
  const { session } = client;
  const attempts = service.attempts.length;
  service.flow.say({ type: 'retry', afterMs: 180, url: 'wss://idle.test' });
  const toldMs = clock.monotonicMs();
  service.welcomes = true;
  await clock.advance(1_000);
  const [next, ...more] = service.attempts.slice(attempts);
  assert.equal(next?.url, 'wss://idle.test/v1/connect');
  assert(next.atMs - toldMs >= 180 && next.atMs - toldMs <= 183);
  assert.deepEqual(more, []);
  assert.equal(service.flow.hello?.resume, session);
  assert.equal(service.flow.hello?.sentOn, true);
  assert.equal(client.status.state, 'open');
});

test('[SDK-32] an address it was sent to is tried once; the loss then goes on as it was', async (t) => {
  const { clock, service } = await up(t, {}, () => 0.5);
  const lostMs = clock.monotonicMs();
  service.flow.drop();
  service.welcomes = false;
  await clock.advance(600);
  service.flow.say({ type: 'retry', afterMs: 50, url: 'wss://idle.test' });
  service.listening = false;
  await clock.advance(20_000);
  const after = service.attempts.slice(1);
  assert.deepEqual(hosts(service).slice(1, 4), ['gateway.test', 'idle.test', 'gateway.test']);
  // u = 0.5 of W = 1, 2, 7 s: the rank is the one drawn at the loss.
  const atMs = after.filter(({ url }) => !url.includes('idle')).map((one) => one.atMs - lostMs);
  for (const [i, expected] of [500, 1_000, 3_500].entries()) assert(Math.abs(atMs[i]! - expected) < 10);
});

test('[SDK-33] what is no address is only a time to come back', async (t) => {
  const { clock, service } = await up(t);
  service.welcomes = false;
  service.flow.drop();
  await clock.advance(2_000);
  service.flow.say({ type: 'retry', afterMs: 5_000, url: 'javascript:alert(1)' });
  await clock.advance(4_900);
  assert.equal(service.attempts.length, 2);
  await clock.advance(20_000);
  assert.deepEqual(new Set(hosts(service)), new Set(['gateway.test']));
});

test('[SDK-34] windows and gateways told later are those of the next loss', async (t) => {
  const { clock, service } = await up(t, {}, () => 0.5);
  const gateways = [{ url: 'https://b.test', weight: 1 }];
  service.flow.say({ type: 'spread', gatewayMs: 8_000, fleetMs: 90_000, gateways });
  await clock.advance(10);
  service.listening = false;
  service.flow.drop();
  const lostMs = clock.monotonicMs();
  await clock.advance(60_000);
  const after = service.attempts.slice(1);
  assert.equal(Math.round((after[0]!.atMs - lostMs) / 100), 40);
  assert.deepEqual(hosts(service).slice(1, 4), ['b.test', 'b.test', 'gateway.test']);
});

test('[SDK-35] in a call it goes to the address for those, when its token says that it is in one', async (t) => {
  const { clock, service, client } = await up(t);
  const priorityUrl = 'https://calls.test';
  service.welcomes = false;
  const welcomed = async (more: object) => {
    service.flow.drop();
    await clock.advance(3_000);
    const said = { spread: { gatewayMs: 100, fleetMs: 1_000 }, pingMs: 20_000, cursors: [] };
    const who = { session: 's1', user: 'ann', device: 'laptop', resumed: true, resume: 's1' };
    const limits = { messageBytes: 1, ttlMs: 1, repeatMs: 1, framesPerSecond: 1, framesBurst: 1 };
    const times = { expiresAt: clock.nowMs() + 3_600_000, limits: { ...limits, pending: 1, rooms: 1 } };
    service.flow.say({ type: 'welcome', ...who, ...said, ...times, priorityUrl, ...more });
    await clock.advance(STAYED_UP_MS + 1_000);
  };
  const lostAt = async () => {
    const before = service.attempts.length;
    service.flow.drop();
    await clock.advance(3_000);
    return hosts(service)[before];
  };
  await welcomed({});
  assert.equal(await lostAt(), 'gateway.test');
  await welcomed({ inCall: false });
  client.inCall = true;
  assert.equal(await lostAt(), 'gateway.test', 'the app says so, the token does not');
  await welcomed({ inCall: false });
  service.flow.say({ type: 'resume', resume: 's2', expiresAt: clock.nowMs() + 3_600_000, inCall: true });
  await clock.advance(10);
  assert.equal(await lostAt(), 'calls.test');
  await welcomed({ inCall: true, inCallMs: STAYED_UP_MS + 1_500 });
  assert.equal(await lostAt(), 'calls.test');
  await welcomed({ inCall: true, inCallMs: STAYED_UP_MS });
  assert.equal(await lostAt(), 'gateway.test', 'the token does not say so any more');
  await welcomed({});
  assert.equal(await lostAt(), 'calls.test', 'a gateway that does not say leaves it to the app');
});

test('[SDK-36] a token that was not used up serves the attempts after it', async (t) => {
  const clock = createVirtualClock();
  const { service, client } = stageClient(
    clock,
    () => 0.5,
    {},
    (service) => {
      service.listening = false;
    },
  );
  t.after(() => void client.close());
  await clock.advance(40_000);
  assert(service.attempts.length >= 5);
  service.listening = true;
  await clock.advance(15_000);
  assert.equal(service.flow.hello?.token, 'token-1');
});

test('[SDK-38] a token kept for a minute is asked for anew', async (t) => {
  const clock = createVirtualClock();
  const { service, client } = stageClient(
    clock,
    () => 0.5,
    {},
    (service) => {
      service.listening = false;
    },
  );
  t.after(() => void client.close());
  await clock.advance(61_000);
  service.listening = true;
  await clock.advance(30_000);
  assert.equal(service.flow.hello?.token, 'token-2');
});

test('[SDK-37] a kept token that is not taken any more is replaced at once', async (t) => {
  const clock = createVirtualClock();
  const { service, client } = stageClient(
    clock,
    () => 0.5,
    {},
    (service) => {
      service.welcomes = false;
    },
  );
  t.after(() => void client.close());
  await clock.advance(100);
  service.flow.say({ type: 'retry', afterMs: 200, url: 'https://idle.test' });
  await clock.advance(300);
  assert.equal(service.flow.hello?.token, 'token-1');
  service.welcomes = true;
  service.flow.bye('TOKEN_EXPIRED', 0);
  await clock.advance(50);
  assert.equal(service.flow.hello?.token, 'token-2');
  assert.equal(client.status.state, 'open');
});

test('[SDK-50] while it is away it asks for no token to refresh one with', async (t) => {
  let asked = 0;
  const { clock, service } = await up(t, { getToken: () => `token-${++asked}` });
  service.listening = false;
  service.flow.drop();
  await clock.advance(3_600_000);
  assert.equal(asked, 1);
  service.listening = true;
  await clock.advance(120_000);
  assert.equal(service.flow.hello?.resume, 's1');
  assert.equal(asked, 1);
});

test('[SDK-51] a token that came for a flow that was lost meanwhile serves the next that needs one', async (t) => {
  let bring = (_token: string) => {};
  let asked = 0;
  const getToken = () =>
    ++asked === 2 ? new Promise<string>((resolve) => (bring = resolve)) : `token-${asked}`;
  const { clock, service, client } = await up(t, { getToken });
  await clock.advance(0.8 * service.expiresInMs);
  assert.equal(asked, 2);
  service.welcomes = false;
  service.flow.drop();
  await clock.advance(10);
  bring('token-2');
  await clock.advance(2_000);
  service.welcomes = true;
  service.flow.bye('RESUME_EXPIRED', 0);
  await clock.advance(100);
  assert.equal(service.flow.hello?.token, 'token-2');
  assert.equal(client.status.state, 'open');
  assert.equal(asked, 2);
});

test('[SDK-55] a time that is none is passed over, and the client comes back', async (t) => {
  for (const ms of ['soon', -5_000, Number.POSITIVE_INFINITY, null, {}]) {
    for (const type of ['retry', 'bye', 'spread', 'resume']) {
      const asked: string[] = [];
      const getToken = () => `token-${asked.push('')}`;
      const { clock, service, client } = await up(t, { getToken });
      service.flow.say({
        type,
        fault: 'DRAINING',
        afterMs: ms,
        spreadMs: ms,
        gatewayMs: ms,
        fleetMs: ms,
        expiresAt: ms,
      });
      await clock.advance(10);
      service.flow.drop();
      service.listening = false;
      await clock.advance(30_000);
      service.listening = true;
      const attempts = service.attempts.length;
      assert(attempts > 2 && attempts < 40, `${type} ${ms}: ${attempts} attempts in half a minute`);
      await clock.advance(30_000);
      assert.equal(client.status.state, 'open', `${type} ${ms}`);
      assert(asked.length < 8, `${type} ${ms}: ${asked.length} tokens in a minute`);
    }
  }
});

test('[SDK-56] a welcome that is none is an attempt that failed', async (t) => {
  const bad = [
    { pingMs: null },
    { cursors: undefined },
    { cursors: [null] },
    { spread: {} },
    { limits: { pending: 'x' } },
  ];
  for (const fields of [
    ...bad,
    { user: 7 },
    { expiresAt: 'never' },
    { limits: undefined },
    { spread: undefined },
  ]) {
    const clock = createVirtualClock();
    const { service, client, errors } = stageClient(clock, createSeededRandom(1).draw, {}, (service) => {
      service.spoil = fields;
    });
    t.after(() => void client.close());
    await clock.advance(10_000);
    assert.notEqual(client.status.state, 'open');
    const attempts = service.attempts.length;
    assert(attempts > 2 && attempts < 20, `${JSON.stringify(fields)}: ${attempts} attempts`);
    service.spoil = {};
    await clock.advance(60_000);
    assert.equal(client.status.state, 'open');
    assert.deepEqual(errors, []);
  }
});

test('[SDK-57] a refusal that names no time to wait for is repeated after a second, not at once', async (t) => {
  for (const retryAfterMs of ['soon', -5_000, null]) {
    const { clock, service, client } = await up(t);
    service.answers = false;
    const sent = client.send({ user: 'bob', kind: 'offer', body: 1 }).catch(() => undefined);
    for (let i = 0; i < 1_000; i++) {
      await clock.advance(5);
      const { id } = service.flow.heardOf('send').at(-1)!;
      service.flow.say({ type: 'nack', id, fault: 'RATE_LIMITED', retryAfterMs });
    }
    const sends = service.flow.heardOf('send').length;
    assert(sends >= 4 && sends <= 6, `${sends} in five seconds`);
    void sent;
  }
});
