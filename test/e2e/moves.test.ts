/**
 * Moves over real processes: routers have clients that wait at a full gateway go to one that has time.
 *
 * The full one gets little of its time, and a ceiling keeps the crowd waiting, which grows until somebody is sent
 * on. Then the ceiling is lifted: so the test takes as long as the machine makes it, and no longer.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { freePorts } from '../harness/free-ports.ts';
import { heldTo } from '../harness/held-process.ts';
import type { ServiceProcess } from '../harness/process.ts';
import { openWebSocketClient, type RawClient } from '../harness/raw-client.ts';
import { createHmacIssuer, type Issuer } from '../harness/tokens.ts';

const root = join(import.meta.dirname, '..', '..');
const CLIENTS_MAX = 1_000;
const QUARTERS_MAX = 240;
const ATTEMPTS_MAX = 200;
const IN_MS_MAX = 60_000;

/** What one client went through until its session stood. */
interface Way {
  readonly sentTo: string[];
  readonly failures: string[];
  readonly in: Promise<void>;
}

describe('clients that wait at a gateway that has little time, where gateways have addresses of their own', () => {
  let fleet: Fleet;
  let issuer: Issuer;
  let full: ServiceProcess;
  let idle: ServiceProcess;
  let over = false;

  before(async () => {
    issuer = createHmacIssuer();
    const ports = await freePorts(2);
    fleet = await startFleet({
      ...{ gateways: 2, routers: 1 },
      env: { ...issuer.env, ADMISSION_TOKEN_SERVICE_PER_SECOND: '16' },
      envOf(name) {
        const port = ports[Number(name.split('-')[1]) - 1];
        if (!name.startsWith('gateway')) return {};
        return { GATEWAY_PORT: `${port}`, GATEWAY_URL: `ws://127.0.0.1:${port}` };
      },
    });
    [full, idle] = fleet.gateways as [ServiceProcess, ServiceProcess];
    await untilCredits(idle);
  });
  after(() => {
    over = true;
    return fleet?.stop();
  });

  async function untilCredits(gateway: ServiceProcess): Promise<void> {
    for (let i = 0; (await gateway.metric('gateway_door_credits', { kind: 'fresh' })) === 0; i++) {
      assert(i < 200, 'no credits were dealt');
      await pause(50);
    }
  }

  function comes(name: string): Way {
    const sentTo: string[] = [];
    const failures: string[] = [];
    return { sentTo, failures, in: comesIn(name, sentTo, failures) };
  }

  async function comesIn(name: string, sentTo: string[], failures: string[]): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (over) return;
      const client = await openWebSocketClient(name, sentTo.at(-1) ?? full.url).catch((error) => {
        failures.push((error as { code?: string }).code ?? String(error));
      });
      const outcome = client && (await saysHello(client, name, sentTo.length > 0));
      if (outcome === 'in') return;
      if (outcome === undefined) await pause(150 + Math.random() * 300);
      else if (outcome.url === undefined) failures.push(outcome.why);
      else sentTo.push(outcome.url);
      if (outcome !== undefined) await pause(outcome.afterMs);
    }
    assert.fail(`${name} never got in: ${failures.join()}`);
  }

  async function saysHello(client: RawClient, name: string, sentOn: boolean) {
    client.post({ type: 'hello', device: 'phone', token: issuer.token(name), ...(sentOn && { sentOn }) });
    const welcome = await client.next('welcome', undefined, IN_MS_MAX).catch(() => undefined);
    if (welcome !== undefined) return 'in';
    const told = await client.next('retry', undefined, 0).catch(() => undefined);
    const why = client.closing?.fault ?? 'no welcome came';
    return { why, url: told?.url, afterMs: told?.afterMs ?? 300 };
  }

  /** It grows by fifty in a quarter of a second, so that it is there for many reports. */
  async function crowdUntilSomebodyIsSentOn(): Promise<readonly Way[]> {
    const ways: Way[] = [];
    for (let quarter = 0; quarter < QUARTERS_MAX; quarter++) {
      for (let i = 0; i < 50 && ways.length < CLIENTS_MAX; i++) ways.push(comes(`user-${ways.length}`));
      await pause(250);
      if (ways.some(({ sentTo }) => sentTo.length > 0)) return ways;
    }
    assert.fail('nobody was sent on');
  }

  async function liftCeiling(): Promise<void> {
    const env = { ...fleet.env, PATH: process.env['PATH'] ?? '' };
    const args = ['ops/limits.ts', '--set', 'tokenService=5000'];
    await promisify(execFile)(process.execPath, args, { cwd: root, env });
  }

  test('[MOVE-1] are sent on to one that has time, nobody twice, and all of them get in', async () => {
    const release = heldTo(full, 0.03, 200);
    let ways: readonly Way[] = [];
    try {
      ways = await crowdUntilSomebodyIsSentOn();
      await liftCeiling();
    } finally {
      release();
    }
    await Promise.all(ways.map((way) => way.in));
    const moved = ways.filter(({ sentTo }) => sentTo.length > 0);
    for (const { sentTo } of moved) assert.deepEqual(sentTo, [idle.url]);
    assert.deepEqual(
      ways.flatMap(({ failures }) => failures).filter((why) => !['ECONNREFUSED', 'ECONNRESET'].includes(why)),
      [],
    );
    console.log(`${moved.length} of ${ways.length} clients were sent on`);
    const sentOn = { why: 'SENT_ON' };
    assert.equal(await full.metric('gateway_door_sent_on_total', sentOn), moved.length);
    assert.equal(await idle.metric('gateway_door_sent_on_total', sentOn), 0);
    assert.equal(await idle.metric('gateway_sessions_opened_total'), moved.length);
    assert.equal(await full.metric('gateway_sessions_opened_total'), ways.length - moved.length);
  });
});
