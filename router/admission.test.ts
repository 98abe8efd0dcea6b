import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type DoorNews,
  encodeAdmission,
  LIMITS_KEY,
  type Limits,
  type LoadReport,
  readDoorNews,
} from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';
import { createStage, type Stage } from './stage.ts';

const REPORT_MS = 250;

function reportOf(gateway: string, more: Partial<LoadReport> = {}): LoadReport {
  return {
    v: NODE_VERSION,
    gateway,
    listening: { main: true, call: true },
    connections: 10_000,
    setUpsPerSecond: 1_000,
    busyShare: 0,
    ...{ workMs: 0, handshakes: 0, waitingFresh: 30, movable: 0, setUps: 0, limits: 0 },
    waiting: { call: 0, stock: 0, resume: 10, fresh: 30, pretender: 0 },
    ...more,
  };
}

/** A gateway that reports, and does as it is told, in as far as its reports show it. */
function reporter(stage: Stage, gateway: string) {
  const { post } = stage.bus;
  const heard: (DoorNews & { readonly atMs: number })[] = [];
  let more: Partial<LoadReport> = {};
  let reporting = true;
  post.subscribe(doorSubject(gateway), (data) => {
    const news = readDoorNews(data);
    assert(typeof news === 'object', 'news that cannot be read');
    heard.push({ ...news, atMs: stage.clock.monotonicMs() });
    if (news.limits !== undefined) more = { ...more, limits: news.limits.revision };
    if (news.spread !== undefined) {
      const { gatewayMs, fleetMs, gateways } = news.spread;
      more = { ...more, spread: { gatewayMs, fleetMs, ...(gateways && { gateways: gateways.length }) } };
    }
  });
  stage.clock.every(REPORT_MS, () => {
    if (reporting) post.publish(LOADS_SUBJECT, encodeAdmission(reportOf(gateway, more)));
  });
  return {
    heard,
    say(changes: Partial<LoadReport>) {
      more = { ...more, ...changes };
    },
    forgetSpread() {
      const { spread: _, ...rest } = more;
      more = rest;
    },
    fallSilent() {
      reporting = false;
    },
  };
}

type Reporter = ReturnType<typeof reporter>;

async function set(stage: Stage, limits: Limits, revision: number): Promise<number> {
  const value = encodeAdmission({ v: NODE_VERSION, limits });
  const taken = await stage.bus.settings.compareAndSet(LIMITS_KEY, value, revision);
  assert(taken.kind === 'taken');
  return taken.revision;
}

/** Credits dealt to all of them, by term and window. */
function dealtPerWindow(reporters: readonly Reporter[]): Map<string, number> {
  const dealt = new Map<string, number>();
  for (const { heard } of reporters) {
    for (const { term, window, credits } of heard) {
      const key = `${term}.${window}`;
      dealt.set(key, (dealt.get(key) ?? 0) + (credits?.fresh?.credits ?? 0));
    }
  }
  return dealt;
}

