import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { encodeAdmission, type LoadReport, readLoadReport } from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';
import { createDoorLine } from './door-line.ts';

const report: LoadReport = {
  ...{ v: NODE_VERSION, gateway: 'g1', listening: { main: true, call: true }, connections: 0 },
  ...{ setUpsPerSecond: 1, busyShare: 0, workMs: 0, handshakes: 0, waitingFresh: 0, movable: 0 },
  waiting: { call: 0, stock: 0, resume: 0, fresh: 0, pretender: 0 },
  ...{ setUps: 0, limits: 0 },
};

function setUp() {
  const clock = createVirtualClock();
  const { post } = createMemoryBus({}, { clock, random: createSeededRandom(1) });
  const heard: string[] = [];
  const faults: string[] = [];
  const line = createDoorLine({
    ...{ gateway: 'g1', post, clock, report: () => report },
    news: ({ term, window }) => heard.push(`${term}.${window}`),
    faults: { inc: ({ cause }) => faults.push(cause) },
  });
  line.start();
  async function says(term: number, window: number): Promise<void> {
    post.publish(doorSubject('g1'), encodeAdmission({ v: NODE_VERSION, router: 'r1', term, window }));
    await clock.advance(1);
  }
  return { clock, post, heard, faults, line, says };
}

test('[DOORLINE-1] news of an older term, or of a window that has passed, change nothing', async () => {
  const { heard, says } = setUp();
  for (const [term, window] of [
    [7, 1],
    [7, 1],
    [7, 0],
    [6, 9],
    [7, 2],
    [8, 0],
    [7, 3],
  ] as const) {
    await says(term, window);
  }
  assert.deepEqual(heard, ['7.1', '7.2', '8.0']);
});

test('[DOORLINE-2] after 3 s of silence a router whose term is older is heard', async () => {
  const { clock, heard, line, says } = setUp();
  assert.equal(line.term(), undefined);
  await says(7, 1);
  await clock.advance(2_900);
  await says(6, 1);
  await clock.advance(200);
  await says(6, 2);
  await says(7, 1);
  assert.deepEqual(heard, ['7.1', '6.2', '7.1']);
  assert.equal(line.term(), 7);
  await clock.advance(3_001);
  assert.equal(line.term(), undefined);
});

test('[DOORLINE-3] it reports every 250 ms until it stops, and what it cannot read is counted', async () => {
  const { clock, post, faults, line } = setUp();
  const reports: unknown[] = [];
  post.subscribe(LOADS_SUBJECT, (data) => reports.push(readLoadReport(data)));
  await clock.advance(1_001);
  assert.deepEqual(reports, Array(4).fill(report));
  post.publish(doorSubject('g1'), Buffer.from('{}'));
  post.publish(doorSubject('g1'), Buffer.from(JSON.stringify({ v: NODE_VERSION + 1 })));
  await clock.advance(1);
  assert.deepEqual(faults, ['malformed', 'version']);
  line.stop();
  await clock.advance(1_000);
  assert.equal(reports.length, 4);
});
