/**
 * Sync interval: what it costs to have every frame on the disk before it is acknowledged.
 *
 * Two nats-servers on file storage, one with the default `sync_interval` (2 minutes: the operating system writes
 * when it likes) and one with `always`; appends of 300 B with 1 and with 256 under way, in turns, several rounds.
 * `node load-tests/sync-interval.ts [--rounds 3] [--seconds 2]` prints the medians as a Markdown table.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Appended, Bus } from '#bus/seams.ts';
import { connectNode, natsConfig } from '#test/contracts/nats-bus.ts';
import { startNatsServer } from '#test/harness/nats-server.ts';
import { partitionOf } from '#wire/channels.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '2' } },
});
const rounds = Number(values.rounds);
const roundMs = Number(values.seconds) * 1_000;
const data = Buffer.alloc(300, 'a');
const folder = mkdtempSync(join(tmpdir(), 'snowshed-sync-'));
let ids = 0;

const settings = { default: '', always: 'sync_interval: always' };
const figures = new Map<string, { perSecond: number[]; medianMs: number[] }>();

for (let round = 0; round < rounds; round++) {
  for (const [name, setting] of Object.entries(settings)) {
    const config = join(folder, `${name}.conf`);
    writeFileSync(config, `jetstream { ${setting} }\n`);
    await using server = await startNatsServer({ args: ['-c', config] });
    const bus = await connectNode(
      natsConfig(server.url, { partitions: 64, bytesMax: 4_000_000_000, channelFramesMax: 1_000_000 }),
    );
    for (const underWay of [1, 256]) {
      const { perSecond, medianMs } = await measured(bus, underWay);
      const key = `${name}, ${underWay} under way`;
      const figure = figures.get(key) ?? { perSecond: [], medianMs: [] };
      figure.perSecond.push(perSecond);
      figure.medianMs.push(medianMs);
      figures.set(key, figure);
    }
    await bus.close();
  }
}
rmSync(folder, { recursive: true });

console.log('| `sync_interval` | appends per second | median answer, ms |\n|---|---|---|');
for (const [key, { perSecond, medianMs }] of figures) {
  console.log(`| ${key} | ${Math.round(median(perSecond))} | ${median(medianMs).toFixed(2)} |`);
}

/** Keeps so many appends under way for a while. */
async function measured(bus: Bus, underWay: number): Promise<{ perSecond: number; medianMs: number }> {
  const times: number[] = [];
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: underWay }, async () => {
      while (performance.now() - startMs < roundMs) {
        const atMs = performance.now();
        if ((await appended(bus)).kind !== 'stored') throw new Error('an append was not stored');
        times.push(performance.now() - atMs);
      }
    }),
  );
  return { perSecond: (times.length * 1_000) / (performance.now() - startMs), medianMs: median(times) };
}

function appended(bus: Bus): Promise<Appended> {
  const channel = `u/bob${++ids % 1_000}`;
  const append = { partition: partitionOf(channel, 64), channel, messageId: `${ids}`, data, ttlMs: 30_000 };
  return new Promise((answered) => bus.log.append(append, answered));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
