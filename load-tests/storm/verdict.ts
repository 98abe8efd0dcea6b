/**
 * Verdict: what a drain comes to, in multiples of the optimum, and whether the run counts.
 *
 * The optimum is all necessary work over all CPU allowed: those lost, times what one who came back took of the gateways in
 * calm, earlier in the same run, when clients came just as fast as they were served.
 *
 * Pure.
 */

import type { Calm, Drain } from './acts.ts';

export interface Verdict {
  readonly lost: number;
  readonly optimumMs: number;
  /** From when the fleet was there; `undefined`: it never came to it. */
  readonly backMs99: number | undefined;
  readonly backMsAll: number | undefined;
  readonly backShare: number;
  readonly attempts: number;
  readonly inCall: number;
  readonly inCallMs99: number | undefined;
  readonly inCallMsAll: number | undefined;
  /** Of the CPU allowed, until 99 % were back. */
  readonly usedShare: number;
  /** What the gateways took per set-up in the drain, with everything else they did meanwhile. */
  readonly costMicros: number;
  /** Seen of the swarm and the machine until then. */
  readonly swarmCores: number;
  readonly swarmLateMs: number;
  readonly machineIdleCores: number;
  /** Why the run does not count, if so. */
  readonly bounded: string | undefined;
}

/** A swarm whose clients act later than this, or that has no time to act in, bounds what it measures. */
const LATE_MS_MAX = 500;
const LATE_SHARE_MAX = 0.05;
const IDLE_CORES_MIN = 0.05;
const STARVED_SHARE_MAX = 0.2;
/** A gateway that used all it may was the one that was waited for. */
const USED_UP = 0.93;

export function verdictOf(drain: Drain, { costMicros }: Calm): Verdict {
  const { episode, allowedCores, returnedMs } = drain;
  const lost = episode.backMs.length;
  const workMs = (lost * costMicros) / 1_000;
  const sorted = episode.backMs.map((ms) => ms - returnedMs).sort();
  const inCall = episode.backMs
    .filter((_, i) => episode.inCall[i] === 1)
    .map((ms) => ms - returnedMs)
    .sort();
  const backMs99 = at(sorted, 0.99);
  const during = drain.samples.filter(
    ({ atMs }) => atMs > returnedMs && atMs - returnedMs <= (backMs99 ?? Number.POSITIVE_INFINITY),
  );
  const mean = (of: (sample: Drain['samples'][number]) => number) =>
    during.reduce((sum, sample) => sum + of(sample), 0) / Math.max(1, during.length);
  const usedShare = mean(({ gatewayCores }) => gatewayCores) / allowedCores;
  return {
    lost,
    optimumMs: workMs / allowedCores,
    backMs99,
    backMsAll: at(sorted, 1),
    backShare: lost === 0 ? 1 : sorted.filter(Number.isFinite).length / lost,
    attempts: episode.attempts.reduce((sum, count) => sum + count, 0) / Math.max(1, lost),
    inCall: inCall.length,
    inCallMs99: at(inCall, 0.99),
    inCallMsAll: at(inCall, 1),
    usedShare,
    costMicros: takenPerSetUp(drain),
    swarmCores: mean(({ swarmCores }) => swarmCores),
    swarmLateMs: Math.max(0, ...during.map(({ swarmLateMs }) => swarmLateMs)),
    machineIdleCores: mean(({ machineIdleCores }) => machineIdleCores),
    bounded: boundedBy(during, allowedCores, usedShare),
  };
}

function takenPerSetUp({ samples, returnedMs, episode }: Drain): number {
  let beforeMs = returnedMs;
  let micros = 0;
  for (const { atMs, gatewayCores } of samples) {
    if (atMs <= returnedMs) continue;
    micros += gatewayCores * (atMs - beforeMs) * 1_000;
    beforeMs = atMs;
  }
  return (
    micros /
    Math.max(
      1,
      episode.setUp.reduce((sum, count) => sum + count, 0),
    )
  );
}

function boundedBy(during: Drain['samples'], allowedCores: number, usedShare: number): string | undefined {
  if (usedShare >= USED_UP) return undefined;
  const part = (is: (sample: Drain['samples'][number]) => boolean) =>
    during.filter(is).length / Math.max(1, during.length);
  const late = part(({ swarmLateMs }) => swarmLateMs > LATE_MS_MAX);
  if (late > LATE_SHARE_MAX)
    return `the swarm acted more than ${LATE_MS_MAX} ms late in ${(100 * late).toFixed(0)} % of the time`;
  const starved = part(
    ({ gatewayCores, machineIdleCores }) =>
      machineIdleCores < IDLE_CORES_MIN && gatewayCores < USED_UP * allowedCores,
  );
  if (starved > STARVED_SHARE_MAX)
    return `in ${(100 * starved).toFixed(0)} % of the time the machine had no CPU left, and the gateways less than they may use`;
  return undefined;
}

/** The value that the share lies at or below, if that is finite. */
function at(sorted: Float64Array, share: number): number | undefined {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}
