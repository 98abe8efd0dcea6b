import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createStage } from '#router/stage.ts';
import { startGatewayOnStage } from '#test/contracts/gateway-on-stage.ts';
import { type DoorNews, encodeAdmission, type LoadReport, readLoadReport } from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';

/** Above the term of every router on stage. */
const TERM = Number.MAX_SAFE_INTEGER;

async function toldGateway(env: Readonly<Record<string, string>> = {}) {
  const stage = createStage({ partitions: 1 });
  await stage.router();
  const reports: LoadReport[] = [];
  stage.bus.post.subscribe(LOADS_SUBJECT, (data) => {
    const report = readLoadReport(data);
    assert(typeof report === 'object', String(report));
    reports.push(report);
  });
  const gateway = await startGatewayOnStage(stage, env);
  let window = 0;
  return {
    ...gateway,
    stage,
    async tell(news: Partial<DoorNews>): Promise<void> {
      const whole = { v: NODE_VERSION, router: 'r', term: TERM, window: ++window, ...news };
      stage.bus.post.publish(doorSubject(reports.at(-1)!.gateway), encodeAdmission(whole));
      await stage.clock.advance(10);
    },
    async report(): Promise<LoadReport> {
      await stage.clock.advance(260);
      return reports.at(-1)!;
    },
    async open(user: string) {
      const flow = gateway.connect();
      flow.say({ type: 'hello', device: 'phone', token: gateway.token(user) });
      await stage.clock.advance(20);
      return flow;
    },
  };
}

const nobody = { gateways: 1, all: { credits: 0, perSecond: 0 } };

describe('a gateway and the routers that decide', () => {
  test('[ADMIT-30] it reports what it holds and what it acts on, four times a second', async () => {
    const { stage, report, tell, open } = await toldGateway({ GATEWAY_URL: 'wss://g1.test' });
    await open('ann');
    await tell({ credits: nobody, spread: { gatewayMs: 700, fleetMs: 9_000 } });
    await open('bob');
    const said = await report();
    assert.equal(said.connections, 1);
    assert.deepEqual(said.waiting, { call: 0, stock: 0, resume: 0, fresh: 1, pretender: 0 });
    assert.deepEqual(
      [said.url, said.term, said.credits, said.waitingFresh],
      ['wss://g1.test', TERM, { all: 0 }, 1],
    );
    assert.deepEqual(said.spread, { gatewayMs: 700, fleetMs: 9_000 });
    assert.equal(said.believed, true, 'two set-ups measure nothing');
    await stage.clock.advance(3_100);
    assert.equal(
      (await report()).connections,
      2,
      'after 3 s of silence it hears the router again that has no ceiling',
    );
  });

  test('[ADMIT-31] a new spread is told to who is in, and to who comes', async () => {
    const { stage, tell, open } = await toldGateway();
    const ann = await open('ann');
    const spread = { gatewayMs: 700, fleetMs: 9_000 };
    await tell({ spread });
    await stage.clock.advance(100);
    assert.deepEqual(ann.of('spread'), [{ type: 'spread', ...spread }]);
    const bob = await open('bob');
    assert.deepEqual(bob.of('welcome')[0]?.spread, spread);
  });

  test('[ADMIT-32] who is sent on is told where and when, and is gone; those before wait on', async () => {
    const { tell, open, report } = await toldGateway();
    await tell({ credits: nobody });
    const flows = [await open('ann'), await open('bob'), await open('eve')];
    await tell({ credits: nobody, moves: [{ url: 'wss://g2.test', clients: 1 }] });
    const [retry] = flows[2]!.of('retry');
    assert.equal(retry?.url, 'wss://g2.test');
    assert(retry.afterMs >= 0 && retry.afterMs < 250);
    assert.deepEqual(
      flows.map(({ closedFor }) => closedFor),
      [undefined, undefined, 'SENT_ON'],
    );
    assert.equal((await report()).waiting.fresh, 2);
  });

  test('[ADMIT-33] an operator’s limit of a user answers when to come again; tried out, it only counts', async () => {
    const { tell, open, report } = await toldGateway();
    await tell({ limits: { revision: 5, perUser: { value: 2 } } });
    const flows = [await open('ann'), await open('ann'), await open('ann')];
    const [retry] = flows[2]!.of('retry');
    assert(retry !== undefined && retry.afterMs > 20_000 && retry.afterMs <= 30_000, `${retry?.afterMs}`);
    assert.equal(flows[2]!.closedFor, 'TOO_MANY_SET_UPS');
    assert.equal((await open('bob')).of('welcome').length, 1);
    await tell({ limits: { revision: 6, perUser: { value: 2, dryRun: true } } });
    assert.equal((await open('ann')).of('welcome').length, 1);
    const { limits, limited, wouldLimit } = await report();
    assert.deepEqual([limits, limited?.perUser, wouldLimit?.perUser], [6, 1, 1]);
  });

  test('[ADMIT-35] who says nothing is not sent away while others wait, and is when they are in', async () => {
    const { connect, stage, tell, open } = await toldGateway();
    await tell({ credits: nobody });
    const silent = connect();
    const ann = await open('ann');
    for (let ms = 0; ms < 20_000; ms += 2_000) {
      await stage.clock.advance(2_000);
      await tell({ credits: nobody });
    }
    assert.deepEqual([ann.of('welcome').length, silent.closedFor], [0, undefined]);
    await tell({ credits: { gateways: 1, all: { credits: 10, perSecond: 10 } } });
    await stage.clock.advance(2_600);
    assert.deepEqual([ann.of('welcome').length, silent.closedFor], [1, 'NO_HELLO']);
  });

  test('[ADMIT-34] sessions that are shed are idle ones, and are told how to come back', async () => {
    const { stage, tell, open } = await toldGateway();
    const flows = [await open('ann'), await open('bob'), await open('eve')];
    await stage.clock.advance(3_500);
    await tell({ shed: 2 });
    assert.deepEqual(
      flows.map(({ closedFor }) => closedFor),
      ['GOING_AWAY', 'GOING_AWAY', undefined],
    );
  });
});
