import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import type { PresenceChange } from './api.ts';
import { outcome, stageClient } from './staged-client.ts';

async function up(t: TestContext) {
  const clock = createVirtualClock();
  const staged = stageClient(clock, createSeededRandom(1).draw, {}, () => {});
  t.after(() => void staged.client.close());
  await clock.advance(20_000);
  const { client, service } = staged;
  const seen: string[] = [];
  const watch = (name: string, signal?: AbortSignal) => {
    const heard = ({ members }: PresenceChange) =>
      seen.push([`${name}:`, ...members.map(({ session }) => session)].join(' '));
    return outcome(client.presence.watch('r/team', heard, signal && { signal }));
  };
  const list = { type: 'presence', channel: 'r/team', full: true, gone: [] };
  const bob = { user: 'bob', device: 'phone', session: 'b' };
  const answer = async (fault?: string) => {
    for (const { id } of service.flow.heardOf('presence.watch'))
      service.flow.say(fault === undefined ? { type: 'ack', id } : { type: 'nack', id, fault });
    if (fault === undefined) service.flow.say({ ...list, present: [bob] });
    await clock.advance(10);
  };
  service.answers = false;
  return { clock, ...staged, seen, watch, answer };
}

test('[SDK-47] a second watch of a channel waits for the answer and the list, as the first does', async (t) => {
  const { clock, service, seen, watch, answer } = await up(t);
  const watching = [watch('one'), watch('two')];
  await clock.advance(10);
  assert.deepEqual(watching, [{}, {}]);
  assert.deepEqual(seen, []);
  await answer();
  watching.push(watch('three'));
  await clock.advance(10);
  assert(watching.every(({ value }) => value !== undefined));
  assert.deepEqual(seen, ['one: b', 'two: b', 'three: b']);
  assert.equal(service.flow.heardOf('presence.watch').length, 1);
});

test('[SDK-48] a watch that is refused is refused to all who wait for it', async (t) => {
  const { clock, watch, answer } = await up(t);
  const watching = [watch('one'), watch('two')];
  await clock.advance(10);
  await answer('FORBIDDEN');
  assert.deepEqual(
    watching.map(({ fault }) => fault),
    ['FORBIDDEN', 'FORBIDDEN'],
  );
});

test('[SDK-49] a watch that is aborted ends for itself alone, and with the last the service is told', async (t) => {
  const { clock, service, seen, watch, answer } = await up(t);
  const [first, second] = [new AbortController(), new AbortController()];
  const watching = [watch('one', first.signal), watch('two', second.signal)];
  await clock.advance(10);
  first.abort();
  await clock.advance(10);
  assert.equal(watching[0]?.fault, 'ABORTED');
  assert.deepEqual(service.flow.heardOf('presence.unwatch'), []);
  second.abort();
  await clock.advance(10);
  assert.equal(watching[1]?.fault, 'ABORTED');
  assert.equal(service.flow.heardOf('presence.unwatch').length, 1);
  await answer();
  assert.deepEqual(seen, []);
});

test('[SDK-63] a handler given twice is told twice, and goes on once for the other when one is ended', async (t) => {
  const { clock, service, client, answer } = await up(t);
  const seen: string[] = [];
  const heard = ({ channel }: { channel: string }) => seen.push(channel);
  const offs = [client.on('frame', heard), client.on('frame', heard)];
  const watching = [1, 2].map(() => outcome(client.presence.watch('r/team', heard)));
  await clock.advance(10);
  await answer();
  assert.deepEqual(seen, ['r/team', 'r/team']);
  offs[0]?.();
  watching[0]?.value?.();
  watching[0]?.value?.();
  await clock.advance(10);
  assert.deepEqual(service.flow.heardOf('presence.unwatch'), []);
  service.flow.say({ type: 'presence', channel: 'r/team', present: [], gone: [] });
  service.deliver('u/ann', 'one');
  await clock.advance(10);
  assert.deepEqual(seen.slice(2), ['r/team', 'u/ann']);
});

test('[SDK-70] a watch that ends while the client renews it on a new flow is no error to the app', async (t) => {
  const { clock, service, errors, watch, answer } = await up(t);
  const watching = watch('one');
  await clock.advance(10);
  await answer();
  service.answers = true;
  service.flow.drop();
  service.answers = false;
  await clock.advance(5_000);
  assert.equal(service.flow.heardOf('presence.watch').length, 1);
  watching.value?.();
  await clock.advance(10);
  assert.equal(service.flow.heardOf('presence.unwatch').length, 1);
  // A service that has not answered the watch yet refuses it first.
  await answer('NOT_JOINED');
  assert.deepEqual(errors, []);
});
