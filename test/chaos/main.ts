/**
 * Chaos: the long run. `npm run chaos -- --minutes 60`.
 *
 * Rounds of two minutes on one fleet after the other, alone and as a cluster in turn, each with a crowd and a seed of
 * its own; what is left of a round is judged before the next begins. A run counts only with enough traffic and with
 * every kind of fault, and says so. It ends with 1 where anything was found or the run does not count.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askedOf, misused, numberOf } from '#tools/command-line.ts';
import { reportOf } from '../harness/checker.ts';
import { clientFaults, type FaultKind, processFaults } from './faults.ts';
import { type ChaosFleet, type ChaosReport, type Clients, runChaos, startChaosFleet } from './run.ts';

const roundMs = 120_000;
const acknowledgedPerMinuteMin = 10_000;
/** Fleets are replaced, so that the next one begins with nothing that has piled up. */
const roundsPerFleet = 5;

const command = {
  name: 'chaos',
  help: `npm run chaos -- [options]

Hurts real processes and real clients by chance, for as long as it is told to, and checks that every promise held.
Needs a nats-server; takes a third of a core.

  --minutes N    how long (60)
  --bus KIND     alone, cluster, or both in turn (both)
  --clients KIND raw (such as know nothing of the SDK), sdk, or both in turn (both)
  --seed N       what is done to whom, and when (20261001)
  --report DIR   where chaos.json and chaos.md are written (.cache/chaos)
  --help         this text

Exit codes: 0 clean, 1 something was found, or the run does not count, 64 wrong usage.`,
};
const { values } = askedOf(command, {
  options: {
    minutes: { type: 'string', default: '60' },
    bus: { type: 'string', default: 'both' },
    clients: { type: 'string', default: 'both' },
    seed: { type: 'string', default: '20261001' },
    report: { type: 'string', default: join(import.meta.dirname, '..', '..', '.cache', 'chaos') },
  },
});
const minutes = numberOf(command, 'minutes', values.minutes, { min: 0.1, max: 10_000 });
if (!['alone', 'cluster', 'both'].includes(values.bus))
  misused(command, `--bus is alone, cluster or both, not ${values.bus}`);
if (!['raw', 'sdk', 'both'].includes(values.clients))
  misused(command, `--clients is raw, sdk or both, not ${values.clients}`);
const firstSeed = numberOf(command, 'seed', values.seed, { min: 0 });
const startMs = performance.now();
const rounds: ChaosReport[] = [];

for (let turn = 0; minutesPassed() < minutes; turn++) {
  const stage = await startChaosFleet(busAt(turn), { logMegabytes: 96 });
  try {
    for (let n = 0; n < roundsPerFleet && minutesPassed() < minutes; n++) {
      const seed = firstSeed + 10 * rounds.length;
      const ms = Math.min(roundMs, (minutes - minutesPassed()) * 60_000);
      const size = { rooms: 40, membersPerRoom: 10, framesPerSecond: 0.9 };
      const options = {
        seed,
        ms,
        ...size,
        clients: clientsAt(rounds.length),
        name: `r${rounds.length}-`,
        faultMsMax: 20_000,
        progress: say,
      };
      const round = await runChaos(stage, options).catch((error: unknown) => endedEarly(seed, ms, error));
      rounds.push(round);
      progress(round);
      if (round.findings.length > 0) console.log(reportOf(round.findings));
      if (round.findings.length + round.failures.length > 0) keepLogs(stage, seed);
      // What could not be played to its end may have left its clients on the fleet.
      if (round.sent === 0) break;
    }
  } finally {
    await stage.stop();
  }
}

