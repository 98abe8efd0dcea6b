import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { ConnectOptions } from './api.ts';
import type { FakeService } from './fake-service.ts';
import { bodiesOf, offer, outcome, rejoining, stageClient } from './staged-client.ts';

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

test('[SDK-54] where WebSockets open and carry nothing it polls too', async (t) => {
  const { clock, service, statuses } = setUp(t, {}, (service) => {
    service.webSocketsCarry = false;
  });
  await clock.advance(150_000);
  assert.deepEqual(statuses.at(-1), { state: 'open', transport: 'poll', resumed: false });
  service.webSocketsCarry = true;
  await clock.advance(1_200_000);
  assert.deepEqual(statuses.at(-1), { state: 'open', transport: 'websocket', resumed: true });
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

test('[POLL-1] two requests that took the place of one another: it begins again, and nothing is lost or doubled', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  service.answers = false;
  const sent = ['a', 'b'].map((text) => outcome(offer(client, text)));
  await clock.advance(1);
  service.intercept = () => Response.json({ fault: 'REPLACED' }, { status: 409 });
  await clock.advance(3);
  service.intercept = undefined;
  service.answers = true;
  service.deliver('u/ann', 'one');
  await clock.advance(100);
  assert.equal(service.flow.hello?.resume, 's1');
  assert.deepEqual(
    sent.map(({ value }) => value?.position),
    [10, 20],
  );
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['a', 'b']);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one'],
  );
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open'],
  );
});

test('[POLL-2] a flow replaced while one request waits for news was replaced by another one: it counts as lost', async (t) => {
  const { clock, service, errors, statuses } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  service.flow.bye('REPLACED', 0);
  await clock.advance(10_000);
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open', 'away', 'connecting', 'open'],
  );
  assert.deepEqual(errors, []);
});

test('[POLL-8] a flow replaced when it has just opened was crossed by the last request of the one before', async (t) => {
  const { clock, service, client, errors } = setUp(t, { onlyLongPoll: true });
  await clock.advance(1_000);
  service.flow.bye('REPLACED', 0);
  await clock.advance(10_000);
  assert.equal(client.status.state, 'open');
  assert.deepEqual(errors, []);
});

test('[POLL-3] where beginning again does not help, the flow counts as lost and is resumed in its time', async (t) => {
  const { clock, service, client, statuses } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  const attempts = service.attempts.length;
  service.intercept = () => Response.json({ fault: 'REPLACED' }, { status: 409 });
  const sent = outcome(offer(client, 'a'));
  await clock.advance(300);
  assert(service.attempts.length - attempts < 10, 'not in a tight loop');
  service.intercept = undefined;
  await clock.advance(20_000);
  assert.equal(sent.value?.position, 10);
  assert.deepEqual(statuses.slice(-1), [{ state: 'open', transport: 'poll', resumed: true }]);
});

test('[POLL-4] an answer that comes twice is taken once', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  const unreachable: string[] = [];
  client.on('unreachable', ({ id }) => unreachable.push(id));
  service.flow.say({ type: 'unreachable', id: 'm1' });
  const flows = service.flows.length;
  const sent = outcome(offer(client, 'a'));
  await clock.advance(100);
  assert.deepEqual(unreachable, ['m1']);
  assert.equal(sent.value?.position, 10);
  assert.equal(service.flows.length, flows, 'a send that crosses an answer costs no resume');
});

test('[POLL-5] a service that takes nobody says when to come again, and is believed', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true }, (service) => {
    service.intercept = () =>
      Response.json({ fault: 'BUSY' }, { status: 503, headers: { 'retry-after': '60' } });
  });
  await clock.advance(100);
  assert(client.status.state === 'away' && client.status.inMs >= 59_000 && client.status.inMs <= 75_000);
  assert.equal(service.attempts.length, 1);
  service.intercept = undefined;
  await clock.advance(76_000);
  assert.equal(client.status.state, 'open');
});

test('[POLL-12] whom a full service does not let stand in its queue hears where it stood', async (t) => {
  const heard: unknown[] = [];
  const { clock, service, client } = setUp(t, { onlyLongPoll: true }, (service) => {
    const body = { fault: 'BUSY', retryAfterMs: 60_000, etaMs: 60_000, ahead: 4_711 };
    service.intercept = () => Response.json(body, { status: 503, headers: { 'retry-after': '60' } });
  });
  client.on('wait', (queue) => heard.push(queue));
  await clock.advance(100);
  const { status } = client;
  assert(status.state === 'away' && status.inMs >= 59_000);
  assert.deepEqual(status.queue, { etaMs: 60_000, ahead: 4_711 });
  assert.deepEqual(heard, [status.queue]);
  service.intercept = undefined;
  await clock.advance(76_000);
  assert.equal(client.status.state, 'open');
});

