/**
 * Report: what a swarm saw, as live line, as text and as JSON.
 */

import { quantile } from '../bench/spread.ts';
import type { Options } from './options.ts';
import type { Episode, Ledger } from './orders.ts';
import type { SwarmTally } from './swarm.ts';

export interface Seen {
  readonly options: Options;
  readonly rampedMs: number;
  readonly heldMs: number;
  readonly episode: Episode;
  readonly ledger: Ledger;
  readonly tally: SwarmTally;
}

export interface Report {
  readonly sessions: number;
  readonly up: number;
  readonly rampSeconds: number;
  readonly holdSeconds: number;
  readonly attempts: number;
  readonly failed: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Of those that lost their connection while they were held. */
  readonly returns: Returns;
  readonly frames: Omit<Ledger, 'tookMs'> & { readonly medianMs: number; readonly p99Ms: number };
  /** Of the swarm itself. */
  readonly cpuSeconds: number;
  readonly cpuMicrosPerAttempt: number;
  readonly bytesPerSession: number;
  readonly good: boolean;
}

export interface Returns {
  readonly lost: number;
  readonly notBack: number;
  readonly attemptsMean: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function reportOf({ options, rampedMs, heldMs, episode, ledger, tally }: Seen): Report {
  const { tookMs, ...frames } = ledger;
  const took = Float64Array.from(tookMs).sort();
  const cpuMicros = tally.cpuMicros.reduce((sum, micros) => sum + micros, 0);
  const whole = ledger.lost + ledger.doubled + ledger.disordered + ledger.gaps === 0;
  return {
    sessions: options.sessions,
    up: tally.up,
    rampSeconds: rampedMs / 1_000,
    holdSeconds: heldMs / 1_000,
    attempts: tally.attempts,
    failed: tally.failed,
    faults: tally.faults,
    returns: returnsOf(episode),
    frames: { ...frames, medianMs: quantileOr0(took, 0.5), p99Ms: quantileOr0(took, 0.99) },
    cpuSeconds: cpuMicros / 1e6,
    cpuMicrosPerAttempt: cpuMicros / Math.max(1, tally.attempts),
    bytesPerSession: tally.bytes / options.sessions,
    good: whole && tally.up + tally.sentAway === options.sessions,
  };
}

export function returnsOf({ backMs, attempts }: Episode): Returns {
  const sorted = backMs.filter(Number.isFinite).sort();
  const lost = backMs.length;
  const tried = attempts.reduce((sum, count) => sum + count, 0);
  return {
    lost,
    notBack: lost - sorted.length,
    attemptsMean: lost === 0 ? 0 : tried / lost,
    medianMs: quantileOr0(sorted, 0.5),
    p99Ms: quantileOr0(sorted, 0.99),
    maxMs: sorted.at(-1) ?? 0,
  };
}

function quantileOr0(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? 0 : quantile(sorted, share);
}

export function reportText(report: Report): string {
  const { returns, frames } = report;
  const lines = [
    `sessions    ${report.up} of ${report.sessions} up at the end; came in ${report.rampSeconds.toFixed(1)} s, held ${report.holdSeconds.toFixed(1)} s`,
    `attempts    ${report.attempts}, of which ${report.failed} failed ${faultsText(report.faults)}`,
    `lost        ${returns.lost}; ${returns.notBack} not back; back after ${ms(returns.medianMs)} (median), ${ms(returns.p99Ms)} (99 %), ${ms(returns.maxMs)} (last); ${returns.attemptsMean.toFixed(2)} attempts each`,
    `frames      ${frames.acknowledged} of ${frames.sent} acknowledged; ${frames.lost} lost, ${frames.doubled} doubled, ${frames.disordered} out of order, ${frames.gaps} gaps; ${frames.medianMs.toFixed(1)} ms (median), ${frames.p99Ms.toFixed(1)} ms (99 %)`,
    `the swarm   ${report.cpuSeconds.toFixed(1)} s of CPU, ${report.cpuMicrosPerAttempt.toFixed(0)} µs per attempt, ${(report.bytesPerSession / 1_000).toFixed(1)} kB per session`,
  ];
  return lines.join('\n');
}

function ms(value: number): string {
  return value < 10_000 ? `${value.toFixed(0)} ms` : `${(value / 1_000).toFixed(1)} s`;
}

export function faultsText(faults: Readonly<Record<string, number>>): string {
  const all = Object.entries(faults).map(([name, count]) => `${count} × ${name}`);
  return all.length === 0 ? '' : `(${all.join(', ')})`;
}

export interface ProgressLine {
  (tally: SwarmTally): void;
  end(): void;
}

/** One line that is written over on a terminal; elsewhere a new one each five seconds. */
export function progressLine(sessions: number, prefix: () => string = () => ''): ProgressLine {
  const { isTTY } = process.stderr;
  const startMs = performance.now();
  let toldMs = 0;
  let before: SwarmTally | undefined;
  let beforeMs = startMs;
  const tell = (tally: SwarmTally) => {
    const now = performance.now();
    if (now - toldMs < (isTTY ? 250 : 5_000)) return;
    toldMs = now;
    const line = `${prefix()}${((now - startMs) / 1_000).toFixed(0)} s  ${liveText(tally, before, (now - beforeMs) / 1_000, sessions)}`;
    before = tally;
    beforeMs = now;
    process.stderr.write(isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
  return Object.assign(tell, { end: () => void (isTTY && process.stderr.write('\r\x1b[K')) });
}

function liveText(
  tally: SwarmTally,
  before: SwarmTally | undefined,
  seconds: number,
  sessions: number,
): string {
  const per = (of: (tally: SwarmTally) => number) =>
    before === undefined ? '0' : ((of(tally) - of(before)) / seconds).toFixed(0);
  const cpu = (one: SwarmTally) => one.cpuMicros.reduce((sum, micros) => sum + micros, 0) / 1e6;
  const cores = before === undefined ? 0 : (cpu(tally) - cpu(before)) / seconds;
  return [
    `${tally.up}/${sessions} up`,
    `${tally.waiting} waiting`,
    `${per(({ attempts }) => attempts)} attempts/s`,
    `${per(({ welcomed }) => welcomed)} set up/s`,
    `spread ${tally.spread.gatewayMs}/${tally.spread.fleetMs} ms`,
    `swarm ${cores.toFixed(2)} cores, ${(tally.bytes / 1e6).toFixed(0)} MB, ${tally.lateMs.toFixed(0)} ms late`,
    faultsText(tally.faults),
  ].join('  ');
}
