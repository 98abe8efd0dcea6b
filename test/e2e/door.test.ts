import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateFiles, makeCertificate } from '#load-tests/swarm/certificate.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { heldTo } from '../harness/held-process.ts';
import type { ServiceProcess } from '../harness/process.ts';
import { openWebSocketClient, type RawClient } from '../harness/raw-client.ts';
import { createHmacIssuer, type Issuer } from '../harness/tokens.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Comes again and again, as every client does whose connection is refused, until it is open. */
async function comesIn(name: string, url: string, seen: Map<string, number>): Promise<RawClient> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openWebSocketClient(name, url);
    } catch (error) {
      const code = (error as { code?: string }).code ?? String(error);
      seen.set(code, (seen.get(code) ?? 0) + 1);
      assert(attempt < 200, `${name} never got in: ${code}`);
      await pause(150 + Math.random() * 300);
    }
  }
}

async function untilWelcome(client: RawClient): Promise<void> {
  await client.next('welcome', undefined, 60_000);
}

describe('a crowd at the door of a gateway that has little time', () => {
  let fleet: Fleet;
  let files: CertificateFiles;
  let issuer: Issuer;
  let gateway: ServiceProcess;

  before(async () => {
    files = makeCertificate();
    issuer = createHmacIssuer();
    const tls = { GATEWAY_TLS_CERT_FILE: files.certFile, GATEWAY_TLS_KEY_FILE: files.keyFile };
    const env = { ...issuer.env, ...tls, GATEWAY_PATIENCE_MS: '1000' };
    fleet = await startFleet({ gateways: 1, routers: 1, env });
    gateway = fleet.gateways[0]!;
  });
  after(async () => {
    await fleet?.stop();
    files?.remove();
  });

  test('[DOOR-30] it stops listening while they would wait too long, nobody is refused inside, and everybody gets in', async () => {
    const url = gateway.url.replace('ws:', 'wss:');
    const release = heldTo(gateway, 0.06);
    const refusals = new Map<string, number>();
    try {
      await Promise.all(
        Array.from({ length: 400 }, async (_, i) => {
          // A few hundred a second, several times what it can do.
          await pause(i * 6);
          const client = await comesIn(`c${i}`, url, refusals);
          client.post({ type: 'hello', device: 'phone', token: issuer.token(`user-${i}`) });
          await untilWelcome(client);
        }),
      );
    } finally {
      release();
    }
    const stops = await gateway.metric('gateway_door_stops_total', { listener: 'main' });
    assert(stops > 0, 'it never stopped listening');
    assert((refusals.get('ECONNREFUSED') ?? 0) > 0);
    // What the kernel held when the listener closed is reset; nothing else ever happens to anybody.
    refusals.delete('ECONNREFUSED');
    refusals.delete('ECONNRESET');
    assert.deepEqual([...refusals], []);
    assert.equal(await gateway.metric('gateway_sessions_opened_total'), 400);
    assert.equal(await gateway.metric('gateway_faults_total', { fault: 'BUSY' }), 0);
    await pause(1_100);
    assert.equal(await gateway.metric('gateway_door_listening', { listener: 'main' }), 1);
  });
});

describe('a ceiling behind the gateways', () => {
  let fleet: Fleet;
  let issuer: Issuer;
  const CEILING = 20;

  before(async () => {
    issuer = createHmacIssuer();
    const env = { ...issuer.env, ADMISSION_TOKEN_SERVICE_PER_SECOND: String(CEILING) };
    fleet = await startFleet({ gateways: 2, routers: 1, env });
  });
  after(() => fleet?.stop());

  async function fresh(url: string, user: string): Promise<RawClient> {
    const client = await openWebSocketClient(user, url);
    client.post({ type: 'hello', device: 'phone', token: issuer.token(user) });
    return client;
  }

  test('[DOOR-31] fresh clients wait for their credits and are told how long; those that resume pass them by', async () => {
    const [one, two] = fleet.gateways as [ServiceProcess, ServiceProcess];
    const early = await fresh(one.url, 'early');
    await untilWelcome(early);
    await untilCredits(two, 'fresh');
    const beganMs = performance.now();
    const crowd = await Promise.all(
      Array.from({ length: 120 }, (_, i) => fresh(i % 2 === 0 ? one.url : two.url, `fresh-${i}`)),
    );
    const welcomes = crowd.map(async (client) => {
      await untilWelcome(client);
      return performance.now();
    });
    await pause(700);
    early.cut();
    const resumedFrom = performance.now();
    const again = await openWebSocketClient('early again', two.url);
    await again.hello(early.resumption());
    const resumedMs = performance.now() - resumedFrom;
    const atMs = (await Promise.all(welcomes)).sort((a, b) => a - b);

    assert(resumedMs < 1_000, `a resume took ${resumedMs} ms`);
    const lastMs = atMs.at(-1)! - beganMs;
    assert(lastMs > (1_000 * (120 - 2 * CEILING)) / CEILING, `all were in after ${lastMs} ms`);
    for (let i = 0; i + CEILING * 2 < atMs.length; i++) {
      const within = atMs[i + CEILING * 2]! - atMs[i]!;
      assert(within > 1_000, `${CEILING * 2} in ${within} ms`);
    }
    const told = crowd.filter(({ arrivals }) => arrivals.some(({ message }) => message.type === 'wait'));
    assert(told.length > 60, `${told.length} were told that they wait`);
    assert.equal(again.arrivals.filter(({ message }) => message.type === 'wait').length, 0);
    for (const client of crowd) {
      const etas = client.arrivals.flatMap(({ message, atMs: at }) =>
        message.type === 'wait' ? [{ etaMs: message.etaMs, ahead: message.ahead, at }] : [],
      );
      for (const { etaMs, ahead } of etas) assert(etaMs > 0 && ahead < 120);
    }
    for (const client of [...crowd, again]) client.cut();
  });
});

