/**
 * Queue: clients of the SDK before a door that a ceiling holds up, in real processes.
 */

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type Snowshed, type Status } from '#client/index.ts';
import { type Balancer, startBalancer } from '../harness/balancer.ts';
import { useStage } from '../harness/stage.ts';

const CLIENTS = 20;
const PER_SECOND = 4;
/** The windows of 250 ms that a run may be off by: the one begun, the one that ends, one that news were late for. */
const WINDOWS_OFF = 3;
/** Who is lost sooner after a welcome than this goes on with the windows of the loss before. */
const STAYED_UP_MS = 10_000;
/** Routers decide after they have listened for so long. */
const LEARNING_MS = 3_000;

function isResumed(status: Status): boolean {
  return status.state === 'open' && status.resumed;
}

describe('a fleet whose token service bears little', () => {
  const stage = useStage({
    transport: 'websocket',
    gateways: 2,
    routers: 2,
    issuer: 'hmac',
    env: { ADMISSION_TOKEN_SERVICE_PER_SECOND: `${PER_SECOND}` },
  });
  const clients: Snowshed[] = [];
  let balancer: Balancer | undefined;
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await balancer?.close();
  });

  function newcomer(url: string): { statuses: Status[]; inAtMs: Promise<number>; tokens(): number } {
    const statuses: Status[] = [];
    const user = stage.name('guest');
    let tokens = 0;
    const getToken = () => {
      tokens++;
      return stage.token(user);
    };
    const client = connect({ url, getToken });
    clients.push(client);
    client.on('status', (status) => statuses.push(status));
    return { statuses, inAtMs: client.ready.then(() => performance.now()), tokens: () => tokens };
  }

  test('[P5] newcomers come in at its pace, see their place in the queue, and who resumes waits for none of it', async () => {
    let turn = 0;
    balancer = await startBalancer(() => {
      turn++;
      const urls = stage.fleet.urls();
      return urls.map((_, i) => urls[(i + turn) % urls.length]!);
    });
    const url = `http://127.0.0.1:${balancer.port}`;
    await pause(2 * LEARNING_MS);
    const guests = Array.from({ length: CLIENTS }, () => newcomer(url));
    const inAtMs = (await Promise.all(guests.map((guest) => guest.inAtMs))).toSorted((a, b) => a - b);
    for (let from = 0; from < CLIENTS; from++) {
      const within = inAtMs.filter((atMs) => atMs >= inAtMs[from]! && atMs < inAtMs[from]! + 2_000).length;
      assert(within <= PER_SECOND * (2 + WINDOWS_OFF / 4), `${within} within two seconds`);
    }
    const queues = guests.flatMap(({ statuses }) =>
      statuses.flatMap((status) => (status.state === 'connecting' && status.queue ? [status.queue] : [])),
    );
    assert(queues.length > 0, 'nobody was told of the queue');
    assert(queues.some(({ ahead, etaMs }) => ahead > 0 && etaMs > 500));
    assert(
      guests.every(({ tokens }) => tokens() === 1),
      'tokens were asked for again',
    );

    await pause(STAYED_UP_MS + 500);
    const killedAtMs = performance.now();
    await stage.fleet.gateways[0]!.kill();
    const resumed = () => guests.filter(({ statuses }) => statuses.some(isResumed)).length;
    const allOpen = () => clients.every(({ status }) => status.state === 'open');
    while (resumed() < CLIENTS / 4 || !allOpen()) {
      assert(performance.now() - killedAtMs < 60_000, `${resumed()} of ${CLIENTS} resumed`);
      await pause(20);
    }
    const tookMs = performance.now() - killedAtMs;
    console.log(`${resumed()} sessions of a killed gateway were resumed after ${Math.round(tookMs)} ms`);
    assert(
      guests.every(({ tokens }) => tokens() === 1),
      'a resume asked for a token',
    );
  });
});
