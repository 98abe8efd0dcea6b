import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NODE_VERSION } from '#wire/limits.ts';
import { type Attached, type BeatAnswer, decodeNodeMessage, encodeNodeMessage } from '#wire/nodes.ts';
import { routerSubject } from '#wire/subjects.ts';
import { attach, createStage, type Stage } from './stage.ts';

describe('attach, forward, number', () => {
  test('a frame reaches the gateway of its channel, under its registration, with the next number', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    const [bob] = await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    assert.equal(typeof bob?.order, 'number');
    for (const id of ['1', '2', '3']) {
      await stage.append('u/bob', id);
      await stage.clock.advance(5);
    }
    assert.deepEqual(
      gateway.frames('u/bob').map(({ id }) => id),
      ['1', '2', '3'],
    );
    const sections = gateway.sections();
    assert.deepEqual(
      sections.map(({ number }) => number),
      [1, 2, 3],
    );
    assert.deepEqual(new Set(sections.map(({ term }) => term)), new Set([gateway.term('u/bob')]));
  });

  test('frames of one turn travel in one message, a section for each partition', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    const channels = Array.from({ length: 20 }, (_, i) => `u/user${i}`);
    await gateway.announce(channels.map((channel) => attach(channel, { mode: 'replace' })));
    const before = gateway.messages.length;
    for (const channel of channels) stage.appendLater(channel, 'x');
    await stage.clock.advance(5);
    assert.equal(gateway.messages.length, before + 1);
    assert.equal(gateway.frames().length, 20);
    gateway.assertNumbersWithoutHole();
  });

  test('nothing goes to gateways that hold nobody of the channel, and nothing before an attach', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    await stage.append('u/bob', 'early');
    await one.announce([attach('u/bob', { mode: 'replace' })]);
    await two.announce([attach('u/ann', { mode: 'replace' })]);
    await stage.append('u/bob', 'b');
    await stage.append('u/ann', 'a');
    await stage.clock.advance(5);
    assert.deepEqual(
      one.frames().map(({ id }) => id),
      ['b'],
    );
    assert.deepEqual(
      two.frames().map(({ id }) => id),
      ['a'],
    );
  });

  test('an attach is told the last position of its channel, head and floor', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([]);
    const position = await stage.append('u/bob', '1');
    await stage.clock.advance(5);
    const answers = await gateway.send('u/bob', [
      attach('u/bob', { mode: 'replace' }),
      attach('r/none-of-it', {}),
    ]);
    assert(answers !== undefined);
    assert.equal(answers.attached[0]?.last, position);
    assert.equal(answers.attached[1]?.last, undefined);
    assert(answers.head >= position);
    assert.equal(answers.floor, 0);
    assert.equal(answers.epoch, stage.bus.log.epoch(0));
  });

  test('a volatile frame goes the same way with position 0', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('r/den', {})]);
    stage.publishVolatile('r/den', 'v1');
    await stage.clock.advance(5);
    assert.deepEqual(
      gateway.frames().map(({ id, position }) => ({ id, position })),
      [{ id: 'v1', position: 0 }],
    );
  });

  test('deliveries are split at half of the largest payload, and numbers stay without a hole', async () => {
    const stage = createStage({ payloadBytesMax: 8_192 });
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    for (let i = 0; i < 30; i++) stage.appendLater('u/bob', `${i}`, { body: 'x'.repeat(1_000) });
    await stage.clock.advance(5);
    assert.equal(gateway.frames().length, 30);
    for (const message of gateway.messages) assert(message.length <= 4_096 + 512, `${message.length} bytes`);
    gateway.assertNumbersWithoutHole();
  });

  test('a frame that leaves no room for a delivery header uses up its number, so that the gateway reads it', async () => {
    const stage = createStage({ payloadBytesMax: 4_096 });
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    const header = stage.envelope('u/bob', 'big', { body: '' }).length;
    await stage.append('u/bob', 'big', { body: 'x'.repeat(4_096 - header) });
    await stage.clock.advance(5);
    assert.deepEqual(gateway.frames(), []);
    assert.equal((await gateway.beat()).get(gateway.partition('u/bob'))?.[3], 1);
  });
});

