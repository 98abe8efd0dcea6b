/**
 * Incidents: what goes wrong during a load, on purpose, so that boards and alerts have something to show.
 *
 * Mistakes of clients, one that does not read, one that was away; then a router, the bus and a gateway die and come back.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Fleet } from '../harness/fleet.ts';
import { openWebSocketClient, type RawClient } from '../harness/raw-client.ts';
import type { RotatingIssuer } from '../harness/tokens.ts';
import { nameOf, roomOf } from './callers.ts';

export interface Scene {
  readonly fleet: Fleet;
  readonly issuer: RotatingIssuer;
  /** Told when processes came or went. */
  changed(): void;
}

const attemptsMax = 50;
const largeBody = 'x'.repeat(60_000);
const slowMsMax = 15_000;
const gapMsMax = 8_000;
/** In which Prometheus has looked at least once. */
const scrapedMs = 2_500;

type Incident = (scene: Scene) => Promise<void>;

/** Bounds so small that a short load reaches them. */
export const smallBounds: Readonly<Record<string, string>> = {
  GATEWAY_OPEN_MAX: '64',
  ADMISSION_TOKEN_SERVICE_PER_SECOND: '40',
  ADMISSION_SPREAD_MS_MIN: '200',
  LOG_CHANNEL_FRAMES_MAX: '96',
  AUTH_JWKS_COOLDOWN_MS: '1000',
  PRESENCE_GRACE_MS: '1000',
};

/** One after the other, spread over the load. */
export const incidents: Readonly<Record<string, Incident>> = {
  mistakes,
  strangers,
  crowd,
  avalanche,
  absences,
  hoard,
  slowConsumer,
  routerDies,
  busDies,
  gatewayDies,
};

async function open(scene: Scene, user: string): Promise<RawClient> {
  const client = await connect(scene, user);
  await client.hello({ token: scene.issuer.token(user), device: 'phone' });
  return client;
}

/** At the first gateway, or at the last; one that does not listen now is tried again. */
async function connect({ fleet }: Scene, name: string, at: 0 | -1 = 0): Promise<RawClient> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openWebSocketClient(name, fleet.urls().at(at) ?? '');
    } catch (error) {
      if (attempt === attemptsMax) throw error;
      await pause(200);
    }
  }
}

async function mistakes(scene: Scene): Promise<void> {
  const client = await open(scene, 'clumsy');
  client.postText('{"type":');
  await client.closed;
  const other = await open(scene, 'clumsier');
  for (let i = 0; i < 5; i++) {
    await other.request({ type: 'send', to: { room: 'never-joined' }, kind: 'x', body: 1 });
  }
  other.cut();
}

/** Tokens that nobody signed, under a key that is not to be had; and one whose user is revoked. */
async function strangers(scene: Scene): Promise<void> {
  const { issuer, fleet } = scene;
  const revoked = await open(scene, 'revoked');
  await run(fleet, ['--user', 'revoked']);
  await revoked.closed;
  issuer.failing(true);
  issuer.rotate();
  for (let i = 0; i < 3; i++) {
    const client = await connect(scene, 'stranger');
    client.post({ type: 'hello', token: issuer.token('stranger'), device: 'phone' });
    await client.closed;
    await pause(500);
  }
  issuer.failing(false);
}

/** Says nothing, and is more than may wait: the door shuts for a moment. */
async function crowd({ fleet }: Scene): Promise<void> {
  const comers = await Promise.allSettled(
    Array.from({ length: 200 }, (_, i) => openWebSocketClient('crowd', fleet.urls().at(i % 2) ?? '')),
  );
  await pause(3_000);
  for (const one of comers) if (one.status === 'fulfilled') one.value.cut();
}

/** More fresh clients at once than the ceiling lets in: they wait, and those for whom there is no room come again. */
async function avalanche(scene: Scene): Promise<void> {
  const comers = Array.from({ length: 160 }, async (_, i) => {
    const client = await connect(scene, `comer-${i}`, i % 2 === 0 ? 0 : -1);
    await client.hello({ token: scene.issuer.token(`comer-${i}`), device: 'phone' });
    return client;
  });
  for (const one of await Promise.allSettled(comers)) if (one.status === 'fulfilled') one.value.cut();
}

async function run(fleet: Fleet, args: readonly string[]): Promise<void> {
  const root = join(import.meta.dirname, '..', '..');
  const child = spawn(process.execPath, ['ops/revoke.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...fleet.env },
    stdio: 'ignore',
  });
  await once(child, 'exit');
}

