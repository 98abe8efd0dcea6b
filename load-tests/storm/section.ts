/**
 * Section: what was measured, as Markdown and pictures.
 */

import type { Curves, Figures } from '#simulation/figures.ts';
import { type Line, plotted } from '#simulation/plot.ts';
import type { Episode } from '../swarm/orders.ts';
import type { Played, Result } from './drains.ts';
import { type Judged, ledgerGoals, lossGoals } from './goals.ts';
import type { Options } from './options.ts';
import { simulatedDrain } from './simulated.ts';
import { doorText, markdownTable, seconds, setUpsOf } from './telling.ts';

export interface Section {
  readonly text: string;
  readonly pictures: readonly { readonly name: string; readonly svg: string }[];
  readonly judged: readonly Judged[];
}

export function playedSection(options: Options, played: Played, goalsOf = lossGoals): Section {
  const simulations = played.results.map(({ drain, calm }) =>
    simulatedDrain(drain, calm, options.tls, options.seed),
  );
  const pictures = played.results.map((result, i) => picture(options, result, simulations[i]!));
  const judged = played.results.flatMap(goalsOf);
  const missed = [...judged, ...ledgerGoals(played.ledger)].filter(({ met }) => !met);
  const text = [
    scene(options, played),
    lossTable(played.results, simulations),
    notes(played),
    missed.length === 0
      ? 'All goals are met.'
      : `Not met:\n\n${missed.map(({ text }) => `- ${text}`).join('\n')}`,
    ...pictures.map(
      ({ name }, i) => `![${played.results[i]!.drain.loss.title}: measured beside simulated](images/${name})`,
    ),
  ].join('\n\n');
  return { text, pictures, judged };
}

function scene({ sessions, gateways, tls }: Options, { calm, share }: Played): string {
  return [
    `${sessions} sessions over ${tls ? 'TLS 1.3' : 'plain TCP'} on ${gateways} gateways, each held to ${(100 * share).toFixed(2)} % of a core; two routers, one nats-server.`,
    `In calm, held down, when clients come back just as fast as they are served: ${calm.costMicros.toFixed(0)} µs of the gateways per set-up with all else they do meanwhile, ${calm.behindMicros.toFixed(0)} µs of routers and NATS (${calm.setUps} set-ups, ${(100 * calm.usedShare).toFixed(0)} % of the CPU allowed used).`,
    `With nobody coming all gateways together take ${(100 * calm.idleCores).toFixed(1)} % of a core.`,
  ].join('\n');
}

function lossTable(results: readonly Result[], simulations: readonly Figures[]): string {
  const head = [
    '',
    'lost',
    'optimum',
    '99 % back',
    'all back',
    'attempts',
    'in a call: 99 % / all',
    'simulated: 99 % / all; attempts',
  ];
  return markdownTable(
    head,
    results.map((result, i) => [...measured(result), simulatedText(simulations[i]!)]),
  );
}

function measured({ drain, verdict }: Result): readonly string[] {
  const { optimumMs } = verdict;
  return [
    drain.loss.title,
    String(verdict.lost),
    seconds(optimumMs),
    times(verdict.backMs99, optimumMs),
    times(verdict.backMsAll, optimumMs),
    verdict.attempts.toFixed(2),
    `${seconds(verdict.inCallMs99)} / ${seconds(verdict.inCallMsAll)} (${verdict.inCall})`,
  ];
}

function times(ms: number | undefined, optimumMs: number): string {
  return ms === undefined ? 'never' : `${(ms / optimumMs).toFixed(3)} × (${seconds(ms)})`;
}

function simulatedText({ backMs99, backMsAll, optimumMs, attempts }: Figures): string {
  const of = (ms: number | undefined) => (ms === undefined ? 'never' : `${(ms / optimumMs).toFixed(3)} ×`);
  return `${of(backMs99)} / ${of(backMsAll)}; ${attempts.toFixed(2)}`;
}