describe('what is refused', () => {
  const cases: readonly [reason: string, id: string, append: (stage: Stage) => Promise<unknown>][] = [
    ['version', 'higher v', (stage) => stage.append('u/bob', 'x', { header: { v: NODE_VERSION + 1 } })],
    ['malformed', 'no header', (stage) => stage.appendBytes('u/bob', Buffer.from('no json at all'))],
    ['malformed', 'empty', (stage) => stage.appendBytes('u/bob', Buffer.alloc(0))],
    ['malformed', 'null header', (stage) => stage.appendBytes('u/bob', Buffer.from('null\nbody'))],
    ['malformed', 'another channel', (stage) => stage.appendBytes('u/bob', stage.envelope('u/eve', 'x', {}))],
    [
      'late',
      'given up',
      (stage) => stage.append('u/bob', 'x', { header: { notAfter: stage.clock.nowMs() - 1 } }),
    ],
  ];
  for (const [reason, title, append] of cases) {
    test(`${reason}: ${title} is counted, and the frames after it go on`, async () => {
      const stage = createStage();
      await stage.router();
      const gateway = stage.gateway('gw1');
      await gateway.announce([attach('u/bob', { mode: 'replace' })]);
      await append(stage);
      await stage.append('u/bob', 'after');
      await stage.clock.advance(5);
      assert.deepEqual(
        gateway.frames().map(({ id }) => id),
        ['after'],
      );
      assert.equal(await stage.metric('router_frames_refused_total', { reason }), 1);
    });
  }

  test('expired: a frame whose time ran out while nobody followed goes on, so that it can be said to be missing', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    stage.bus.setConnected(false);
    await stage.clock.advance(10);
    stage.bus.setConnected(true);
    await stage.clock.advance(4_000);
    await gateway.announceAnew();
    stage.appendLater('u/bob', 'short', { header: { ttlMs: 0 } });
    stage.appendLater('u/bob', 'long');
    await stage.clock.advance(5);
    assert.deepEqual(
      gateway.frames().map(({ id }) => id),
      ['short', 'long'],
    );
    assert.equal(await stage.metric('router_frames_refused_total', { reason: 'expired' }), 1);
  });

  test('a malformed request of a gateway gets no answer and ends nothing', async () => {
    const stage = createStage();
    const router = await stage.router();
    for (const text of [
      '',
      '[]',
      '{"v":1,"gateway":"gw1","partitions":[{"partition":0,"ops":[null]}]}',
      '{"v":1,"partitions":3}',
    ]) {
      const asked = stage.bus.post.request(routerSubject(router.id, 'attach'), Buffer.from(text), 50).then(
        (data) => decodeNodeMessage(data),
        () => undefined,
      );
      await stage.clock.advance(100);
      await asked;
    }
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    await stage.append('u/bob', '1');
    await stage.clock.advance(5);
    assert.equal(gateway.frames().length, 1);
  });
});

