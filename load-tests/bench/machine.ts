/** Machine: what the figures were measured on, and with which programs. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { natsServerPath } from '#tools/nats-server.ts';

/** One line each. */
export function machineLines(): readonly string[] {
  const [cpu] = cpus();
  const version = spawnSync(natsServerPath(), ['--version'], { encoding: 'utf8' }).stdout.trim();
  const { dependencies } = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'),
  ) as { dependencies: Record<string, string> };
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${(totalmem() / 1e9).toFixed(0)} GB, ${type()} ${kernel()}`,
    `Node ${process.version}, ${version}, uWebSockets.js ${dependencies['uWebSockets.js']?.split('@').at(-1)}`,
    'everything on loopback of one machine, clients included',
  ];
}

/** How many wanted the processors of late: well above one where others worked on the machine beside the benchmark. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

/** Major and minor number; the rest names the machine's maker. */
function kernel(): string {
  return /^\d+\.\d+/.exec(readFileSync('/proc/sys/kernel/osrelease', 'utf8'))?.[0] ?? '';
}
