/**
 * Admission over real processes: routers that deal a ceiling out, and gateways that use all they are given.
 *
 * The gateways are reduced to what counts here: they report as gateways do, and the real core of credits says how
 * many set-ups may begin. A shared ceiling may be exceeded by no run of windows, whoever dies meanwhile.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '#bus/seams.ts';
import { allotted, type Credits, creditsLeft, creditsOf, creditUsed } from '#gateway/door/credits.ts';
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
import { connectNode, natsConfig } from '../contracts/nats-bus.ts';
import { type NatsServer, startNatsServer } from '../harness/nats-server.ts';
import { type ServiceProcess, startProcess } from '../harness/process.ts';

const CEILING = 200;
const WINDOW_MS = 250;
const WINDOWS_PER_SECOND = 1_000 / WINDOW_MS;
const PARTITIONS = 8;
/** What a run of windows may be off by where gateways count their own: the one begun, the one that ends. */
const WINDOWS_OFF = 3;

/** Begins as many set-ups as it may, and reports twice as many that wait. */
function greedyGateway(bus: Bus, gateway: string, waitingFresh: number) {
  const credits: Credits = creditsOf({ perSecond: CEILING, gateways: 4 }, performance.now());
  const heard: (DoorNews & { readonly atMs: number })[] = [];
  const usedAtMs: number[] = [];
  const cancel = bus.post.subscribe(doorSubject(gateway), (data) => {
    const news = readDoorNews(data);
    assert(typeof news === 'object');
    const atMs = performance.now();
    heard.push({ ...news, atMs });
    const { term, window } = news;
    if (news.credits?.fresh !== undefined) {
      allotted(credits, { term, window, ...news.credits.fresh, gateways: news.credits.gateways }, atMs);
    }
  });
  const reporting = setInterval(() => {
    const report: LoadReport = {
      ...{ v: NODE_VERSION, gateway, listening: { main: true, call: true }, connections: 1_000 },
      ...{ setUpsPerSecond: 1_000, busyShare: 0, workMs: 100, handshakes: 0, waitingFresh, movable: 0 },
      waiting: { call: 0, stock: 0, resume: 0, fresh: waitingFresh, pretender: 0 },
      ...{ setUps: usedAtMs.length, limits: 0 },
    };
    bus.post.publish(LOADS_SUBJECT, encodeAdmission(report));
  }, WINDOW_MS);
  const using = setInterval(() => {
    const nowMs = performance.now();
    while (creditsLeft(credits, nowMs) >= 1) {
      creditUsed(credits);
      usedAtMs.push(nowMs);
    }
  }, 10);
  return {
    heard,
    usedAtMs,
    stop() {
      cancel();
      clearInterval(reporting);
      clearInterval(using);
    },
  };
}

