import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStage } from '#router/stage.ts';
import { resumptionOf, startGatewayOnStage } from '#test/contracts/gateway-on-stage.ts';

test('[DOOR-40] a crowd that resumes asks nobody but the router: one request for all that come in a turn, and no read where nothing was missed', async () => {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const { asked, connect, token } = await startGatewayOnStage(stage);
  const flows = Array.from({ length: 50 }, (_, i) => {
    const flow = connect();
    flow.say({ type: 'hello', device: 'phone', token: token(`user-${i}`) });
    return flow;
  });
  await stage.clock.advance(100);
  const resumptions = flows.map(resumptionOf);
  for (const flow of flows) flow.cut();
  await stage.clock.advance(100);

  asked.checked.clear();
  asked.requests.clear();
  asked.reads = 0;
  const again = resumptions.map(() => connect());
  await stage.clock.advance(50);
  for (const [i, flow] of again.entries()) flow.say({ type: 'hello', ...resumptions[i] });
  await stage.clock.advance(50);
  for (const flow of again) assert.equal(flow.of('welcome')[0]?.resumed, true);
  assert.deepEqual([...asked.checked], [['resume', 50]], 'no signature of a token was checked');
  assert.deepEqual([...asked.requests], [['attach', 1]]);
  assert.equal(asked.reads, 0);
});

test('[DOOR-41] who missed frames reads the log once for each of its channels, and no more', async () => {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const { asked, connect, token } = await startGatewayOnStage(stage);
  const flow = connect();
  flow.say({ type: 'hello', device: 'phone', token: token('ann') });
  await stage.clock.advance(100);
  const resumption = resumptionOf(flow);
  flow.cut();
  for (let i = 0; i < 5; i++) await stage.append('u/ann', `f${i}`);
  asked.reads = 0;
  const again = connect();
  again.say({ type: 'hello', ...resumption });
  await stage.clock.advance(100);
  assert.equal(again.of('frame').length, 5);
  assert.equal(asked.reads, 1);
});