describe('deciding on admission', () => {
  test('[DECIDE-1] the router that holds partition 0 decides, every 250 ms, under its term', async () => {
    const stage = createStage();
    const gateways = ['a', 'b'].map((name) => reporter(stage, name));
    const first = await stage.router();
    await stage.router();
    await stage.clock.advance(3_000);
    const { router, term } = stage.lease(0)!;
    for (const { heard } of gateways) heard.length = 0;
    await stage.clock.advance(5_000);
    for (const { heard } of gateways) {
      assert.equal(heard.length, 20);
      assert(heard.every((news) => news.router === router && news.term === term));
      const windows = heard.map(({ window }) => window);
      assert.deepEqual(
        windows,
        Array.from({ length: 20 }, (_, i) => windows[0]! + i),
      );
    }
    assert.equal(typeof first.id, 'string');
  });

  test('[DECIDE-2] it tells windows once, and again to a gateway that did not hear them', async () => {
    const stage = createStage();
    const [a, b] = [reporter(stage, 'a'), reporter(stage, 'b')];
    await stage.router();
    await stage.clock.advance(20_000);
    for (const { heard } of [a, b]) assert.equal(heard.filter(({ spread }) => spread).length, 1);
    const { spread } = a.heard.find((news) => news.spread !== undefined)!;
    assert.deepEqual(spread, { gatewayMs: 7_000, fleetMs: 7_000 });
    a.forgetSpread();
    await stage.clock.advance(1_000);
    assert.equal(a.heard.filter((news) => news.spread).length, 2);
  });

  test('[DECIDE-3] weights and addresses are told where all have one, also for those in a call', async () => {
    const stage = createStage();
    const [a, b] = [reporter(stage, 'a'), reporter(stage, 'b')];
    a.say({ url: 'https://a.example', priorityUrl: 'https://a.example:7602' });
    b.say({ url: 'https://b.example', setUpsPerSecond: 3_000 });
    await stage.router();
    await stage.clock.advance(5_000);
    assert.deepEqual(b.heard.find(({ spread }) => spread)!.spread!.gateways, [
      { url: 'https://a.example', weight: 0.25, priorityUrl: 'https://a.example:7602' },
      { url: 'https://b.example', weight: 0.75 },
    ]);
  });

  test('[DECIDE-4] who has little to do takes waiting clients over from who has much', async () => {
    const stage = createStage();
    const [a, b] = [reporter(stage, 'a'), reporter(stage, 'b')];
    a.say({ url: 'https://a.example', workMs: 3_000, movable: 500 });
    b.say({ url: 'https://b.example' });
    await stage.router();
    await stage.clock.advance(4_000);
    assert.deepEqual(a.heard.at(-1)!.moves, [{ url: 'https://b.example', clients: 500 }]);
    assert.equal(b.heard.at(-1)!.moves, undefined);
  });
});

describe('ceilings', () => {
  const options = { ADMISSION_TOKEN_SERVICE_PER_SECOND: 400 };

  test('[DECIDE-5] no window deals more than the ceiling, and it is dealt to the last credit', async () => {
    const stage = createStage({}, options);
    const gateways = ['a', 'b', 'c'].map((name) => reporter(stage, name));
    gateways[0]!.say({ waitingFresh: 900 });
    await stage.router();
    await stage.clock.advance(10_000);
    const sums = [...dealtPerWindow(gateways).values()];
    assert(sums.every((sum) => sum === 0 || sum === 100));
    assert(sums.filter((sum) => sum === 100).length > 20);
    assert.equal(gateways[0]!.heard.at(-1)!.credits!.gateways, 3);
  });

  test('[DECIDE-6] a killed router is followed by one that deals on, with a higher term and at once', async () => {
    const stage = createStage({}, options);
    const gateways = ['a', 'b'].map((name) => reporter(stage, name));
    const routers = [await stage.mortalRouter(), await stage.mortalRouter()];
    await stage.clock.advance(5_000);
    const held = stage.lease(0)!;
    const { heard } = gateways[0]!;
    assert.equal(heard.at(-1)!.router, held.router);
    routers.find(({ id }) => id === held.router)!.kill();
    const killedAtMs = stage.clock.monotonicMs();
    await stage.clock.advance(10_000);
    const after = heard.filter(({ router }) => router !== held.router && router === heard.at(-1)!.router);
    assert(after[0]!.credits !== undefined && after[0]!.atMs - killedAtMs < 5_000);
    assert(heard.at(-1)!.term > held.term);
    assert(heard.every((news, i) => i === 0 || news.term >= heard[i - 1]!.term));
    for (const sum of dealtPerWindow(gateways).values()) assert(sum <= 100);
  });

  test('[DECIDE-7] the part of a gateway that fell silent is set aside, until it is taken for dead', async () => {
    const stage = createStage({}, options);
    const [a, b] = [reporter(stage, 'a'), reporter(stage, 'b')];
    await stage.router();
    await stage.clock.advance(5_000);
    b.fallSilent();
    await stage.clock.advance(5_000);
    assert.equal(a.heard.at(-1)!.credits!.fresh!.credits, 50);
    assert.equal(await stage.metric('router_fleet_gateways', { state: 'silent' }), 1);
    await stage.clock.advance(6_000);
    assert.equal(a.heard.at(-1)!.credits!.fresh!.credits, 100);
    assert.equal(await stage.metric('router_fleet_gateways', { state: 'silent' }), 0);
  });

  test('[DECIDE-8] after the bus was away it learns for 3 s before it deals again', async () => {
    const stage = createStage({}, options);
    const a = reporter(stage, 'a');
    await stage.router();
    await stage.clock.advance(5_000);
    stage.bus.setConnected(false);
    await stage.clock.advance(20_000);
    a.heard.length = 0;
    stage.bus.setConnected(true);
    const backAtMs = stage.clock.monotonicMs();
    await stage.clock.advance(10_000);
    const dealt = a.heard.filter(({ credits }) => credits !== undefined);
    assert(dealt[0]!.atMs - backAtMs >= 3_000 - REPORT_MS && dealt.length > 10);
  });
});

