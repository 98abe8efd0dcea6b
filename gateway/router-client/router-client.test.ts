import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import {
  type AttachAnswer,
  type AttachRequest,
  type BeatAnswer,
  decodeNodeMessage,
  encodeNodeMessage,
  PARTITION_LEASE_PREFIX,
  ROUTER_LEASE_PREFIX,
} from '#wire/nodes.ts';
import { routerSubject } from '#wire/subjects.ts';
import type { Attachment } from '../seams.ts';
import { type AnnounceCause, createRouterClient, type RouterClient } from './router-client.ts';

const partitions = 4;
const term = 1;

/** A gateway before any router is known. */
function alone() {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ partitions }, { clock, random: createSeededRandom(1) });
  const client = createRouterClient({
    ...{ gateway: 'g1', bus, clock },
    events: { announce: () => [], attached: () => undefined, section: (_, __, ___, offset) => offset },
    metrics: { announcements: { inc: () => undefined }, faults: { inc: () => undefined } },
  });
  client.start();
  return { clock, client };
}

test('whoever comes and goes while nobody owns the partition is not kept', async () => {
  const { clock, client } = alone();
  const gone = comesAndGoes(client);
  await clock.advance(1_000);
  collectGarbage();
  assert.equal(gone.deref(), undefined);
  assert.equal(client.registered(), 0);
});

function comesAndGoes(client: RouterClient): WeakRef<Attachment> {
  const visitor = attachment('visitor', 0);
  client.attach(visitor);
  client.detach(visitor, true);
  return new WeakRef(visitor);
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** A router that owns all partitions, and answers at once or not at all. */
async function stage() {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ partitions }, { clock, random: createSeededRandom(1) });
  const causes: AnnounceCause[] = [];
  const router = { silent: false, requests: [] as AttachRequest[] };
  const attached: string[] = [];
  let registration = 0;

  function answered(subject: string, answer: (data: Uint8Array) => AttachAnswer | BeatAnswer): void {
    bus.post.answer(subject, (data) => {
      const said = encodeNodeMessage(answer(data));
      return router.silent ? undefined : said;
    });
  }
  answered(routerSubject('r1', 'attach'), (data) => {
    const request = decodeNodeMessage<AttachRequest>(data)!;
    router.requests.push(request);
    const answers = request.partitions.map(({ partition, ops }) => ({
      ...{ partition, term, registration: ++registration, epoch: 'e', head: 0, floor: 0 },
      attached: ops.map(() => ({})),
    }));
    return { v: NODE_VERSION, router: 'r1', partitions: answers };
  });
  answered(routerSubject('r1', 'beat'), () => ({ v: NODE_VERSION, router: 'r1', partitions: [] }));

  const client = createRouterClient({
    ...{ gateway: 'g1', bus, clock },
    events: {
      announce: () => [],
      attached: ({ session }) => void attached.push(session),
      section: (_, __, ___, offset) => offset,
    },
    metrics: {
      announcements: { inc: ({ cause }) => void causes.push(cause) },
      faults: { inc: () => assert.fail('nothing is malformed') },
    },
  });
  client.start();
  await bus.leases.compareAndSet(`${ROUTER_LEASE_PREFIX}r1`, encodeNodeMessage({ v: NODE_VERSION }), 0);
  for (let partition = 0; partition < partitions; partition++) {
    const lease = encodeNodeMessage({ router: 'r1', term, position: 0 });
    await bus.leases.compareAndSet(PARTITION_LEASE_PREFIX + partition, lease, 0);
  }
  await clock.advance(1_500);
  assert.equal(client.registered(), partitions);
  causes.length = 0;
  router.requests.length = 0;
  return { clock, client, router, causes, attached };
}

function attachment(session: string, partition: number): Attachment {
  return {
    ...{ channel: `u/${session}`, partition, flow: 1, session, user: session, device: 'd', watch: false },
    ...{ mode: 'replace', order: undefined, state: undefined },
  };
}

describe('while a request is on its way', () => {
  test('an answer that is lost holds up nobody else', async () => {
    const { clock, client, router, causes, attached } = await stage();
    router.silent = true;
    client.attach(attachment('lost', 0));
    await clock.advance(1);
    router.silent = false;
    client.attach(attachment('other', 1));
    await clock.advance(1_000);
    assert.deepEqual(causes, [], 'the lost one is still waited for');
    assert.deepEqual(attached, ['other']);
    client.attach(attachment('third', 2));
    await clock.advance(1);
    assert.deepEqual(attached, ['other', 'third'], 'nor does it go on to');
  });

  test('a router that is silent gets few requests, whatever comes', async () => {
    const { clock, client, router } = await stage();
    router.silent = true;
    for (let i = 0; i < 1_000; i++) {
      client.attach(attachment(`s${i}`, 0));
      await clock.advance(1);
    }
    router.silent = false;
    await clock.advance(1);
    assert(router.requests.length <= 8, `${router.requests.length} requests`);
  });

  test('the last turn of a process waits for nothing', async () => {
    const { clock, client, router } = await stage();
    const gone = attachment('gone', 0);
    router.silent = true;
    client.attach(gone);
    await clock.advance(0);
    client.detach(gone, true);
    client.flush();
    client.stop();
    await clock.advance(0);
    assert.deepEqual(
      router.requests.flatMap(({ partitions }) => partitions.flatMap(({ ops }) => ops.map(({ op }) => op))),
      ['attach', 'detach'],
    );
  });
});

describe('a router that does not answer', () => {
  test('one beat without an answer announces nothing: the next says whatever it would have said', async () => {
    const { clock, client, router, causes } = await stage();
    router.silent = true;
    await clock.advance(1_000);
    router.silent = false;
    await clock.advance(10_000);
    assert.deepEqual(causes, []);
    assert.equal(client.registered(), partitions);
  });

  test('two in a row announce everything of it anew, once', async () => {
    const { clock, client, router, causes } = await stage();
    router.silent = true;
    await clock.advance(4_100);
    router.silent = false;
    await clock.advance(10_000);
    assert.deepEqual(
      causes.filter((cause) => cause === 'beat-lost'),
      Array.from({ length: partitions }, () => 'beat-lost'),
    );
    assert.equal(client.registered(), partitions);
  });

  test('is asked less often the longer that lasts, and at once again when it answers', async () => {
    const { clock, client, router, causes } = await stage();
    router.silent = true;
    await clock.advance(60_000);
    const perPartition = causes.length / partitions;
    assert(perPartition >= 2 && perPartition <= 8, `${perPartition} announcements in a minute`);
    router.silent = false;
    await clock.advance(16_000);
    assert.equal(client.registered(), partitions);
  });
});