/** Somebody is watched, leaves, is called in vain, comes back behind, with a second flow, and with a cursor of another log. */
async function absences(scene: Scene): Promise<void> {
  const [watcher, caller, gone] = await Promise.all(
    ['watcher', 'caller', 'gone'].map((user) => open(scene, user)),
  );
  if (watcher === undefined || caller === undefined || gone === undefined) return;
  await watcher.request({ type: 'presence.watch', channel: 'u/gone' });
  const back = gone.resumption();
  gone.cut();
  await pause(1_500);
  for (let i = 0; i < 20; i++) {
    await caller.send({ user: 'gone' }, i, { tellIfUnreachable: true, ...(i < 5 ? { ttlMs: 1_000 } : {}) });
  }
  const again = await connect(scene, 'gone', -1);
  await again.hello(back);
  const second = await connect(scene, 'gone');
  await second.hello(again.resumption());
  const { resume, cursors } = second.resumption();
  const ahead = cursors.map((cursor) => ({ ...cursor, position: cursor.position + 1_000_000 }));
  const third = await connect(scene, 'gone');
  await third.hello({ resume, cursors: ahead });
  // The log is asked for seconds whether it has such an end.
  const endMs = performance.now() + gapMsMax;
  while ((await scene.fleet.gatewayMetric('gateway_gaps_total')) === 0 && performance.now() < endMs)
    await pause(100);
  for (const client of [watcher, caller, again, second, third]) client.cut();
}

/** More frames for one channel than may be alive in it. */
async function hoard(scene: Scene): Promise<void> {
  const client = await open(scene, 'hoarder');
  await Promise.allSettled(
    Array.from({ length: 120 }, (_, i) => client.send({ user: 'sleeper' }, i, { ttlMs: 5_000 })),
  );
  client.cut();
}

/** Reads nothing while megabytes come: past what the kernel takes its outbox grows, stands for a while, and is too large. */
async function slowConsumer(scene: Scene): Promise<void> {
  const metric = scene.fleet.gatewayMetric;
  const slow = await open(scene, 'slow');
  const senders = await Promise.all(['loud-1', 'loud-2'].map((user) => open(scene, user)));
  for (const client of [slow, ...senders]) await client.request({ type: 'join', room: 'loud' });
  slow.socket?.pause();
  const endMs = performance.now() + slowMsMax;
  let stood = false;
  // It does not hear that it was closed, as it does not read.
  while (
    (await metric('gateway_faults_total', { fault: 'SLOW_CONSUMER' })) === 0 &&
    performance.now() < endMs
  ) {
    for (const sender of senders) {
      sender.send({ room: 'loud' }, largeBody, { volatile: true }).catch(() => undefined);
    }
    await pause(20);
    if (stood || (await metric('gateway_outbox_largest_bytes')) < largeBody.length) continue;
    stood = true;
    await pause(scrapedMs);
  }
  for (const client of [slow, ...senders]) client.cut();
}

async function routerDies(scene: Scene): Promise<void> {
  const { fleet } = scene;
  const sender = await open(scene, 'hasty');
  await fleet.routers.find(({ running }) => running)?.kill();
  scene.changed();
  // While nobody owns the partition, so that they are handed on too late.
  for (let i = 0; i < 40; i++) {
    await sender.send({ user: nameOf(i) }, i, { ttlMs: 1_000 }).catch(() => undefined);
    await pause(25);
  }
  sender.cut();
  await pause(2_000);
  const next = await fleet.addRouter();
  await next.ready();
  scene.changed();
}

async function busDies({ fleet }: Scene): Promise<void> {
  // Appends under way when it freezes have no answer; then it is gone.
  fleet.nats?.freeze();
  await pause(1_500);
  await fleet.nats?.kill();
  await pause(1_500);
  await fleet.nats?.start();
}

async function gatewayDies(scene: Scene): Promise<void> {
  const { fleet } = scene;
  await fleet.gateways.find(({ running }) => running)?.kill();
  scene.changed();
  const next = await fleet.addGateway();
  await next.ready();
  scene.changed();
  const sender = await open(scene, 'late');
  await sender.request({ type: 'join', room: roomOf(0) });
  sender.cut();
  // Until the routers miss it.
  await pause(2_000);
}
