/**
 * Tests of the demo page against gateways and routers on NATS: a call outlives the gateway that carries its
 * signaling, and what is said meanwhile arrives once.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import type { ServiceProcess } from '../harness/process.ts';
import { createHmacIssuer } from '../harness/tokens.ts';
import { type DemoSite, startDemoSite } from './demo-site.ts';
import { useVisitors, type Visitor } from './visitor.ts';

const issuer = createHmacIssuer();
const visitors = useVisitors();
let fleet: Fleet | undefined;
/** The caller's and the callee's balancers begin at different gateways. */
let sites: readonly [DemoSite, DemoSite] | undefined;

before(async () => {
  // A page that was not connected for long when it lost its gateway takes its turn in the fleet's window.
  const env = { ...issuer.env, SPREAD_GATEWAY_MS: '500', SPREAD_FLEET_MS: '3000' };
  fleet = await startFleet({ gateways: 3, routers: 2, env });
  sites = [
    await startDemoSite(issuer, () => fleet?.urls() ?? []),
    await startDemoSite(issuer, () => fleet?.urls().toReversed() ?? []),
  ];
});
after(async () => {
  for (const site of sites ?? []) await site.close();
  await fleet?.stop();
});

/** A repeat would come with the resume, or when a send is tried again. */
const REPEAT_MS = 1_000;

interface Call {
  readonly caller: Visitor;
  readonly callee: Visitor;
  /** Of the callee alone. */
  readonly site: DemoSite;
  readonly gateway: ServiceProcess;
}

/** A call that stands, and the gateway that the callee hangs on. */
async function callBetween(caller: string, callee: string): Promise<Call> {
  assert(fleet !== undefined && sites !== undefined);
  const [callerSite, site] = sites;
  const one = await visitors.visit({ url: callerSite.url, name: caller });
  const other = await visitors.visit({ url: site.url, name: callee });
  const gateway = fleet.gateways.findLast(({ running }) => running);
  assert(gateway !== undefined);
  await one.press(`call-${callee}`);
  await other.press('answer');
  await Promise.all([one.mediaGrows(), other.mediaGrows()]);
  return { caller: one, callee: other, site, gateway };
}

/** Ends the callee's gateway as the kernel would, and lets nobody back in until `whileAway` is through. */
async function killedGateway({ callee, site, gateway }: Call, whileAway: () => Promise<void>): Promise<void> {
  assert(fleet !== undefined);
  site.balancer.takesNewcomers = false;
  await gateway.kill();
  await callee.sees('status', /^Reconnecting…/);
  await whileAway();
  site.balancer.takesNewcomers = true;
  await callee.sees('status', /^Connected/);
  await fleet.addGateway();
}

function count(kinds: readonly string[], wanted: string): number {
  return kinds.filter((kind) => kind === wanted).length;
}

test('the gateway is killed, the call goes on, and its hang-up, said in the gap, arrives once', async () => {
  const call = await callBetween('ann', 'bob');
  const { caller, callee } = call;
  await killedGateway(call, async () => {
    await Promise.all([caller.mediaGrows(), callee.mediaGrows()]);
    await caller.press('hang-up');
    await caller.sees('headline', /^Call ended$/);
    assert.deepEqual(await callee.ladder('caller').then((kinds) => count(kinds, 'hangup')), 0);
  });
  await callee.sees('headline', /^ann hung up$/);
  await callee.sees('ladder', /Signaling resumed, same session/);
  await callee.page.waitForTimeout(REPEAT_MS);
  assert.equal(count(await callee.ladder('caller'), 'hangup'), 1);
});

test('the one who was cut off hangs up while away, and the other hears it once', async () => {
  const call = await callBetween('cara', 'dan');
  const { caller, callee } = call;
  await killedGateway(call, async () => {
    await Promise.all([caller.mediaGrows(), callee.mediaGrows()]);
    await callee.press('hang-up');
    await callee.sees('headline', /^Call ended$/);
    await caller.sees('headline', /^dan$/);
  });
  await caller.sees('headline', /^dan hung up$/);
  await caller.page.waitForTimeout(REPEAT_MS);
  assert.equal(count(await caller.ladder('callee'), 'hangup'), 1);
});

test('after the resume the call goes on as before, on another gateway', async () => {
  const call = await callBetween('eli', 'fay');
  const { caller, callee } = call;
  await killedGateway(call, async () => {});
  await callee.sees('ladder', /Signaling resumed, same session/);
  await Promise.all([caller.mediaGrows(), callee.mediaGrows()]);
  await callee.sees('headline', /^eli$/);
  await callee.press('hang-up');
  await caller.sees('headline', /^fay hung up$/);
});
