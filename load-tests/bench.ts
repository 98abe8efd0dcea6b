/**
 * Benchmark: what a frame, a session and a resume cost, in real processes on loopback, by a yardstick.
 *
 * `npm run bench` measures everything and writes `docs/benchmarks.md`. `-- --quick` is short and writes nothing;
 * `-- --only frames,sessions` takes some of the groups, and writes nothing either. `-- --peers` sets other servers beside
 * ours in the same run; with `--only peers` it measures and writes that section alone. So does `--only door`, and it alone, with what
 * letting a client in, and refusing it, cost a gateway.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askedOf, misused } from '#tools/command-line.ts';
import { type Figure, figuresText } from './bench/figure.ts';
import { frameFigures } from './bench/frame-figures.ts';
import { loadNow, machineLines } from './bench/machine.ts';
import { openingFigures } from './bench/opening-figures.ts';
import { reportText } from './bench/report.ts';
import { sessionFigures } from './bench/session-figures.ts';
import { subscriptionFigures } from './bench/subscription-figures.ts';
import { takeoverFigures } from './bench/takeover-figures.ts';
import { doorCosts } from './door-costs/costs.ts';
import {
  type DoorCostsRun,
  doorCostsFile,
  doorSection,
  doorTable,
  doorText,
  withDoorSection,
} from './door-costs/costs-text.ts';
import { requireCentrifugo } from './peers/centrifugo.ts';
import { compare, framesPerSecond } from './peers/comparison.ts';
import { costsTable, peersSection, peersText, withPeersSection } from './peers/peers-text.ts';

const groupNames = ['frames', 'openings', 'sessions', 'subscriptions', 'takeover'] as const;
const command = {
  name: 'bench',
  help: `npm run bench -- [options]

Measures what a frame, a session and a resume cost, and writes docs/benchmarks.md. Needs a nats-server.

  --quick        a short run that writes nothing
  --only GROUPS  some of ${groupNames.join(', ')} (with commas), written nowhere;
                 or peers (with --peers), or door, whose section is written
  --peers        other servers beside ours as well; needs redis-server, and Centrifugo or Go to build it with
  --help         this text`,
};
const { values } = askedOf(command, {
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'boolean', default: false },
  },
});
const { quick } = values;
const peersAlone = values.peers && values.only === 'peers';
const doorAlone = values.only === 'door';
const only = values.only?.split(',') ?? groupNames;
const chosen = groupNames.filter((name) => only.includes(name));
if (!peersAlone && !doorAlone && chosen.length < only.length)
  misused(command, `there are no groups beside ${groupNames.join(', ')}`);
// What is not installed is said before anything is measured.
if (values.peers) requireCentrifugo();
const schedule = quick
  ? { rounds: 2, warmMs: 300, windowMs: 1_000 }
  : { rounds: 5, warmMs: 500, windowMs: 2_000 };

const groups: Readonly<Record<(typeof groupNames)[number], () => Promise<readonly Figure[]>>> = {
  frames: () => frameFigures({ users: quick ? 200 : 400, schedule, tenfold: !quick, progress }),
  openings: () => openingFigures({ clients: quick ? 500 : 2_000, rounds: quick ? 2 : 4, progress }),
  sessions: () => sessionFigures({ sessions: quick ? 3_000 : 15_000, rounds: quick ? 1 : 2, progress }),
  subscriptions: () => subscriptionFigures({ few: 100, many: quick ? 5_000 : 50_000, progress }),
  takeover: () => takeoverFigures({ sessions: quick ? 10_000 : 100_000, rounds: quick ? 1 : 3, progress }),
};

const loadBefore = loadNow();
const startMs = performance.now();
function seconds(): number {
  return (performance.now() - startMs) / 1_000;
}
function progress(line: string): void {
  console.error(`${seconds().toFixed(0).padStart(4)} s  ${line}`);
}

const figures: Figure[] = [];
for (const name of chosen) figures.push(...(await groups[name]()));
const goals = figures.filter(({ goal }) => goal !== undefined);
const others = figures.filter(({ goal }) => goal === undefined);
if (goals.length > 0) console.log(`\n${figuresText(goals)}`);
if (others.length > 0) console.log(`\n${figuresText(others)}`);

const day = new Date().toISOString().slice(0, 10);
const costsPath = join(import.meta.dirname, '..', 'gateway', 'door', 'costs.json');
const pagePath = join(import.meta.dirname, '..', 'docs', 'benchmarks.md');
const peers = values.peers ? await measuredPeers() : undefined;
const door = doorAlone ? await measuredDoor() : undefined;
if (!quick && (values.only === undefined || peersAlone || doorAlone)) {
  const written = existsSync(pagePath) ? readFileSync(pagePath, 'utf8') : '# Benchmarks\n';
  const run = { goals, others, machine: machineLines(), day, seconds: seconds(), loadBefore };
  const page = peersAlone || doorAlone ? written : reportText(run);
  const withPeers = withPeersSection(page, peers ?? peersSection(written));
  writeFileSync(
    pagePath,
    withDoorSection(withPeers, door === undefined ? doorSection(written) : doorText(door)),
  );
  if (door !== undefined) writeFileSync(costsPath, doorCostsFile(door));
}

async function measuredPeers(): Promise<string> {
  const few = { rounds: quick ? 1 : 3, warmMs: schedule.warmMs, windowMs: schedule.windowMs };
  const connections = quick ? 1_000 : 5_000;
  const compared = await compare({ connections, users: 200, schedule: few, progress });
  console.log(`\n${costsTable(compared)}`);
  return peersText({ compared, connections, framesPerSecond, day, loadBefore });
}

async function measuredDoor(): Promise<DoorCostsRun> {
  const clients = quick ? 300 : 2_000;
  const waiting = quick ? 500 : 1_500;
  const costs = await doorCosts({ clients, waiting, rounds: quick ? 1 : 4, progress });
  console.log(`\n${doorTable(costs)}`);
  return { costs, clients, waiting, day, loadBefore };
}