describe('registrations', () => {
  test('another term, an unknown partition or registration is answered stale', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    const partition = gateway.partition('u/bob');
    const term = gateway.term('u/bob');
    const [otherTerm, otherRegistration, nothing] = await gateway.request([
      { partition, term: term - 1, begin: true, ops: [] },
      { partition, term, registration: 999, ops: [] },
      { partition: 4_000, term, begin: true, ops: [] },
    ]);
    for (const answer of [otherTerm, otherRegistration, nothing])
      assert.equal(answer && 'stale' in answer, true);
  });

  test('a new registration numbers from 1 and holds what was announced for it, nothing else', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' }), attach('u/ann', { mode: 'replace' })]);
    await stage.append('u/bob', '1');
    await stage.clock.advance(5);
    gateway.holding = gateway.holding.filter(({ channel }) => channel === 'u/bob');
    await gateway.announceAnew();
    gateway.messages.length = 0;
    await stage.append('u/bob', '2');
    await stage.append('u/ann', '3');
    await stage.clock.advance(5);
    assert.deepEqual(
      gateway.frames().map(({ id }) => id),
      ['2'],
    );
    assert.equal(gateway.sections()[0]?.number, 1);
  });

  test('a beat is answered with term, registration and the last number of every partition', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    const stranger = stage.gateway('gw2');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    const partition = gateway.partition('u/bob');
    await stage.append('u/bob', '1');
    await stage.append('u/bob', '2');
    const beat = await gateway.beat();
    assert.equal(beat.size, stage.bus.log.partitions);
    assert.deepEqual(beat.get(partition)?.slice(1), [
      gateway.term('u/bob'),
      gateway.registration('u/bob'),
      2,
    ]);
    assert.deepEqual((await stranger.beat()).get(partition)?.slice(2), [0, 0]);
  });

  test('a gateway silent for three seconds has lost its registrations', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    gateway.silent = true;
    await stage.clock.advance(3_500);
    assert.deepEqual((await gateway.beat()).get(gateway.partition('u/bob'))?.slice(2), [0, 0]);
    assert.equal(await stage.metric('router_gateways_lost_total'), 1);
  });

  test('numbers advance when the bus does not take a delivery, and the beat shows it', async () => {
    const stage = createStage();
    const router = await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    stage.dropDeliveries = true;
    await stage.append('u/bob', 'lost');
    await stage.clock.advance(5);
    stage.dropDeliveries = false;
    await stage.append('u/bob', 'next');
    await stage.clock.advance(5);
    assert.deepEqual(
      gateway.sections().map(({ number }) => number),
      [2],
    );
    const request = encodeNodeMessage({ v: NODE_VERSION, gateway: 'gw1', reads: 1 });
    const asked = stage.bus.post.request(routerSubject(router.id, 'beat'), request, 1_000);
    await stage.clock.advance(5);
    const answer = decodeNodeMessage<BeatAnswer>(await asked);
    const said = answer?.partitions.find(([partition]) => partition === gateway.partition('u/bob'));
    assert.equal(said?.[3], 2);
  });
});

describe('sessions of a user', () => {
  test('past the limit a new session is refused, an announced one and a known one are not', async () => {
    const stage = createStage({}, { ROUTER_SESSIONS_PER_USER_MAX: 2 });
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([]);
    const answers: Attached[] = [];
    for (const session of ['s1', 's2', 's3', 's1']) {
      const answer = await gateway.send('u/bob', [attach('u/bob', { session, mode: 'add' })]);
      answers.push(answer!.attached[0]!);
    }
    assert.deepEqual(
      answers.map(({ fault }) => fault),
      [undefined, undefined, 'TOO_MANY_SESSIONS', undefined],
    );
    const announced = await gateway.send('u/bob', [
      attach('u/bob', { session: 's4', mode: 'add', order: 7 }),
    ]);
    assert.equal(announced?.attached[0]?.fault, undefined);
    assert.equal(await stage.metric('router_faults_total', { fault: 'TOO_MANY_SESSIONS' }), 1);
  });

  for (const mode of ['replace', 'add'] as const) {
    test(`${mode}: the older flow is told, also on another gateway, and the younger one keeps its frames`, async () => {
      const stage = createStage();
      await stage.router();
      const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
      const older = attach('u/bob', { session: 's', mode: 'replace' });
      const [first] = await one.announce([older]);
      await two.announce([]);
      const answer = await two.send('u/bob', [attach('u/bob', { session: 's', mode })]);
      const second = answer?.attached[0];
      assert(first?.order !== undefined && second?.order !== undefined && second.order > first.order);
      await stage.clock.advance(5);
      assert.deepEqual(one.control(), [{ kind: 'superseded', session: 's', flow: older.flow, mode }]);
      assert.deepEqual(two.control(), []);
      await stage.append('u/bob', 'both');
      await stage.clock.advance(5);
      assert.equal(one.frames().length, 1);
      assert.equal(two.frames().length, 1);
      await one.send('u/bob', [
        { op: 'detach', channel: 'u/bob', flow: older.flow, session: 's', left: false },
      ]);
      await stage.append('u/bob', 'one');
      await stage.clock.advance(5);
      assert.equal(one.frames().length, 1);
      assert.deepEqual(
        two.frames().map(({ id }) => id),
        ['both', 'one'],
      );
    });
  }

  test('announced below a younger flow of its session, a flow is answered superseded', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    await two.announce([attach('u/bob', { session: 's', mode: 'replace', order: 20 })]);
    const [late] = await one.announce([attach('u/bob', { session: 's', mode: 'replace', order: 10 })]);
    assert.deepEqual(late, { order: 10, superseded: 'replace' });
  });
});
