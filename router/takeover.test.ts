import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attach, createStage, type Stage } from './stage.ts';

const partitions = 8;

function ownersOf(stage: Stage): (string | undefined)[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const lease = stage.lease(partition);
    return lease?.released ? undefined : lease?.router;
  });
}

async function untilOwned(
  stage: Stage,
  holds: (owners: (string | undefined)[]) => boolean,
  msMax: number,
): Promise<number> {
  for (let ms = 0; ms <= msMax; ms += 50) {
    if (holds(ownersOf(stage))) return ms;
    await stage.clock.advance(50);
  }
  assert.fail(`owners after ${msMax} ms: ${ownersOf(stage)}`);
}

describe('taking over', () => {
  test('a router that joins is handed its share; terms grow, and the other keeps the rest', async () => {
    const stage = createStage();
    const first = await stage.router();
    const before = Array.from({ length: partitions }, (_, partition) => stage.lease(partition)!.term);
    const second = await stage.router();
    await stage.clock.advance(3_000);
    const owners = ownersOf(stage);
    assert.deepEqual(new Set(owners), new Set([first.id, second.id]));
    owners.forEach((owner, partition) => {
      const { term } = stage.lease(partition)!;
      if (owner === second.id) assert(term > before[partition]!);
      else assert.equal(term, before[partition]);
    });
  });

  test('a killed router is replaced within five seconds, and what it had acknowledged is forwarded', async () => {
    const stage = createStage();
    const doomed = await stage.mortalRouter();
    const heir = await stage.router();
    await stage.clock.advance(3_000);
    const gateway = stage.gateway('gw1');
    const channels = Array.from({ length: 32 }, (_, i) => `u/user${i}`);
    await gateway.announce(channels.map((channel) => attach(channel, { mode: 'replace' })));
    assert(ownersOf(stage).includes(doomed.id));

    doomed.kill();
    for (const channel of channels) await stage.append(channel, 'meanwhile');
    await untilOwned(stage, (owners) => owners.every((owner) => owner === heir.id), 4_500);
    await gateway.announceAnew();
    for (const channel of channels) await stage.append(channel, 'after');
    await stage.clock.advance(10);

    const answers = await gateway.announceAnew();
    for (const [i, channel] of channels.entries()) {
      const ids = gateway.frames(channel).map(({ id }) => id);
      assert(ids.includes('after'), `${channel}: ${ids}`);
      // What was not delivered is named, so that the gateway reads it.
      assert((answers[i]?.last ?? 0) > 0);
    }
    assert(gateway.sections().every(({ term, partition }) => term <= stage.lease(partition)!.term));
  });

  test('a router that stops hands over at once', async () => {
    const stage = createStage();
    const leaving = await stage.router();
    const heir = await stage.router();
    await stage.clock.advance(3_000);
    const stopped = leaving.stop();
    const ms = await untilOwned(stage, (owners) => owners.every((owner) => owner === heir.id), 1_500);
    await stage.clock.advance(1_100);
    await stopped;
    assert(ms <= 600, `${ms} ms`);
  });

  test('requests to the owner before are answered stale', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    const terms = Array.from({ length: partitions }, (_, partition) => stage.lease(partition)!.term);
    const second = await stage.router();
    await stage.clock.advance(3_000);
    const moved = ownersOf(stage).indexOf(second.id);
    const answers = await gateway.request([
      { partition: moved, term: terms[moved]!, begin: true, complete: true, ops: [] },
      { partition: moved, term: stage.lease(moved)!.term, begin: true, complete: true, ops: [] },
    ]);
    assert.deepEqual(
      answers.map((answer) => answer !== undefined && 'stale' in answer),
      [true, false],
    );
  });

  test('the next owner starts half a minute before the position of the lease, and knows the last positions since', async () => {
    const stage = createStage();
    const first = await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([]);
    const old = await stage.append('u/bob', 'old');
    await stage.clock.advance(40_000);
    const recent = await stage.append('u/bob', 'recent');
    await stage.clock.advance(5_000);
    const partition = gateway.partition('u/bob');
    assert.equal(stage.lease(partition)?.position, recent);
    assert.equal(stage.lease(partition)?.positionBefore, old);
    const heir = await stage.router();
    await stage.stop(first);
    await untilOwned(stage, (owners) => owners.every((owner) => owner === heir.id), 1_500);
    const [answer] = await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    assert.equal(answer?.last, recent);
  });

  test('orders given after a takeover lie above those given before, also when the wall clock went back', async () => {
    const stage = createStage();
    const first = await stage.router();
    const gateway = stage.gateway('gw1');
    const [before] = await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    await stage.clock.advance(1_500);
    stage.clock.skewWall(-3_600_000);
    const heir = await stage.router();
    await stage.stop(first);
    await untilOwned(stage, (owners) => owners.every((owner) => owner === heir.id), 5_000);
    const [after] = await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    assert(after!.order! > before!.order!, `${after!.order} after ${before!.order}`);
  });

  test('the log beginning another life is a new term, with its epoch', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    const term = gateway.term('u/bob');
    await stage.append('u/bob', '1');
    stage.bus.startLogAnew();
    await stage.clock.advance(2_000);
    assert(gateway.term('u/bob') > term);
    await gateway.announceAnew();
    await stage.append('u/bob', '2');
    await stage.clock.advance(5);
    const answer = await gateway.send('u/bob', []);
    assert.equal(answer?.epoch, stage.bus.log.epoch(0));
    assert.deepEqual(
      gateway.frames('u/bob').map(({ id }) => id),
      ['1', '2'],
    );
  });

  test('[P7] the bus away: nothing is delivered past the lease, and all of it comes back by itself', async () => {
    const stage = createStage();
    const router = await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    const term = gateway.term('u/bob');
    stage.bus.setConnected(false);
    await stage.clock.advance(30_000);
    assert.equal(router.notReady(), 'the bus is away');
    assert.equal(await stage.metric('router_partitions_owned'), 0);
    stage.bus.setConnected(true);
    await stage.clock.advance(2_500);
    assert.equal(router.notReady(), undefined);
    assert.equal(gateway.term('u/bob'), term, 'nobody else had it meanwhile');
    assert.equal(await stage.metric('router_partitions_owned'), partitions);
    await gateway.announceAnew();
    await stage.append('u/bob', 'back');
    await stage.clock.advance(5);
    assert.deepEqual(
      gateway.frames().map(({ id }) => id),
      ['back'],
    );
  });
});

