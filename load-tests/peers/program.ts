/**
 * Program: another project's server, started on loopback, watched until it answers, and ended by its id.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { pause } from '../bench/scene.ts';

export interface Program {
  readonly pid: number;
  kill(): Promise<void>;
}

const START_MS_MAX = 20_000;
const LINES_KEPT = 20;
const running = new Set<ChildProcess>();

// However this process ends, it leaves no child behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Resolves when the program takes connections on this port of loopback.
 *
 * @throws Error with its last words, or with `missing` where there is no such program.
 */
export async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
  missing = '',
): Promise<Program> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => void said.splice(0, said.push(`${text}`) - LINES_KEPT));
  let failed: Error | undefined;
  child.once('error', (cause) => {
    failed = new Error(missing === '' ? `${command} cannot be started` : missing, { cause });
  });
  child.once('exit', () => running.delete(child));
  const untilMs = performance.now() + START_MS_MAX;
  while (!(await listens(port))) {
    if (failed !== undefined) throw failed;
    if (performance.now() < untilMs && child.exitCode === null) await pause(50);
    else throw new Error(`${command} did not start:\n${said.join('')}`);
  }
  return {
    pid: child.pid!,
    async kill() {
      if (!running.has(child)) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