describe('a ceiling that all gateways share', () => {
  let nats: NatsServer;
  let bus: Bus;
  const routers: ServiceProcess[] = [];
  const gateways: ReturnType<typeof greedyGateway>[] = [];

  before(async () => {
    nats = await startNatsServer();
    bus = await connectNode(natsConfig(nats.url, { partitions: PARTITIONS, dedupWindowMs: 5_000 }));
    await Promise.all([router(), router()]);
    for (const [i, waiting] of [10, 20, 300, 0].entries())
      gateways.push(greedyGateway(bus, `g${i}`, waiting));
  });
  after(async () => {
    for (const gateway of gateways) gateway.stop();
    await Promise.all(routers.map((one) => one.kill()));
    await bus?.close();
    await nats?.close();
  });

  async function router(): Promise<void> {
    const one = await startProcess(`router-${routers.length + 1}`, 'router/main.ts', {
      ...{ NATS_URL: nats.url, ROUTER_OPS_PORT: '0', LOG_STREAMS: '2', LOG_PARTITIONS: `${PARTITIONS}` },
      ...{ LOG_BYTES_MAX: '16777216', LOG_CHANNEL_FRAMES_MAX: '1000', LOG_DEDUP_WINDOW_MS: '5000' },
      ADMISSION_TOKEN_SERVICE_PER_SECOND: `${CEILING}`,
    });
    routers.push(one);
    await one.ready();
  }

  function last(): (DoorNews & { readonly atMs: number }) | undefined {
    return gateways[0]!.heard.at(-1);
  }

  async function until(holds: () => boolean, what: string, msMax = 15_000): Promise<void> {
    for (let ms = 0; ms < msMax; ms += 20) {
      if (holds()) return;
      await pause(20);
    }
    assert.fail(`waited in vain until ${what}`);
  }

  /** The most that began in any run of so many seconds. */
  function busiest(seconds: number): number {
    const all = gateways.flatMap(({ usedAtMs }) => usedAtMs).toSorted((a, b) => a - b);
    let [most, from] = [0, 0];
    for (let to = 0; to < all.length; to++) {
      while (all[to]! - all[from]! >= 1_000 * seconds) from++;
      most = Math.max(most, to - from + 1);
    }
    return most;
  }

  function assertCeilingHeld(): void {
    const dealt = new Map<string, number>();
    for (const { heard } of gateways) {
      for (const { term, window, credits } of heard) {
        const key = `${term}.${window}`;
        dealt.set(key, (dealt.get(key) ?? 0) + (credits?.fresh?.credits ?? 0));
      }
    }
    for (const [key, sum] of dealt) assert(sum <= CEILING / WINDOWS_PER_SECOND, `${sum} in window ${key}`);
    for (const seconds of [1, 3, 10]) {
      const allowed = CEILING * seconds + (WINDOWS_OFF * CEILING) / WINDOWS_PER_SECOND;
      assert(busiest(seconds) <= allowed, `${busiest(seconds)} in ${seconds} s`);
    }
  }

  async function deciding(): Promise<ServiceProcess> {
    const running = routers.filter((one) => one.running);
    const says = await Promise.all(running.map((one) => one.metric('router_admission_deciding')));
    assert.equal(
      says.reduce((sum, one) => sum + one, 0),
      1,
      'one router decides',
    );
    return running[says.indexOf(1)]!;
  }

  test('[ADMIT-20] it is dealt to the last credit, by who waits, and no window deals more', async () => {
    await until(() => last()?.credits !== undefined, 'credits are dealt');
    const from = performance.now();
    await pause(11_000);
    assertCeilingHeld();
    const used = gateways.map(({ usedAtMs }) => usedAtMs.filter((atMs) => atMs >= from).length);
    assert(used[2]! > 4 * used[0]!, `${used}: those who wait most get most`);
    assert(used.reduce((a, b) => a + b) > 0.8 * 11 * CEILING, `${used}: the ceiling is used`);
    await deciding();
  });

  test('[ADMIT-21] its router killed, gateways go on below it, and another one deals within six seconds', async () => {
    const { router: before, term } = last()!;
    await (await deciding()).kill();
    const killedAtMs = performance.now();
    await until(() => last()!.router !== before && last()!.credits !== undefined, 'another router deals');
    const tookMs = performance.now() - killedAtMs;
    console.log(
      `credits are dealt again ${Math.round(tookMs)} ms after the router that dealt them was killed`,
    );
    assert(tookMs < 6_000);
    assert(last()!.term > term);
    await pause(3_000);
    const meanwhile = gateways
      .flatMap(({ usedAtMs }) => usedAtMs)
      .filter((atMs) => atMs > killedAtMs && atMs < killedAtMs + tookMs);
    assert(meanwhile.length > (0.3 * CEILING * tookMs) / 1_000, `${meanwhile.length} meanwhile`);
    assertCeilingHeld();
  });

  test('[ADMIT-22] limits set while it runs outlive every router, and the server that keeps them', async () => {
    const limits: Limits = { tokenService: { value: 40 } };
    const value = encodeAdmission({ v: NODE_VERSION, limits });
    const { kind } = await bus.settings.compareAndSet(LIMITS_KEY, value, 0);
    assert.equal(kind, 'taken');
    await until(() => last()!.credits?.fresh?.perSecond === 40, 'the limit is heeded', 2_000);
    await Promise.all(routers.map((one) => one.kill()));
    await nats.kill();
    await nats.start();
    await router();
    const { term } = last()!;
    await until(() => last()!.term > term && last()!.credits !== undefined, 'a new router deals', 30_000);
    assert.equal(last()!.credits!.fresh!.perSecond, 40);
    assertCeilingHeld();
  });
});