const tookMinutes = minutesPassed();
const sum = (of: (round: ChaosReport) => number) => rounds.reduce((all, round) => all + of(round), 0);
const kinds = [...Object.keys(processFaults), ...Object.keys(clientFaults)] as FaultKind[];
const faults = Object.fromEntries(kinds.map((kind) => [kind, sum((round) => round.faults[kind] ?? 0)]));
const acknowledged = sum((round) => round.acknowledged);
const missing = kinds.filter((kind) => faults[kind] === 0);
const wrong = rounds.filter(({ findings, failures }) => findings.length + failures.length > 0);
const why = [
  ...(acknowledged < acknowledgedPerMinuteMin * tookMinutes
    ? [`fewer than ${acknowledgedPerMinuteMin} acknowledged frames a minute`]
    : []),
  ...missing.map((kind) => `no fault of the kind “${kind}”`),
];
const summary = {
  seed: firstSeed,
  minutes: tookMinutes,
  counts: why.length === 0,
  why,
  sent: sum((round) => round.sent),
  acknowledged,
  unknown: sum((round) => round.unknown),
  received: sum((round) => round.received),
  resumptions: sum((round) => round.resumptions),
  faults,
  findings: sum((round) => round.findings.length),
};
mkdirSync(values.report, { recursive: true });
writeFileSync(join(values.report, 'chaos.json'), JSON.stringify({ ...summary, rounds }, undefined, 2));
writeFileSync(join(values.report, 'chaos.md'), page());
console.log(page());
process.exit(wrong.length > 0 || why.length > 0 ? 1 : 0);

/** A round that could not be played: its clients did not get in, or the harness is at fault. */
function endedEarly(seed: number, ms: number, error: unknown): ChaosReport {
  const nothing = { sent: 0, acknowledged: 0, unknown: 0, received: 0, resumptions: 0, faults: {} };
  return { seed, ms, ...nothing, findings: [], failures: [String(error)], timeline: [] };
}

/** What the processes that run said of late, for whoever looks for the cause. */
function keepLogs({ fleet }: ChaosFleet, seed: number): void {
  const dir = join(values.report, `seed-${seed}`);
  mkdirSync(dir, { recursive: true });
  for (const { name, lines } of [...fleet.gateways, ...fleet.routers])
    writeFileSync(join(dir, `${name}.log`), `${lines.join('\n')}\n`);
}

function busAt(turn: number): 'alone' | 'cluster' {
  if (values.bus === 'both') return turn % 2 === 0 ? 'alone' : 'cluster';
  return values.bus === 'cluster' ? 'cluster' : 'alone';
}

function clientsAt(round: number): Clients {
  if (values.clients === 'both') return round % 2 === 0 ? 'raw' : 'sdk';
  return values.clients === 'sdk' ? 'sdk' : 'raw';
}

function minutesPassed(): number {
  return (performance.now() - startMs) / 60_000;
}

function say(line: string): void {
  console.log(`${minutesPassed().toFixed(1)} of ${minutes} min: ${line}`);
}

function progress({ seed, acknowledged, faults, findings, failures }: ChaosReport): void {
  const hurt = Object.values(faults).reduce((all, count) => all + count, 0);
  const verdict = findings.length + failures.length === 0 ? 'clean' : 'WRONG';
  say(`seed ${seed}, ${acknowledged} acknowledged, ${hurt} faults, ${findings.length} findings: ${verdict}`);
  for (const failure of failures) say(failure);
}

function page(): string {
  const { sent, unknown, received, resumptions } = summary;
  return [
    '# Chaos\n',
    `Seed ${firstSeed}, ${tookMinutes.toFixed(1)} minutes. ${
      summary.counts ? 'The run counts.' : `The run does not count: ${why.join('; ')}.`
    }\n`,
    `${acknowledged} frames acknowledged of ${sent} sent (${unknown} given up), ${received} received, ` +
      `${resumptions} resumptions, ${summary.findings} findings.\n`,
    '| fault | times |\n|---|---:|',
    ...kinds.map((kind) => `| ${kind} | ${faults[kind]} |`),
    ...wrong.map(({ seed, findings, failures, timeline }) =>
      [`\n## Seed ${seed}\n`, reportOf(findings), ...failures, ...timeline].join('\n'),
    ),
    '',
  ].join('\n');
}
