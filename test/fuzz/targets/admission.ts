/**
 * Admission: what doors and routers say to each other about load, and the limits that operators set.
 *
 *     loads | door | limits ⏎ JSON
 *
 * A message is read and means the same when it is written again, or is refused for one of two reasons. Whatever
 * is reported to a router that decides, all it tells can be read, and a gateway that behaves is told.
 */

import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { Bus } from '#bus/seams.ts';
import { startDecider } from '#router/admission/decider.ts';
import { createRouterMetrics } from '#router/metrics.ts';
import { createStage } from '#router/stage.ts';
import { createLogger } from '#runtime/log.ts';
import {
  encodeAdmission,
  type LoadReport,
  readDoorNews,
  readLimits,
  readLoadReport,
} from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { DOORS_SUBJECT, doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';
import type { Target } from '../target.ts';

const readers = { loads: readLoadReport, door: readDoorNews, limits: readLimits };
type Kind = keyof typeof readers;

/** Between two turns of the router. */
const INPUTS_PER_TURN = 50;
const TURN_MS = 250;
const SPREAD_MS_MAX = 600_000;

const good: LoadReport = {
  ...{ v: NODE_VERSION, gateway: 'good', listening: { main: true, call: true }, connections: 100 },
  ...{ url: 'https://good.example', setUpsPerSecond: 100, busyShare: 0, workMs: 0, handshakes: 0 },
  waiting: { call: 0, stock: 0, resume: 5, fresh: 5, pretender: 0 },
  ...{ waitingFresh: 5, movable: 0, setUps: 0, limits: 0 },
};

export async function admissionTarget(): Promise<Target> {
  const { clock, report, told } = await startedRouter();
  let judged = 0;

  async function assertTold(): Promise<void> {
    const before = told();
    report(encodeAdmission(good));
    await clock.advance(TURN_MS);
    assert(told() > before, 'a good gateway is told nothing');
  }

  return {
    name: 'admission',
    async judge(input) {
      if (++judged % INPUTS_PER_TURN === 0) await assertTold();
      const end = Math.max(0, input.indexOf(10));
      const kind = input.toString('latin1', 0, end);
      if (!Object.hasOwn(readers, kind)) return 'no kind';
      const data = input.subarray(end + 1);
      if (kind === 'loads') report(data);
      const read = readers[kind as Kind](data);
      if (typeof read === 'string') {
        assert(read === 'VERSION' || read === 'MALFORMED');
        return `${kind} ${read}`;
      }
      assert.deepEqual(readers[kind as Kind](encodeAdmission(read)), JSON.parse(JSON.stringify(read)));
      return `${kind} ${Object.keys(read).join(' ')}`;
    },
  };
}

async function startedRouter() {
  const { clock, bus } = createStage();
  let report: (data: Uint8Array) => void = () => undefined;
  // What it listens to is called here directly, so that what it throws is seen.
  const listened: Bus = {
    ...bus,
    post: {
      ...bus.post,
      connected: true,
      subscribe(subject, received) {
        if (subject === LOADS_SUBJECT) report = (data) => received(data, subject);
        return () => undefined;
      },
    },
  };
  let goodNews = 0;
  bus.post.subscribe(DOORS_SUBJECT, (data, subject) => {
    const news = readDoorNews(data);
    assert(typeof news === 'object', `told what cannot be read: ${Buffer.from(data)}`);
    if (news.spread !== undefined) assert(news.spread.fleetMs <= SPREAD_MS_MAX);
    if (subject === doorSubject(good.gateway)) goodNews++;
  });
  startDecider({
    ...{ bus: listened, clock, router: 'r1', term: () => 1, log: createLogger('router', 'silent') },
    config: {
      ...{ ROUTER_OPS_HOST: '127.0.0.1', ROUTER_OPS_PORT: 0, ROUTER_SESSIONS_PER_USER_MAX: 100 },
      ...{ ROUTER_POSITIONS_MAX: 1_000, ROUTER_UNREACHABLE_HELD_MAX: 0, PRESENCE_GRACE_MS: 0 },
      ...{ ADMISSION_TOKEN_SERVICE_PER_SECOND: 1_000, ADMISSION_DIRECTORY_PER_SECOND: 0.5 },
      ...{ ADMISSION_SPREAD_MS_MIN: 0, ADMISSION_SPREAD_MS_MAX: SPREAD_MS_MAX, ADMISSION_REBALANCE: true },
    },
    metrics: createRouterMetrics(new Registry()),
  });
  await clock.advance(5_000);
  return { clock, report: (data: Uint8Array) => report(data), told: () => goodNews };
}
