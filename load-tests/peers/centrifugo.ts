/**
 * Centrifugo: one node with its memory engine, and two with Redis, history and recovery.
 *
 * A client publishes to the channel of the other, to which its token subscribed it. With Redis the clients are spread
 * over both nodes as ours are over two gateways; Redis writes its log to a file and syncs it each second, as its
 * documentation advises.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '#test/harness/free-ports.ts';
import { centrifugoPath } from '#tools/centrifugo.ts';
import { tokenSecret } from '../bench/bounds.ts';
import { ownBytes } from '../bench/proc.ts';
import type { Peer, Running } from './peer.ts';
import { type Program, startProgram } from './program.ts';

const redisMissing = 'No redis-server found: install Redis (Debian: redis-server).';

/** @throws Error that says what to install, where Centrifugo or Redis is not there and cannot be had. */
export function requireCentrifugo(): void {
  centrifugoPath();
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new Error(redisMissing);
}

/** Longer than a benchmark: idle is idle for all. */
const PING = { ping_interval: '3600s', pong_timeout: '1800s' };
const identity = 'JWT (HS256) checked at connect; the server stamps who sent';

/** As long as a frame of ours lives, and as many as can come in that time. */
const history = { history_size: 10_000, history_ttl: '30s', force_recovery: true };

export const centrifugoInMemory: Peer = {
  name: 'Centrifugo 5.4.9, one node, memory engine',
  greeting: { kind: 'peer', speech: 'centrifugo' },
  kind: 'centrifugo',
  does: {
    identity,
    acknowledgement: 'when it was handed to the subscribers, even to none',
    durability: 'none: who is away misses it (history is off, as it is by default)',
    order: 'of one channel; a repeat arrives twice',
  },
  start: () => started('centrifugo', 1, {}),
};

export const centrifugoWithRedis: Peer = {
  name: 'Centrifugo 5.4.9, two nodes, Redis with history and recovery',
  greeting: { kind: 'peer', speech: 'centrifugo' },
  kind: 'centrifugo',
  does: {
    identity,
    acknowledgement: 'when Redis has it in the history of the channel',
    durability:
      'Redis keeps it 30 s, in memory and in a file synced each second; who comes back, to whichever node, gets what he missed',
    order: 'of one channel, with positions; a repeat arrives twice',
  },
  start: () => startedWithRedis(),
};

async function startedWithRedis(): Promise<Running> {
  const [port] = (await freePorts(1)) as [number];
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-redis-'));
  const kept = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
  const own = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder];
  const removed = () => rmSync(folder, { recursive: true, force: true });
  const redis = await startProgram('redis-server', [...own, ...kept], port, redisMissing).catch((error) => {
    removed();
    throw error;
  });
  const engine = { engine: 'redis', redis_address: `127.0.0.1:${port}`, ...history };
  return started('centrifugo and redis', 2, engine, redis, () => redis.kill().then(removed));
}

async function started(
  name: string,
  count: number,
  config: object,
  redis?: Program,
  end: () => Promise<void> = async () => undefined,
): Promise<Running> {
  const ports = await freePorts(count);
  const nodes: Program[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    await end();
  };
  try {
    for (const port of ports) nodes.push(await startNode(port, config));
  } catch (error) {
    await stop();
    throw error;
  }
  const pids = [...nodes, ...(redis === undefined ? [] : [redis])].map(({ pid }) => pid);
  const addresses = ports.map((port) => ({ host: '127.0.0.1', port, path: '/', subprotocol: undefined }));
  return {
    system: { name, addresses, pids },
    async ownBytes() {
      await Promise.all(ports.map(collectGarbage));
      return pids.reduce((sum, pid) => sum + ownBytes(pid), 0);
    },
    stop,
  };
}

async function startNode(port: number, config: object): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-centrifugo-'));
  const path = join(folder, 'config.json');
  const own = { address: '127.0.0.1', port: `${port}`, log_level: 'error', debug: true };
  const open = { token_hmac_secret_key: tokenSecret, allow_publish_for_client: true };
  writeFileSync(path, JSON.stringify({ ...own, ...open, ...PING, ...config }));
  try {
    return await startProgram(centrifugoPath(), ['--config', path], port);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The profile of the heap is of no interest; it is made after a collection. */
async function collectGarbage(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/debug/pprof/heap?gc=1`);
  await answer.arrayBuffer();
}
