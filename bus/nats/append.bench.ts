/**
 * Asks what one append costs this process: publish, answer and all, with 200 under way to a real server.
 *
 * Budget: 10 µs of CPU (the convenience call of the client library costs 40). Run by itself it prints CPU and
 * wall time per append; the server's own CPU is not in it.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { startNatsServer } from '#test/harness/nats-server.ts';
import { partitionOf } from '#wire/channels.ts';
import { logSubject } from '#wire/subjects.ts';

const appends = 30_000;
const underWayMax = 200;
const data = Buffer.alloc(300, 'a');
let ids = 0;

await using server = await startNatsServer();
for (const streams of [1, 4, 8]) {
  const config = natsConfig(server.url, {
    partitions: 64,
    bytesMax: 4_000_000_000,
    channelFramesMax: 1_000_000,
  });
  const bus = await connectNode({ ...config, LOG_STREAMS: streams, LOG_STORAGE: 'memory' });
  await measured(`bus.log.append, ${streams} streams`, (done) => {
    const channel = `u/bob${++ids % 1_000}`;
    const messageId = `ann/phone/${channel}/${ids}/0123456789abcdef`;
    bus.log.append({ partition: partitionOf(channel, 64), channel, messageId, data, ttlMs: 30_000 }, done);
  });
  await bus.close();
  const nats = await connect({ servers: server.url });
  const js = jetstream(nats);
  if (streams === 8) {
    await measured('publish of the client library', (done) => {
      const channel = `u/bob${++ids % 1_000}`;
      const messageId = `ann/phone/${channel}/${ids}/0123456789abcdef`;
      void js.publish(logSubject(partitionOf(channel, 64), channel), data, { msgID: messageId }).then(done);
    });
  }
  const manager = await js.jetstreamManager();
  for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name);
  await nats.close();
}

async function measured(what: string, append: (done: () => void) => void): Promise<void> {
  for (const round of ['warming up', 'measured']) {
    await pause(500);
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    await pumped(append);
    const { user, system } = process.cpuUsage(cpu);
    const wallUs = ((performance.now() - startMs) * 1_000) / appends;
    if (round === 'measured') {
      console.log(`${what}: ${((user + system) / appends).toFixed(1)} µs CPU, ${wallUs.toFixed(1)} µs wall`);
    }
  }
}

/** Keeps so many under way until all are answered. */
function pumped(append: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    let answered = 0;
    const done = () => {
      if (++answered === appends) resolve();
    };
    const pump = () => {
      for (; sent < appends && sent - answered < underWayMax; sent++) append(done);
      if (sent < appends) setImmediate(pump);
    };
    pump();
  });
}
