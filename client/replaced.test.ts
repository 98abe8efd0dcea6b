import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { stageClient } from './staged-client.ts';

function setUp(t: TestContext) {
  const clock = createVirtualClock();
  const staged = stageClient(clock, createSeededRandom(1).draw, {}, () => {});
  t.after(() => void staged.client.close());
  return { clock, ...staged };
}

test('[SDK-72] one that was replaced resumes; three times in a minute, and then another client has the session', async (t) => {
  const { clock, service, client, errors, statuses } = setUp(t);
  await clock.advance(20_000);
  for (let time = 0; time < 3; time++) {
    service.flow.bye('REPLACED', 0);
    await clock.advance(2_000);
    assert.deepEqual(statuses.at(-1), { state: 'open', transport: 'websocket', resumed: true });
  }
  await clock.advance(60_000);
  service.flow.bye('REPLACED', 0);
  await clock.advance(5_000);
  assert.equal(client.status.state, 'open');
  assert.deepEqual(errors, []);
  for (let time = 0; time < 3; time++) {
    service.flow.bye('REPLACED', 0);
    await clock.advance(2_000);
  }
  assert.equal(client.status.state, 'closed');
  assert.deepEqual(
    errors.map(({ fault }) => fault),
    ['REPLACED'],
  );
});

test('[SDK-73] a second flow that is replaced on its way does not end the first', async (t) => {
  const { clock, service, client, errors } = setUp(t);
  await clock.advance(20_000);
  const first = service.flow;
  service.welcomes = false;
  client.networkChanged();
  await clock.advance(1_000);
  assert.notEqual(service.flow, first);
  service.flow.bye('REPLACED', 0);
  await clock.advance(1_000);
  assert.equal(client.status.state, 'open');
  assert(first.open);
  assert.deepEqual(errors, []);
});
