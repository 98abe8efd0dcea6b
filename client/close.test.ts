import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { offer, outcome, stageClient } from './staged-client.ts';

test('[SDK-59] closed in whatever state, it leaves no timer and no listener, and every promise is settled', async () => {
  for (const onlyLongPoll of [false, true]) {
    for (const state of ['token', 'connecting', 'open', 'sending', 'away', 'moving']) {
      const clock = createVirtualClock();
      const stop = new AbortController();
      const never = new Promise<string>(() => {});
      const options = {
        onlyLongPoll,
        signal: stop.signal,
        getToken: () => (state === 'token' ? never : 'token'),
      };
      const { service, client } = stageClient(clock, createSeededRandom(1).draw, options, (service) => {
        service.listening = state !== 'connecting';
      });
      await clock.advance(state === 'connecting' ? 3 : 20_000);
      service.answers = state === 'open';
      const { signal } = stop;
      const asked = [
        ...[offer(client, 'a', { signal }), offer(client, 'b'), client.presence.set(1, { signal })],
        ...[client.join('team', { signal }), client.presence.watch('u/bob', () => {}, { signal })],
        ...[client.iceServers({ signal }), client.leave('hall', { signal }), client.ready],
      ].map((promise) => outcome<unknown>(promise));
      await clock.advance(20);
      if (state === 'away') service.listening = false;
      if (state === 'away') service.flow.drop();
      if (state === 'moving') client.networkChanged();
      await clock.advance(310);
      const closed = outcome(client.close());
      await clock.advance(10);
      const where = `${onlyLongPoll ? 'poll' : 'websocket'}, ${state}`;
      assert.equal(service.timers.size, 0, where);
      assert('value' in closed, where);
      assert(
        asked.every((one) => 'value' in one || one.fault === 'CLOSED'),
        where,
      );
      assert.equal(getEventListeners(signal, 'abort').length, 0, where);
      const attempts = service.attempts.length;
      await clock.advance(600_000);
      assert.equal(service.attempts.length, attempts, where);
    }
  }
});

test('[SDK-60] over long poll the service hears that the client closes, also where more waits than one request holds', async () => {
  const clock = createVirtualClock();
  const { service, client } = stageClient(
    clock,
    createSeededRandom(1).draw,
    { onlyLongPoll: true },
    () => {},
  );
  await clock.advance(20_000);
  service.answers = false;
  for (let i = 0; i < 16; i++) {
    outcome(client.send({ user: `user-${i}`, kind: 'offer', body: 'x'.repeat(20_000) }));
    if (i === 0) await clock.advance(10);
  }
  outcome(client.close());
  await clock.advance(100);
  assert.equal(service.flow.heardOf('bye').length, 1);
});

test('[SDK-61] whoever is told of the status hears it in order, also where a handler closes the client', async () => {
  const clock = createVirtualClock();
  const { client } = stageClient(clock, createSeededRandom(1).draw, {}, () => {});
  const seen: string[] = [];
  client.on('status', ({ state }) => state === 'open' && void client.close());
  client.on('status', ({ state }) => seen.push(state));
  await clock.advance(20_000);
  assert.deepEqual(seen, ['connecting', 'open', 'closed']);
});

test('[SDK-62] a full outbox does not cost a room, a watch or the presence state', async (t) => {
  const clock = createVirtualClock();
  const { service, client, errors } = stageClient(clock, createSeededRandom(1).draw, {}, () => {});
  t.after(() => void client.close());
  await clock.advance(20_000);
  const asked = [client.join('team'), client.presence.watch('r/team', () => {}), client.presence.set('busy')];
  for (const promise of asked) outcome<unknown>(promise);
  await clock.advance(1_000);
  service.answers = false;
  const fault = async () => outcome(offer(client, 'x'));
  for (let i = 0; i < 1_000; i++) void fault();
  const own = { channel: 'u/ann', epoch: 'epoch-1', position: 0 };
  service.spoil = { cursors: [own], resumed: false };
  service.flow.drop();
  await clock.advance(4_000);
  service.answers = true;
  for (const { id } of service.flow.heardOf('send')) service.flow.say({ type: 'ack', id });
  await clock.advance(20_000);
  assert.equal(service.flow.heardOf('join').length, 1);
  assert.equal(service.flow.heardOf('presence.watch').length, 1);
  assert.equal(service.flow.heardOf('presence.set').length, 1);
  assert.deepEqual(errors, []);
});
