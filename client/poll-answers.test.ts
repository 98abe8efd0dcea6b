import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import type { Platform } from './platform.ts';
import { openPollFlow } from './poll-flow.ts';

test('[POLL-15] whatever is answered, the flow goes on or ends, and what is no message is passed over', async () => {
  const odd = ['null', '"text"', '[]', '{"flow":"f","messages":null}', '{"flow":"f","messages":{"a":1}}'];
  for (const text of [...odd, '{"flow":"f","turn":1,"messages":[null,7,{"type":"pong"}]}']) {
    const clock = createVirtualClock();
    const answers = [Promise.resolve(new Response(text))];
    const never = new Promise<Response>(() => undefined);
    const fetched = () => answers.shift() ?? never;
    const platform = { after: clock.after, nowMs: clock.monotonicMs, fetch: fetched } as unknown as Platform;
    const [received, ends]: [unknown[], unknown[]] = [[], []];
    const bearings = () => ({ resume: undefined, cursors: [], unanswered: undefined });
    const flow = openPollFlow('https://gateway.test', platform, bearings, {
      ...{ opened: () => undefined, heard: () => undefined },
      received: (message) => void received.push(message),
      closed: (end) => void ends.push(end),
    });
    flow.send(() => '{"type":"hello"}');
    await clock.advance(1_000);
    const isOurs = text.includes('pong');
    assert.deepEqual(received, isOurs ? [{ type: 'pong' }] : []);
    assert.equal(ends.length, isOurs ? 0 : 1, text);
  }
});

test('[POLL-21] what waits while two requests hang is written when it goes, with the age that it has by then', async () => {
  const clock = createVirtualClock();
  const bodies: string[] = [];
  const answers: ((answer: Response) => void)[] = [];
  const fetched = (_: string, { body }: { readonly body: string }) => {
    bodies.push(body);
    return new Promise<Response>((resolve) => answers.push(resolve));
  };
  const answer = (turn: number) =>
    answers[turn - 1]?.(new Response(`{"flow":"f","turn":${turn},"messages":[]}`));
  const platform = { after: clock.after, nowMs: clock.monotonicMs, fetch: fetched } as unknown as Platform;
  const bearings = () => ({ resume: undefined, cursors: [], unanswered: undefined });
  const events = { opened: () => undefined, heard: () => undefined, received: () => undefined };
  const closed = () => assert.fail('the flow goes on');
  const flow = openPollFlow('https://gateway.test', platform, bearings, { ...events, closed });
  const beganMs = clock.monotonicMs();
  const age = (nowMs: number) => `{"ageMs":${nowMs - beganMs}}`;
  flow.send(age);
  await clock.advance(10);
  answer(1);
  await clock.advance(10);
  flow.send(age);
  await clock.advance(10);
  flow.send(age);
  await clock.advance(9_000);
  assert.equal(bodies.length, 3, 'one waits for news, one for its answer');
  answer(2);
  answer(3);
  await clock.advance(10);
  const went = bodies.map((body) => JSON.parse(body).messages);
  assert.deepEqual(went, [[{ ageMs: 0 }], [], [{ ageMs: 20 }], [{ ageMs: 9_030 }]]);
});

test('[POLL-18] an answer does not wait for that of an elder request which led to another gateway: the flow begins again', async () => {
  const clock = createVirtualClock();
  const asked: { readonly messages: readonly { readonly type: string }[] }[] = [];
  const fetched = (_: string, { body }: { readonly body: string }) => {
    asked.push(JSON.parse(body));
    const said = asked.length === 1 ? 'welcome' : 'ack';
    const answer = JSON.stringify({ flow: 'f', turn: asked.length, messages: [{ type: said, id: 'm1' }] });
    // The second waits for news, and so do those at the end.
    return asked.length === 2 || asked.length > 4
      ? new Promise(() => undefined)
      : Promise.resolve(new Response(answer));
  };
  const platform = { after: clock.after, nowMs: clock.monotonicMs, fetch: fetched } as unknown as Platform;
  const received: unknown[] = [];
  const flow = openPollFlow(
    'https://gateway.test',
    platform,
    () => ({ resume: 'r', cursors: [], unanswered: undefined }),
    {
      opened: () => flow.send(() => '{"type":"hello"}'),
      heard: () => undefined,
      received: (message) => void received.push((message as { type: string }).type),
      closed: () => assert.fail('the flow goes on'),
    },
  );
  await clock.advance(100);
  flow.send(() => '{"type":"send","id":"m1"}');
  await clock.advance(1_000);
  assert.equal(asked.length, 3);
  assert.deepEqual(received, ['welcome']);
  await clock.advance(2_000);
  assert.deepEqual(
    asked.slice(3, 4).map(({ messages }) => messages.map(({ type }) => type)),
    [['hello']],
  );
});
