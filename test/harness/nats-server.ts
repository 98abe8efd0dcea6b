/**
 * NATS servers: real ones for tests, on free ports of loopback, each with a JetStream folder of its own.
 *
 * One server or a cluster of any number of them; each can be stopped, killed, started again on the same port
 * and folder, and frozen (SIGSTOP). Close what was started: `await using`, or `close` in `after`.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { natsServerPath } from '#tools/nats-server.ts';
import { freePorts } from './free-ports.ts';

export interface NatsServer {
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly monitorPort: number;
  /** `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** What it has logged so far. */
  log(): string;
  start(): Promise<void>;
  /** Ends it in good order (SIGTERM). */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL). */
  kill(): Promise<void>;
  /** Freezes it: connections stay up and nothing answers, until `resume`. */
  freeze(): void;
  resume(): void;
  /** Kills it and removes its folder. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  /** Of all servers, with commas. */
  readonly url: string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface NatsServerOptions {
  /** Further arguments of `nats-server`. */
  readonly args?: readonly string[];
}

interface Ports {
  readonly client: number;
  readonly monitor: number;
}

const START_MS_MAX = 20_000;

/** A test that dies must not leave servers behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** One server, ready to take JetStream requests. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const [client, monitor] = await freePorts(2);
  const server = createNatsServer({ client: client!, monitor: monitor! }, options.args ?? []);
  await server.start();
  return server;
}

/** So many servers that form one JetStream cluster, ready and with a leader. */
export async function startNatsCluster(size = 3, options: NatsServerOptions = {}): Promise<NatsCluster> {
  const ports = await freePorts(size * 3);
  const routes = ports.slice(0, size).map((port) => `nats://127.0.0.1:${port}`);
  const servers = routes.map((_, n) => {
    const cluster = ['--cluster_name', 'test', '--cluster', routes[n]!, '--routes', routes.join(',')];
    const own: Ports = { client: ports[size + n]!, monitor: ports[2 * size + n]! };
    return createNatsServer(own, [...cluster, '--server_name', `n${n + 1}`, ...(options.args ?? [])]);
  });
  const cluster: NatsCluster = {
    servers,
    url: servers.map((server) => server.url).join(','),
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
    [Symbol.asyncDispose]: () => cluster.close(),
  };
  await Promise.all(servers.map((server) => server.start()));
  return cluster;
}

function createNatsServer(ports: Ports, args: readonly string[]): NatsServer {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-nats-'));
  const logPath = join(folder, 'log');
  let child: ChildProcess | undefined;

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    await exited;
  }

  const server: NatsServer = {
    url: `nats://127.0.0.1:${ports.client}`,
    port: ports.client,
    monitorPort: ports.monitor,
    get pid() {
      return child?.pid;
    },
    log: () => readFileSync(logPath, 'utf8'),
    async start() {
      assert(child === undefined, 'it runs already');
      child = spawned(ports, folder, logPath, args);
      await ready(ports.monitor, child, logPath);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async close() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
  return server;
}

function spawned(ports: Ports, folder: string, logPath: string, args: readonly string[]): ChildProcess {
  const own = ['--addr', '127.0.0.1', '--port', `${ports.client}`, '--http_port', `${ports.monitor}`];
  const store = ['--jetstream', '--store_dir', join(folder, 'store')];
  const child = spawn(natsServerPath(), [...own, ...store, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const log = createWriteStream(logPath, { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log);
  return child;
}

/** Until the server says of itself that JetStream works: in a cluster, that it has a leader and is current. */
async function ready(monitorPort: number, child: ChildProcess, logPath: string): Promise<void> {
  const untilMs = performance.now() + START_MS_MAX;
  while (performance.now() < untilMs && child.exitCode === null) {
    const health = await fetch(`http://127.0.0.1:${monitorPort}/healthz`).catch(() => undefined);
    await health?.body?.cancel();
    if (health?.ok) return;
    await pause(25);
  }
  child.kill('SIGKILL');
  throw new Error(`nats-server did not start:\n${readFileSync(logPath, 'utf8')}`);
}
