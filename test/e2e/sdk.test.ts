import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { connect, type Frame, type Snowshed } from '#client/index.ts';
import { type Balancer, startBalancer } from '../harness/balancer.ts';
import { type Stage, useStage } from '../harness/stage.ts';

interface Party {
  readonly client: Snowshed;
  readonly frames: Frame[];
  readonly statuses: string[];
}

const clients: Snowshed[] = [];
after(() => Promise.all(clients.map((client) => client.close())));

async function party(stage: Stage, user: string, url: string, onlyLongPoll: boolean): Promise<Party> {
  const client = connect({ url, getToken: () => stage.token(user), onlyLongPoll });
  clients.push(client);
  const frames: Frame[] = [];
  const statuses: string[] = [];
  client.on('frame', (frame) => frames.push(frame));
  client.on('status', ({ state }) => statuses.push(state));
  client.on('error', (error) => statuses.push(error.message));
  await client.ready;
  return { client, frames, statuses };
}

async function until(what: string, holds: () => boolean, msMax = 20_000): Promise<void> {
  const endMs = performance.now() + msMax;
  while (!holds()) {
    assert(performance.now() < endMs, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

for (const onlyLongPoll of [false, true]) {
  const transport = onlyLongPoll ? 'poll' : 'websocket';

  describe(`the SDK over ${transport} and a fleet`, () => {
    const stage = useStage({ transport, gateways: 3, routers: 1, issuer: 'hmac' });
    let turn = 0;
    let balancer: Balancer | undefined;
    after(() => balancer?.close());

    test('[P1][P2][P4] what is acknowledged arrives once and in order, while a gateway dies and networks change', async () => {
      balancer = await startBalancer(() => {
        const urls = stage.fleet.urls();
        const first = turn++ % urls.length;
        return [...urls.slice(first), ...urls.slice(0, first)];
      });
      const url = `http://127.0.0.1:${balancer.port}`;
      const [annName, bobName, roomName] = [stage.name('ann'), stage.name('bob'), stage.name('room')];
      const ann = await party(stage, annName, url, onlyLongPoll);
      const bob = await party(stage, bobName, url, onlyLongPoll);
      const room = await ann.client.join(roomName);
      await bob.client.join(roomName);
      const presence: number[] = [];
      await ann.client.presence.watch(`u/${bobName}`, ({ members }) => presence.push(members.length));
      ann.client.inCall = bob.client.inCall = true;

      const count = 120;
      const sends: Promise<unknown>[] = [];
      for (const i of numbers(count)) {
        sends.push(ann.client.send({ user: bobName, kind: 'offer', body: i }));
        sends.push(bob.client.send({ user: annName, kind: 'answer', body: i }));
        if (i % 4 === 0) sends.push(room.send({ kind: 'chat', body: i }));
        if (i === 30) ann.client.networkChanged();
        if (i === 60) await stage.fleet.gateways[0]?.kill();
        if (i === 90) bob.client.networkChanged();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await Promise.all(sends);

      const heard = ({ frames }: Party, channel: string) =>
        frames.filter((frame) => frame.channel === channel).map(({ body }) => body);
      const roomNumbers = numbers(count).filter((i) => i % 4 === 0);
      await until(
        'all of it has come',
        () => bob.frames.length >= count + roomNumbers.length && ann.frames.length >= count,
      );
      assert.deepEqual(heard(bob, `u/${bobName}`), numbers(count));
      assert.deepEqual(heard(bob, `r/${roomName}`), roomNumbers);
      assert.deepEqual(heard(ann, `u/${annName}`), numbers(count));
      await until('bob is present', () => presence.at(-1) === 1);
      assert.deepEqual(
        [ann, bob].map(({ client }) => client.status.state),
        ['open', 'open'],
      );
    });
  });
}
