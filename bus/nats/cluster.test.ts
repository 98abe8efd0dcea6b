/** What only a cluster can go through: the death or the freezing of the leader, with three copies of everything. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { append, channelsIn, frameTo, recorder, until } from '#test/contracts/bus-under-test.ts';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { type NatsCluster, type NatsServer, startNatsCluster } from '#test/harness/nats-server.ts';
import type { Bus } from '../seams.ts';

interface Opened {
  say(what: string): void;
  readonly cluster: NatsCluster;
  readonly bus: Bus;
  pass(ms: number): Promise<void>;
  another(): Promise<Bus>;
  /** The test has ended, well or badly. */
  over(): boolean;
}

function clustered(what: string, run: (opened: Opened) => Promise<void>, limits = {}): void {
  test(what, async (t) => {
    const cluster = await startNatsCluster(3);
    const nodes: Bus[] = [];
    let over = false;
    try {
      const config = natsConfig(cluster.url, limits, { LOG_REPLICAS: 3 });
      const another = async () => {
        const node = await connectNode(config);
        nodes.push(node);
        return node;
      };
      await run({
        say: (what) => t.diagnostic(what),
        cluster,
        bus: await another(),
        another,
        pass: async (ms) => void (await pause(ms)),
        over: () => over,
      });
    } finally {
      over = true;
      await Promise.all(nodes.map((node) => node.close()));
      await cluster.close();
    }
  });
}

for (const fate of ['kill', 'freeze'] as const) {
  clustered(
    `[P1][P2] the log loses, doubles and disorders nothing when its leader dies (${fate})`,
    async (opened) => {
      const { bus, cluster } = opened;
      const follower = await opened.another();
      const [channel] = channelsIn(bus, 0, 1);
      const record = recorder();
      const follow = follower.log.follow(0, 0, record);
      const stored: string[] = [];
      let running = true;
      const sending = (async () => {
        for (let n = 0; (running || n < 200) && !opened.over(); n++) {
          const frame = frameTo(bus, channel!, `${n}`);
          let outcome = await append(opened, frame);
          while (outcome.kind !== 'stored' && !opened.over()) {
            assert.equal(outcome.kind, 'undecided');
            await pause(100);
            outcome = await append(opened, frame);
          }
          stored.push(`${n}`);
        }
      })();
      await until(opened, () => stored.length > 50, 'the first are stored');
      const leader = await leaderOf(cluster, 'snowshed-log-0');
      await leader[fate]();
      const before = stored.length;
      const diedMs = performance.now();
      await until(opened, () => stored.length > before + 20, 'appends go on', 40_000);
      opened.say(`appends went on after ${Math.round(performance.now() - diedMs)} ms`);
      running = false;
      await sending;
      await until(opened, () => record.texts.length >= stored.length, 'the follower has had all');
      follow.stop();
      assert.deepEqual(record.texts, stored);
      const read = await readAll(bus, channel!, record.entries.at(-1)!.position);
      assert.deepEqual(read, stored);
    },
    { dedupWindowMs: 30_000 },
  );
}

clustered(
  'a full log and a full channel are told apart in a cluster too',
  async (opened) => {
    const { bus } = opened;
    let outcome = await append(opened, frameTo(bus, 'u/bob', 'x'));
    for (let n = 0; n < 20 && outcome.kind === 'stored'; n++)
      outcome = await append(opened, frameTo(bus, 'u/bob', 'x'));
    assert.deepEqual(outcome, { kind: 'refused', fault: 'CHANNEL_FULL' });
    const large = { data: Buffer.alloc(8_000) };
    outcome = await append(opened, frameTo(bus, 'u/large0', '', large));
    for (let n = 1; n < 50 && outcome.kind === 'stored'; n++) {
      outcome = await append(opened, frameTo(bus, `u/large${n}`, '', large));
    }
    assert.deepEqual(outcome, { kind: 'refused', fault: 'LOG_FULL' });
  },
  { channelFramesMax: 5, bytesMax: 131_072, partitions: 1 },
);

async function leaderOf(cluster: NatsCluster, stream: string): Promise<NatsServer> {
  const nats = await connect({ servers: cluster.url.split(',') });
  const info = await (await jetstreamManager(nats)).streams.info(stream);
  await nats.close();
  const number = Number(info.cluster?.leader?.slice(1));
  return cluster.servers[number - 1]!;
}

async function readAll(bus: Bus, channel: string, upTo: number): Promise<string[]> {
  const texts: string[] = [];
  for (let after = 0; after < upTo; ) {
    const page = await bus.log.read(channel, after, upTo, 100_000, true);
    texts.push(...page.entries.map(({ data }) => Buffer.from(data).toString()));
    after = page.through;
  }
  return texts;
}
