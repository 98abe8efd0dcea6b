/**
 * Asks what one entry costs a router to be brought, out of a log that is already there.
 *
 * Budget: 5 µs of CPU. Run by itself it prints CPU and wall time per entry; the server's own CPU is not in it.
 */

import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { startNatsServer } from '#test/harness/nats-server.ts';

const frames = 60_000;
const data = Buffer.alloc(300, 'a');

await using server = await startNatsServer();
const limits = { partitions: 1, bytesMax: 4_000_000_000, channelFramesMax: 1_000_000 };
const bus = await connectNode(natsConfig(server.url, limits, { LOG_STORAGE: 'memory' }));
await filled();
for (const round of ['warming up', 'measured']) {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await followed();
  const { user, system } = process.cpuUsage(cpu);
  const wallUs = ((performance.now() - startMs) * 1_000) / frames;
  if (round === 'measured') {
    console.log(`follow: ${((user + system) / frames).toFixed(1)} µs CPU, ${wallUs.toFixed(1)} µs wall`);
  }
}
await bus.close();

function filled(): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    let answered = 0;
    const done = () => {
      if (++answered === frames) resolve();
      else if (sent < frames) send();
    };
    const send = () => {
      const channel = `u/bob${++sent % 1_000}`;
      bus.log.append({ partition: 0, channel, messageId: `${sent}`, data, ttlMs: 600_000 }, done);
    };
    for (let n = 0; n < 200; n++) send();
  });
}

function followed(): Promise<void> {
  return new Promise((resolve) => {
    let brought = 0;
    const follow = bus.log.follow(0, 0, {
      entry() {
        if (++brought < frames) return;
        follow.stop();
        resolve();
      },
      head: () => undefined,
      epochChanged: () => undefined,
    });
  });
}
