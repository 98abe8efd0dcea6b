/**
 * Process: one real process of the service under test, started, watched and ended by its id.
 *
 * It listens on ports of its own choice and says them in its log line `listening`. Its lines are kept,
 * so that a failed test can show them.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseMetrics, sumOf } from './metrics.ts';

export type Environment = Readonly<Record<string, string>>;

export interface ServiceProcess {
  /** `gateway-1`, `router-2`, `all-in-one`. */
  readonly name: string;
  readonly pid: number;
  /** `ws://127.0.0.1:<port>`; empty for a router. */
  readonly url: string;
  readonly opsUrl: string;
  readonly lines: readonly string[];
  readonly running: boolean;
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  signal(name: NodeJS.Signals): void;
  /** Ends it at once and waits until it is gone. */
  kill(): Promise<void>;
  ready(timeoutMs?: number): Promise<void>;
  /** The sum of a metric over all series that carry these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

interface Listening {
  readonly port: number | undefined;
  readonly opsPort: number;
}

const root = join(import.meta.dirname, '..', '..');
const linesKept = 2_000;
const startMsMax = 20_000;
const running = new Set<ChildProcess>();

// However this process ends, it leaves no child behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => process.exit(1));
}

/**
 * Starts `node <main>` and resolves when it says that it listens.
 *
 * @param preloads modules loaded before it (`--import`), which change what a test cannot reach from outside.
 */
export async function startProcess(
  name: string,
  main: string,
  env: Environment,
  preloads: readonly string[] = [],
): Promise<ServiceProcess> {
  const imports = preloads.flatMap((path) => ['--import', join(root, path)]);
  const child = spawn(process.execPath, [...imports, main], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: string[] = [];
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? -1);
    });
  });
  const { port, opsPort } = await listening(name, child, lines);
  const opsUrl = `http://127.0.0.1:${opsPort}`;
  return {
    name,
    pid: child.pid as number,
    url: port === undefined ? '' : `ws://127.0.0.1:${port}`,
    opsUrl,
    lines,
    get running() {
      return running.has(child);
    },
    exited,
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    ready: (timeoutMs = startMsMax) => untilReady(name, opsUrl, timeoutMs, lines),
    async metric(metric, labels = {}) {
      const answer = await fetch(`${opsUrl}/metrics`);
      return sumOf(parseMetrics(await answer.text()), metric, labels);
    },
  };
}

function listening(name: string, child: ChildProcess, lines: string[]): Promise<Listening> {
  return new Promise((resolve, reject) => {
    function failed(why: string): void {
      child.kill('SIGKILL');
      reject(new Error(`${name} ${why}:\n${lines.slice(-20).join('\n')}`));
    }
    const timer = setTimeout(() => failed('did not listen in time'), startMsMax);
    // When its streams have ended as well, so that its last words are told.
    child.once('close', (code, signal) => failed(`ended with ${code ?? signal}`));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > linesKept) lines.splice(0, linesKept / 2);
        const said = listeningIn(line);
        if (said === undefined) return;
        clearTimeout(timer);
        resolve(said);
      });
    }
  });
}

function listeningIn(line: string): Listening | undefined {
  if (!line.includes('"listening"')) return undefined;
  const { event, port, opsPort } = JSON.parse(line) as Partial<Listening> & { event?: string };
  return event === 'listening' && opsPort !== undefined ? { port, opsPort } : undefined;
}

async function untilReady(
  name: string,
  opsUrl: string,
  timeoutMs: number,
  lines: readonly string[],
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  let last = 'no answer';
  while (performance.now() < endMs) {
    try {
      const answer = await fetch(`${opsUrl}/readyz`);
      last = await answer.text();
      if (answer.ok) return;
    } catch (error) {
      last = String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} is not ready after ${timeoutMs} ms (${last}):\n${lines.slice(-20).join('\n')}`);
}