async function untilCredits(gateway: ServiceProcess, kind: 'fresh' | 'all'): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await gateway.metric('gateway_door_credits', { kind })) > 0) return;
    await pause(50);
  }
  assert.fail('no credits were dealt');
}

describe('those in a call', () => {
  let fleet: Fleet;
  let issuer: Issuer;
  let gateway: ServiceProcess;

  before(async () => {
    issuer = createHmacIssuer();
    const env = { ...issuer.env, ADMISSION_DIRECTORY_PER_SECOND: '10', GATEWAY_PRIORITY_PORT: '0' };
    fleet = await startFleet({ gateways: 1, routers: 1, env });
    gateway = fleet.gateways[0]!;
  });
  after(() => fleet?.stop());

  function priorityUrl(): string {
    const started = gateway.lines.find((line) => line.includes('"gateway.started"'))!;
    return `ws://127.0.0.1:${JSON.parse(started).priorityPort}`;
  }

  async function signalled(from: RawClient, to: RawClient, kind: string): Promise<void> {
    await from.send({ user: to.welcome.user }, kind, { kind, call: 'c1' });
    await to.next('frame', (frame) => frame.kind === kind);
  }

  async function inCall(client: RawClient): Promise<boolean | undefined> {
    const { inCall, inCallMs = 0 } = await client.next('resume');
    assert(inCallMs > 0 && inCallMs <= 600_000);
    return inCall;
  }

  test('[CALL-6] are seen by an offer and its answer, come back before the others by their token alone, and copies of it do not', async () => {
    const names = ['ann', 'bob', ...Array.from({ length: 20 }, (_, i) => `guest-${i}`)];
    const clients = await Promise.all(
      names.map(async (name) => {
        const client = await openWebSocketClient(name, gateway.url);
        client.post({ type: 'hello', device: 'phone', token: issuer.token(name) });
        await untilWelcome(client);
        return client;
      }),
    );
    const [ann, bob, ...guests] = clients as [RawClient, RawClient, ...RawClient[]];
    await signalled(ann, bob, 'offer');
    await signalled(bob, ann, 'answer');
    assert.deepEqual([await inCall(ann), await inCall(bob)], [true, true]);
    await untilCredits(gateway, 'all');
    for (const client of clients) client.cut();

    const order: string[] = [];
    async function resumes(client: RawClient, url: string): Promise<RawClient> {
      const again = await openWebSocketClient(`${client.name} again`, url);
      again.post({ type: 'hello', ...client.resumption() });
      const { inCall: told } = await again.next('welcome', undefined, 20_000);
      order.push(client.name);
      assert.equal(told, client === ann || client === bob);
      return again;
    }
    const pretenders = guests.slice(0, 3);
    const all = guests.slice(3).map((guest) => resumes(guest, gateway.url));
    await pause(300);
    all.push(...pretenders.map((guest) => resumes(guest, priorityUrl())));
    await pause(100);
    all.push(resumes(ann, priorityUrl()), resumes(bob, gateway.url));
    const bobAgain = (await Promise.all(all)).at(-1)!;
    assert(Math.max(order.indexOf('ann'), order.indexOf('bob')) < 12, `${order}`);
    assert.deepEqual(order.slice(-3).sort(), pretenders.map(({ name }) => name).sort());
    assert.equal(await gateway.metric('gateway_faults_total', { fault: 'NOT_IN_CALL' }), 3);

    const copy = await openWebSocketClient('copy', priorityUrl());
    copy.post({ type: 'hello', ...ann.resumption() });
    await copy.next('welcome', undefined, 20_000);
    assert.equal(await gateway.metric('gateway_faults_total', { fault: 'CALL_REPLAYED' }), 1);
    assert.equal(await gateway.metric('gateway_door_admitted_total', { class: 'call' }), 2);

    bobAgain.cut();
    const third = await openWebSocketClient('bob once more', priorityUrl());
    third.post({ type: 'hello', ...bobAgain.resumption() });
    const { inCall: told } = await third.next('welcome', undefined, 20_000);
    assert.equal(told, true, 'lost twice in one call, and nothing was said in it meanwhile');
    assert.equal(await gateway.metric('gateway_door_admitted_total', { class: 'call' }), 3);
  });
});