test('[POLL-6] what a proxy says in place of the service is an outage', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true }, (service) => {
    service.intercept = () => new Response('<h1>Bad gateway</h1>', { status: 502 });
  });
  await clock.advance(30_000);
  assert(service.attempts.length > 2);
  service.intercept = undefined;
  await clock.advance(30_000);
  assert.equal(client.status.state, 'open');
});

test('[POLL-7] a request holds only so much; the rest follows in order', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  const texts = Array.from({ length: 8 }, (_, i) => `${i}${'x'.repeat(20_000)}`);
  const sent = texts.map((text) => outcome(offer(client, text)));
  await clock.advance(1_000);
  assert(sent.every(({ value }) => value !== undefined));
  assert.deepEqual(bodiesOf(service.stored('u/bob')), texts);
  assert(service.requestCharsMax < 90_000, `${service.requestCharsMax} characters in one request`);
});

test('[POLL-16] what is more than one request holds keeps its order, also where a later request arrives first', async (t) => {
  for (const byConnection of [false, true]) {
    const { clock, service, client } = setUp(t, { onlyLongPoll: true }, (service) => {
      service.pollsByConnection = byConnection;
    });
    await clock.advance(20_000);
    service.answers = false;
    const texts = Array.from({ length: 8 }, (_, i) => `${i}${'x'.repeat(20_000)}`);
    const sent = texts.map((text) => outcome(offer(client, text)));
    await clock.advance(100);
    service.answers = true;
    let late = 0;
    service.pollMs = (body) => (body.includes('"1xxx') && late++ === 0 ? 300 : 2);
    service.flow.drop();
    for (let i = 0; i < 200; i++) {
      outcome(client.send({ user: 'eve', kind: 'candidate', body: i }));
      await clock.advance(25);
    }
    assert(sent.every(({ value }) => value !== undefined));
    assert.deepEqual(
      bodiesOf(service.stored('u/bob')).map((text) => String(text)[0]),
      texts.map(([first]) => first),
    );
    assert(service.requestCharsMax < 90_000, `${service.requestCharsMax} characters in one request`);
  }
});

test('[POLL-13] where each connection leads to another gateway, what is sent moves the flow, and it does not begin again', async (t) => {
  const { clock, service, client, frames, statuses } = setUp(t, { onlyLongPoll: true }, (service) => {
    service.pollsByConnection = true;
  });
  await clock.advance(20_000);
  const texts = Array.from({ length: 40 }, (_, i) => String(i));
  const sent = [];
  for (const text of texts) {
    sent.push(outcome(offer(client, text)));
    if (Number(text) % 10 === 0) service.deliver('u/ann', text);
    await clock.advance(60);
  }
  await clock.advance(1_000);
  assert(sent.every(({ value }) => value !== undefined));
  assert.deepEqual(bodiesOf(service.stored('u/bob')), texts);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['0', '10', '20', '30'],
  );
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connecting', 'open'],
  );
  assert(service.flows.length <= 90, `${service.flows.length} flows for 40 sends`);
});

test('[POLL-14] an answer that went to the gateway it came from is not waited for: what it answered is asked again', async (t) => {
  const { clock, service, client } = setUp(t, { onlyLongPoll: true });
  await clock.advance(20_000);
  service.answers = false;
  const sent = outcome(offer(client, 'a'));
  await clock.advance(100);
  service.answers = true;
  service.movesPolls = true;
  service.deliver('u/ann', 'one');
  await clock.advance(100);
  assert.equal(sent.value?.position, 10);
  assert.deepEqual(bodiesOf(service.stored('u/bob')), ['a']);
  const flows = service.flows.length;
  await clock.advance(5_000);
  assert.equal(service.flows.length, flows, 'nothing is asked any more');
});

test('[POLL-17] frames that come in one answer with the ack of a join again are taken', async (t) => {
  const staged = setUp(t, { onlyLongPoll: true });
  const { clock, service, frames } = staged;
  await clock.advance(20_000);
  const { flow, again } = await rejoining(staged, 'team');
  flow.say({ type: 'ack', id: again.id });
  service.deliver('r/team', 'one');
  service.deliver('r/team', 'two');
  await clock.advance(100);
  assert.deepEqual(
    frames.map(({ kind }) => kind),
    ['one', 'two'],
  );
});

test('[POLL-19] a join again that begins in the answer to another one keeps the room back until it is answered itself', async (t) => {
  const staged = setUp(t, { onlyLongPoll: true });
  const { clock, service, frames } = staged;
  await clock.advance(20_000);
  const { flow, again } = await rejoining(staged, 'team');
  flow.say({ type: 'ack', id: again.id });
  service.welcome(flow);
  await clock.advance(100);
  service.deliver('r/team', 'too early');
  await clock.advance(100);
  assert.equal(flow.heardOf('join').length, 3);
  assert.deepEqual(frames, []);
});