describe('unreachable', () => {
  const tell = { header: { tell: 'gw1' } };
  const told = [{ kind: 'unreachable', session: 'sender-session', id: 'x' }];

  test('a frame that finds nobody is told to the gateway it names; one that finds somebody is not', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/ann', { mode: 'replace' })]);
    await stage.clock.advance(4_000);
    await stage.append('u/bob', 'x', tell);
    await stage.append('u/ann', 'y', tell);
    await stage.append('u/bob', 'not asked');
    stage.publishVolatile('u/bob', 'v', tell);
    await stage.clock.advance(5);
    assert.deepEqual(gateway.control(), [...told, { ...told[0], id: 'v' }]);
  });

  test('the sender itself, watchers, other devices and lost sessions are nobody', async () => {
    const stage = createStage();
    await stage.router();
    const gateway = stage.gateway('gw1');
    const lost = attach('u/bob', { mode: 'replace' });
    await gateway.announce([
      lost,
      attach('u/bob', { session: 'sender-session', mode: 'replace' }),
      attach('u/bob', { watch: true }),
      attach('u/bob', { device: 'tablet', mode: 'replace' }),
    ]);
    await gateway.send('u/bob', [
      { op: 'detach', channel: 'u/bob', flow: lost.flow, session: lost.session, left: false },
    ]);
    await stage.clock.advance(4_000);
    await stage.append('u/bob', 'x', { header: { tell: 'gw1', toDevice: 'phone' } });
    await stage.append('u/bob', 'tablet', { header: { tell: 'gw1', toDevice: 'tablet' } });
    await stage.clock.advance(5);
    assert.deepEqual(gateway.control(), told);
  });

  test('nobody is called unreachable within three seconds of a takeover', async () => {
    const stage = createStage();
    const doomed = await stage.mortalRouter();
    const gateway = stage.gateway('gw1');
    await gateway.announce([attach('u/bob', { mode: 'replace' })]);
    await stage.clock.advance(4_000);
    doomed.kill();
    await stage.append('u/bob', 'bob', tell);
    await stage.append('u/nobody', 'x', tell);
    const heir = await stage.router();
    await untilOwned(stage, (owners) => owners.every((owner) => owner === heir.id), 4_500);
    await gateway.announceAnew();
    await stage.clock.advance(2_000);
    assert.deepEqual(gateway.control(), []);
    await stage.clock.advance(2_000);
    assert.deepEqual(gateway.control(), told);
  });

  test('nor before every live gateway has announced everything', async () => {
    const stage = createStage();
    await stage.router();
    const [one, two] = [stage.gateway('gw1'), stage.gateway('gw2')];
    await one.announce([]);
    await stage.clock.advance(4_000);
    await stage.append('u/nobody', 'x', tell);
    await stage.append('u/bob', 'y', tell);
    await stage.clock.advance(5_000);
    assert.deepEqual(one.control(), [], 'the second gateway beats, and has not announced');
    await two.announce([attach('u/bob', { mode: 'replace' })]);
    await stage.clock.advance(300);
    assert.deepEqual(one.control(), told);
  });

  test('past the bound frames are let go without a verdict, and counted', async () => {
    const stage = createStage({}, { ROUTER_UNREACHABLE_HELD_MAX: 2 });
    await stage.router();
    const gateway = stage.gateway('gw1');
    for (const id of ['1', '2', '3']) await stage.append('u/nobody', id, tell);
    await gateway.announce([]);
    await stage.clock.advance(4_000);
    assert.equal(gateway.control().length, 2);
    assert.equal(await stage.metric('router_unreachable_total', { verdict: 'let-go' }), 1);
  });
});
