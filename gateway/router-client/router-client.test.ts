import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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
import { type AnnounceCause, createRouterClient } from './router-client.ts';

const partitions = 4;
const term = 1;

/** A router that owns all partitions, and answers at once or not at all. */
async function stage() {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ partitions }, { clock, random: createSeededRandom(1) });
  const causes: AnnounceCause[] = [];
  const router = { silent: false };
  let registration = 0;

  function answered(subject: string, answer: (data: Uint8Array) => AttachAnswer | BeatAnswer): void {
    bus.post.answer(subject, (data) => (router.silent ? undefined : encodeNodeMessage(answer(data))));
  }
  answered(routerSubject('r1', 'attach'), (data) => {
    const request = decodeNodeMessage<AttachRequest>(data)!;
    const answers = request.partitions.map(({ partition }) => ({
      ...{ partition, term, registration: ++registration, epoch: 'e', head: 0, floor: 0, attached: [] },
    }));
    return { v: NODE_VERSION, router: 'r1', partitions: answers };
  });
  answered(routerSubject('r1', 'beat'), () => ({ v: NODE_VERSION, router: 'r1', partitions: [] }));

  const client = createRouterClient({
    ...{ gateway: 'g1', partitions, clock, post: bus.post, leases: bus.leases },
    events: { announce: () => [], attached: () => undefined, section: (_, __, ___, offset) => offset },
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
  return { clock, client, router, causes };
}

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
