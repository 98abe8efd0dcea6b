/**
 * Rolling restart: every gateway and every router is replaced, one after the other, under sessions that stay and sessions that talk.
 *
 * `npm run rolling` does it as Kubernetes would (`maxSurge` 1: a new one is ready, balancers leave out the old one, SIGTERM, and as
 * long as it takes), with a swarm of real clients, and writes `docs/rolling-restart.md`. Exits with 1 where a goal is missed.
 */

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceProcess } from '#test/harness/process.ts';
import { askedOf } from '#tools/command-line.ts';
import { loadNow, machineLines } from './bench/machine.ts';
import { progressLine } from './swarm/report.ts';
import { placeAt, type Scene, startScene } from './swarm/scene.ts';
import { type Swarm, startSwarm } from './swarm/swarm.ts';

const help = `npm run rolling -- [options]

  --sessions N   sessions that stay (20000)
  --talking N    of them exchange frames, in pairs (1000)
  --every S      seconds between two frames of one of them (2)
  --gateways N   (4)   --routers N   (2)
  --drain S      seconds over which a gateway hands its sessions over (20)
  --json FILE    the figures
  --write        writes docs/rolling-restart.md`;
const { values } = askedOf(
  { name: 'rolling', help },
  {
    options: {
      sessions: { type: 'string', default: '20000' },
      talking: { type: 'string', default: '1000' },
      every: { type: 'string', default: '2' },
      gateways: { type: 'string', default: '4' },
      routers: { type: 'string', default: '2' },
      drain: { type: 'string', default: '20' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  },
);

const AWAY_MS_MAX = 5_000;
const IMBALANCE_MAX = 1.25;
/** Balancers hear of it before the SIGTERM, as with `preStop`. */
const PRE_STOP_MS = 1_000;
const EVEN_MS_MAX = 240_000;
const RAMP_MS = 40_000;
const REST_MS = 3_000;

interface Figures {
  readonly sessions: number;
  readonly up: number;
  readonly seconds: number;
  readonly returns: number;
  readonly awayMedianMs: number;
  readonly awayP99Ms: number;
  readonly awayMaxMs: number;
  readonly broken: number;
  readonly frames: {
    sent: number;
    acknowledged: number;
    lost: number;
    doubled: number;
    disordered: number;
    gaps: number;
  };
  readonly imbalanceAfter: number;
  readonly imbalance: number;
  readonly evenSeconds: number;
}

const sessions = count('sessions');
const talking = count('talking');
const started = performance.now();
process.exitCode = (await main()) ? 0 : 1;
process.exit();

async function main(): Promise<boolean> {
  const secret = randomBytes(32).toString('base64url');
  const load = loadNow();
  const scene = await startScene({
    ...{ gateways: count('gateways'), routers: count('routers'), tls: false, secret },
    env: { GATEWAY_DRAIN_MS: String(1_000 * count('drain')) },
  });
  let swarm: Swarm | undefined;
  try {
    const talk = { pairs: Math.floor(talking / 2), frameEveryMs: 1_000 * count('every') };
    swarm = await startSwarm({ sessions, tls: false, secret, timing: 'law', seed: 1, ...talk });
    const figures = await rolled(scene, swarm);
    const goals = goalsOf(figures);
    console.log(tableOf(figures, goals));
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
    if (values.write) writeFileSync(pagePath(), pageOf(figures, goals, load));
    return goals.every(({ met }) => met);
  } finally {
    swarm?.stop();
    await scene.stop();
  }
}

async function rolled({ fleet }: Scene, swarm: Swarm): Promise<Figures> {
  const tell = progressLine(sessions);
  swarm.onTally(tell);
  await announce(swarm, fleet.gateways);
  await swarm.ramp(RAMP_MS);
  await pause(REST_MS);
  await swarm.mark();
  const beganMs = performance.now();
  const losses = swarm.tally().losses;
  for (const old of [...fleet.gateways]) {
    say(`replacing ${old.name}`);
    await (await fleet.addGateway()).ready();
    await announce(
      swarm,
      fleet.gateways.filter((one) => one !== old),
    );
    await pause(PRE_STOP_MS);
    await ended(old);
  }
  for (const old of [...fleet.routers]) {
    say(`replacing ${old.name}`);
    await (await fleet.addRouter()).ready();
    await ended(old);
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  await pause(REST_MS);
  const imbalanceAfter = await imbalanceOf(fleet.gateways);
  const evenMs = performance.now();
  let imbalance = imbalanceAfter;
  // Until nobody has more than a tenth above his part, which is when gateways cease to shed.
  while (imbalance > 1.12 && performance.now() - evenMs < EVEN_MS_MAX) {
    await pause(1_000);
    imbalance = await imbalanceOf(fleet.gateways);
  }
  const evenSeconds = (performance.now() - evenMs) / 1_000;
  await swarm.rest();
  await pause(REST_MS);
  const [{ awayMs }, ledger, tally] = [await swarm.episode(), await swarm.ledger(), swarm.tally()];
  tell.end();
  const away = awayMs.sort();
  const { tookMs: _, ...frames } = ledger;
  return {
    ...{
      sessions,
      up: tally.up,
      seconds,
      returns: away.length,
      frames,
      imbalanceAfter,
      imbalance,
      evenSeconds,
    },
    awayMedianMs: away[Math.floor(away.length / 2)] ?? 0,
    awayP99Ms: away[Math.floor(away.length * 0.99)] ?? 0,
    awayMaxMs: away.at(-1) ?? 0,
    broken: tally.losses - losses,
  };
}

async function announce(swarm: Swarm, gateways: readonly ServiceProcess[]): Promise<void> {
  await swarm.places(gateways.filter(({ running }) => running).map(({ url }) => ({ main: placeAt(url) })));
}

async function ended(one: ServiceProcess): Promise<void> {
  one.signal('SIGTERM');
  await one.exited;
}

/** The fullest gateway by the mean. */
async function imbalanceOf(gateways: readonly ServiceProcess[]): Promise<number> {
  const running = gateways.filter((one) => one.running);
  const held = await Promise.all(running.map((one) => one.metric('gateway_sessions')));
  return Math.max(...held) / (held.reduce((sum, one) => sum + one, 0) / held.length);
}

interface Goal {
  readonly what: string;
  readonly figure: string;
  readonly met: boolean;
}

function goalsOf(it: Figures): readonly Goal[] {
  const { lost, doubled, disordered, gaps } = it.frames;
  return [
    {
      what: 'acknowledged frames lost, doubled, out of order, told as a gap: 0',
      figure: `${lost}, ${doubled}, ${disordered}, ${gaps} of ${it.frames.acknowledged}`,
      met: lost + doubled + disordered + gaps === 0 && it.frames.acknowledged > 0,
    },
    {
      what: `no session away for longer than ${AWAY_MS_MAX / 1_000} s`,
      figure: `${ms(it.awayMedianMs)} (median), ${ms(it.awayP99Ms)} (99 %), ${ms(it.awayMaxMs)} (longest) of ${it.returns} returns`,
      met: it.returns > 0 && it.awayMaxMs <= AWAY_MS_MAX,
    },
    {
      what: `no gateway above ${IMBALANCE_MAX} × the mean afterwards`,
      figure: `${it.imbalanceAfter.toFixed(2)} right after, ${it.imbalance.toFixed(2)} after ${it.evenSeconds.toFixed(0)} s`,
      met: it.imbalance <= IMBALANCE_MAX,
    },
    {
      what: 'all sessions up at the end',
      figure: `${it.up} of ${it.sessions}`,
      met: it.up >= it.sessions * 0.999,
    },
  ];
}

function tableOf(it: Figures, goals: readonly Goal[]): string {
  const rows = goals.map(
    ({ what, figure, met }) => `| ${what} | ${figure} | ${met ? 'met' : '**missed**'} |`,
  );
  return [
    `${it.sessions} sessions, ${talking} of them talking; ${count('gateways')} gateways and ${count('routers')} routers replaced in ${it.seconds.toFixed(0)} s; ${it.broken} flows broke without a word.`,
    '',
    '| goal | figure | |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

function pageOf(figures: Figures, goals: readonly Goal[], loadBefore: number): string {
  const day = new Date().toISOString().slice(0, 10);
  return `# A rolling restart

Every gateway and every router is replaced, one after the other, as Kubernetes does it with the chart of \`helm/\`: a new one is ready, balancers leave out the old one,
SIGTERM. The old gateway hands its sessions over within ${count('drain')} s, the idle first, those in a call last; each client comes back within a second
and resumes elsewhere with its cursors. The gateway that came last is nearly empty then, so the others shed idle sessions, a fiftieth of them in a second at most,
never one in a call and only while nobody waits ([why](architecture.md)).

    npm run rolling -- --write

${tableOf(figures, goals)}

Measured on ${day}, in ${((performance.now() - started) / 1_000).toFixed(0)} s; load of the machine before: ${loadBefore.toFixed(1)}.

${machineLines().join('\n')}
`;
}

function pagePath(): string {
  return join(import.meta.dirname, '..', 'docs', 'rolling-restart.md');
}

function ms(value: number): string {
  return value < 10_000 ? `${value.toFixed(0)} ms` : `${(value / 1_000).toFixed(1)} s`;
}

function count(name: 'sessions' | 'talking' | 'every' | 'gateways' | 'routers' | 'drain'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`rolling: --${name} is a whole number above 0, not ${values[name]}\n\n${help}`);
  process.exit(64);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
