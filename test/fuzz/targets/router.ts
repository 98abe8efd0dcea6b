/**
 * Requests to a router: a verb and what a gateway asks by it, answered by a router that owns all partitions.
 *
 *     attach | beat | presence ⏎ JSON
 *
 * Whatever comes is answered in the shape of its verb or not at all; the last resort for a request that cannot be
 * applied is never needed; and a gateway that behaves is still served.
 */

import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { Bus } from '#bus/seams.ts';
import { createRouterMetrics } from '#router/metrics.ts';
import { createRouter } from '#router/router.ts';
import { createStage } from '#router/stage.ts';
import { createLogger } from '#runtime/log.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { isAttachAnswer, isBeatAnswer, isPresenceAnswer } from '#wire/node-checks.ts';
import type { AttachAnswer } from '#wire/nodes.ts';
import type { Target } from '../target.ts';

type Answer = (data: Uint8Array) => Uint8Array | undefined;

const shapes = { attach: isAttachAnswer, beat: isBeatAnswer, presence: isPresenceAnswer };
type Verb = keyof typeof shapes;

/** Between two looks at whether a good gateway is served, and two steps of time. */
const INPUTS_PER_SECOND = 100;

export async function routerTarget(): Promise<Target> {
  const { clock, bus, answers, unreadable } = await startRouter();
  let judged = 0;

  /** A gateway that registers anew is answered as ever. */
  async function assertServes(): Promise<void> {
    await clock.advance(1_000);
    const partitions = [{ partition: 1, term: 0, begin: true, complete: true, ops: [] }];
    const beat = JSON.stringify({ v: NODE_VERSION, gateway: 'good', reads: NODE_VERSION });
    const owned = answered('beat', Buffer.from(beat)) as { partitions: [number, number][] };
    assert.equal(owned.partitions.length, bus.log.partitions, 'the router lost partitions');
    partitions[0]!.term = owned.partitions.find(([partition]) => partition === 1)![1];
    const attach = JSON.stringify({ v: NODE_VERSION, gateway: 'good', partitions });
    const {
      partitions: [said],
    } = answered('attach', Buffer.from(attach)) as AttachAnswer;
    assert(said !== undefined && 'registration' in said, 'a good gateway is not registered');
  }

  function answered(verb: Verb, data: Buffer): object | undefined {
    const before = unreadable();
    const answer = answers[verb]!(data);
    assert.equal(unreadable(), before, 'a request of the wrong shape was begun');
    if (answer === undefined) return undefined;
    const said: unknown = JSON.parse(Buffer.from(answer).toString('utf8'));
    assert(shapes[verb](said), `answered out of shape: ${JSON.stringify(said).slice(0, 200)}`);
    return said;
  }

  return {
    name: 'router',
    async judge(input) {
      if (++judged % INPUTS_PER_SECOND === 0) await assertServes();
      const end = Math.max(0, input.indexOf(10));
      const verb = input.toString('latin1', 0, end);
      if (!Object.hasOwn(shapes, verb)) return 'no verb';
      const said = answered(verb as Verb, input.subarray(end + 1));
      return `${verb} ${said === undefined ? 'refused' : Object.keys(said).join(' ')} ${JSON.stringify(said)?.includes('stale')}`;
    },
  };
}

async function startRouter() {
  const { clock, bus } = createStage();
  const answers: Partial<Record<string, Answer>> = {};
  // What it listens to is called here directly, so that what it throws is seen.
  const listened: Bus = {
    ...bus,
    post: {
      ...bus.post,
      connected: true,
      answer(subject, handler) {
        answers[subject.split('.').at(-1)!] = handler;
        return () => undefined;
      },
    },
  };
  let warnings = 0;
  const log = createLogger('router', 'silent');
  log.warn = (fields: unknown) => {
    if ((fields as { event?: string }).event === 'router.request-unreadable') warnings++;
  };
  const router = createRouter({
    ...{ bus: listened, clock, log, random: createSeededRandom(1) },
    config: {
      ROUTER_OPS_HOST: '127.0.0.1',
      ROUTER_OPS_PORT: 0,
      ROUTER_SESSIONS_PER_USER_MAX: 100,
      ROUTER_POSITIONS_MAX: 200_000,
      ROUTER_UNREACHABLE_HELD_MAX: 10_000,
      PRESENCE_GRACE_MS: 10_000,
      ADMISSION_SPREAD_MS_MIN: 0,
      ADMISSION_SPREAD_MS_MAX: 600_000,
      ADMISSION_REBALANCE: true,
    },
    metrics: createRouterMetrics(new Registry()),
  });
  router.start();
  await clock.advance(10_000);
  assert.equal(router.notReady(), undefined);
  return { clock, bus, answers, unreadable: () => warnings };
}