function notes({ results, ledger }: Played): string {
  const took = [...ledger.tookMs].sort((a, b) => a - b);
  const each = results.map(({ drain, verdict }) => {
    const used = `gateways used ${(100 * verdict.usedShare).toFixed(0)} % of what they may, ${verdict.costMicros.toFixed(0)} µs per set-up`;
    const swarm = `the swarm ${verdict.swarmCores.toFixed(2)} cores, at worst ${verdict.swarmLateMs.toFixed(0)} ms late`;
    const memory = `the largest gateway went from ${(drain.bytesBefore / 1e6).toFixed(0)} to ${(drain.bytesMax / 1e6).toFixed(0)} MB`;
    const told = `told before: ${drain.spreadTold.gatewayMs} and ${drain.spreadTold.fleetMs} ms`;
    const bounded = verdict.bounded === undefined ? '' : `; **does not count**: ${verdict.bounded}`;
    return `- ${drain.loss.title}: ${used}; ${swarm}; machine idle ${verdict.machineIdleCores.toFixed(2)} cores; ${memory}; ${told}; ${drain.episode.openTimeouts} time-outs once open, ${drain.episode.handshakeTimeouts} before; ${drain.episode.elsewhere} more were shed and came elsewhere; ${doorText(drain.door, setUpsOf(drain))}${bounded}.`;
  });
  const { sent, acknowledged, lost, doubled, disordered, gaps } = ledger;
  const median =
    took.length === 0
      ? 'none timed'
      : `${took[Math.floor(took.length / 2)]!.toFixed(0)} ms at the median of the last`;
  return [
    ...each,
    `- Frames between those in a call, over all losses: ${acknowledged} of ${sent} acknowledged; ${lost} lost, ${doubled} doubled, ${disordered} out of order, ${gaps} gaps; ${median}.`,
  ].join('\n');
}

// Pictures.

function picture(options: Options, { drain, verdict }: Result, simulation: Figures) {
  const { loss } = drain;
  const lines: Line[] = [
    { title: 'measured', curves: curvesOf(drain.episode, drain.returnedMs) },
    { title: 'simulated', curves: shifted(simulation.curves, drain.returnedMs) },
  ];
  const { optimumMs } = verdict;
  const title = `${loss.title}: ${verdict.lost} clients, TLS, real processes`;
  const untilMs = 1.5 * Math.max(optimumMs, verdict.backMs99 ?? 0);
  const svg = plotted(lines, { title, clients: verdict.lost, optimumMs, untilMs });
  return { name: `storm-${options.scenario === 'drain' ? loss.name : options.scenario}.svg`, svg };
}

/** From the moment when the fleet was there. */
function curvesOf({ attempted, setUp, lost }: Episode, fromMs: number): Curves {
  const length = Math.max(attempted.length, setUp.length, lost.length);
  let away = 0;
  const gone = Array.from({ length }, (_, i) => {
    away += (lost[i] ?? 0) - (setUp[i] ?? 0);
    return away;
  });
  const filled = (bins: readonly number[]) => Array.from({ length }, (_, i) => bins[i] ?? 0);
  return shifted({ attempts: filled(attempted), setUps: filled(setUp), away: gone }, fromMs);
}

function shifted({ attempts, setUps, away }: Curves, fromMs: number): Curves {
  const from = Math.round(fromMs / 100);
  return { attempts: attempts.slice(from), setUps: setUps.slice(from), away: away.slice(from) };
}

// The others.

export function naiveTable(options: Options, played: readonly Played[]): Omit<Section, 'judged'> {
  const results = played.flatMap((one) => one.results);
  const first = results[0]!;
  const optimumMs = first.verdict.optimumMs;
  const head = [
    '',
    '99 % back',
    'all back',
    'back in the end',
    'attempts',
    'in a call: all',
    'time-outs once open',
  ];
  const rows = results.map(({ drain, verdict }) => [
    drain.loss.title,
    times(verdict.backMs99, optimumMs),
    times(verdict.backMsAll, optimumMs),
    `${(100 * verdict.backShare).toFixed(1)} %`,
    verdict.attempts.toFixed(1),
    seconds(verdict.inCallMsAll),
    String(drain.episode.openTimeouts),
  ]);
  const lines = results.map(({ drain }) => ({ title: drain.loss.title, curves: curvesOf(drain.episode, 0) }));
  const title = `Half of ${options.gateways} gateways are killed at 0 s: ${first.verdict.lost} clients, TLS, real processes`;
  const svg = plotted(lines, {
    title,
    clients: first.verdict.lost,
    optimumMs,
    untilMs: 1.5 * options.drainMs,
  });
  const text = [
    scene(options, played[0]!),
    `Half of the gateways are killed; ${first.verdict.lost} clients come back, optimum ${seconds(optimumMs)}. Looked at for ${seconds(first.drain.loss.msMax)} at most.`,
    markdownTable(head, rows),
    '![Clients away after the loss of half of the gateways, under the law and under what is usual](images/storm-naive.svg)',
  ].join('\n\n');
  return { text, pictures: [{ name: 'storm-naive.svg', svg }] };
}