describe('limits that an operator sets', () => {
  test('[DECIDE-9] they hold at once, also for a router that starts later, and can be taken back', async () => {
    const stage = createStage({}, { ADMISSION_TOKEN_SERVICE_PER_SECOND: 400 });
    const a = reporter(stage, 'a');
    const router = await stage.router();
    await stage.clock.advance(5_000);
    const revision = await set(stage, { tokenService: { value: 40 }, perUser: { value: 6 } }, 0);
    await stage.clock.advance(500);
    assert.deepEqual(a.heard.at(-1)!.credits!.fresh, { credits: 10, perSecond: 40 });
    const told = a.heard.filter(({ limits }) => limits !== undefined);
    assert.deepEqual(told[0]!.limits, { revision, perUser: { value: 6 } });
    await stage.clock.advance(2_000);
    assert(a.heard.filter(({ limits }) => limits !== undefined).length <= 2, 'told again in vain');

    await stage.stop(router);
    await stage.router();
    await stage.clock.advance(8_000);
    assert.equal(a.heard.at(-1)!.credits!.fresh!.perSecond, 40);

    await set(stage, {}, revision);
    await stage.clock.advance(1_000);
    assert.equal(a.heard.at(-1)!.credits!.fresh!.perSecond, 400);
    assert.deepEqual(Object.keys(a.heard.findLast(({ limits }) => limits)!.limits!), ['revision']);
  });

  test('[DECIDE-10] one that is tried out is dealt as such, and what it would have done is counted', async () => {
    const stage = createStage();
    const a = reporter(stage, 'a');
    await stage.router();
    await set(stage, { directory: { value: 80, dryRun: true } }, 0);
    await stage.clock.advance(5_000);
    assert.deepEqual(a.heard.at(-1)!.credits, {
      gateways: 1,
      all: { credits: 20, perSecond: 80, dryRun: true },
    });
    a.say({ wouldLimit: { all: 70 } });
    await stage.clock.advance(1_000);
    a.say({ wouldLimit: { all: 75 }, limited: { perUser: 3 }, setUps: 12 });
    await stage.clock.advance(1_000);
    const limited = (limit: string, mode: string) =>
      stage.metric('router_fleet_limited_total', { limit, mode });
    assert.equal(await limited('all', 'dry-run'), 75);
    assert.equal(await limited('perUser', 'enforced'), 3);
    assert.equal(await stage.metric('router_fleet_set_ups_total'), 12);
  });

  test('[DECIDE-11] what cannot be read is counted, and changes nothing', async () => {
    const stage = createStage({}, { ADMISSION_TOKEN_SERVICE_PER_SECOND: 400 });
    const a = reporter(stage, 'a');
    await stage.router();
    await stage.clock.advance(5_000);
    const forged = [
      '',
      '{}',
      'null',
      JSON.stringify({ ...reportOf('b'), connections: -1 }),
      JSON.stringify(reportOf('b.>')),
      JSON.stringify({ ...reportOf('b'), v: NODE_VERSION + 1 }),
    ];
    for (const text of forged) stage.bus.post.publish(LOADS_SUBJECT, Buffer.from(text));
    await stage.bus.settings.compareAndSet(LIMITS_KEY, Buffer.from('{"v":1,"limits":{"log":-1}}'), 0);
    await stage.clock.advance(1_000);
    const refused = (reason: string) => stage.metric('router_load_reports_refused_total', { reason });
    assert.deepEqual([await refused('malformed'), await refused('version')], [6, 1]);
    assert.equal(a.heard.at(-1)!.credits!.fresh!.credits, 100);
    assert.equal(await stage.metric('router_fleet_gateways', { state: 'heard' }), 1);
  });
});
