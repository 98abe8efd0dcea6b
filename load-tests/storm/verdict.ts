/**
 * Verdict: what a drain comes to, in multiples of the optimum, and whether the run counts.
 *
 * The optimum is all necessary work over all CPU allowed: those lost, times what one who comes back took in calm, earlier in
 * the same run. What gateways use with nobody coming, to hold the sessions they have, is not theirs to give; so beside
 * the optimum over all they may use stands the one over what that leaves.
 *
 * Pure.
 */

import type { Calm, Drain } from './acts.ts';

export interface Verdict {
  readonly lost: number;
  readonly optimumMs: number;
  /** Over what is left of the CPU allowed. */
  readonly optimumLeftMs: number;
  /** The same where gateways are new: what being new takes is necessary work as well. */
  readonly optimumColdMs: number | undefined;
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
  /** What the gateways took per set-up in the drain, idling taken off. */
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
/** A gateway that used all it may was the one that was waited for. */
const USED_UP = 0.93;

export function verdictOf(drain: Drain, { costMicros, idleCores, coldMs }: Calm): Verdict {
  const { episode, allowedCores, returnedMs, gatewaysLeft } = drain;
  const lost = episode.backMs.length;
  const workMs = (lost * costMicros) / 1_000;
  const leftCores = allowedCores - idleCoresOf(drain, idleCores);
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
    optimumLeftMs: workMs / leftCores,
    optimumColdMs: drain.loss.replaced ? (workMs + coldMs * gatewaysLeft) / leftCores : undefined,
    backMs99,
    backMsAll: at(sorted, 1),
    backShare: lost === 0 ? 1 : sorted.filter(Number.isFinite).length / lost,
    attempts: episode.attempts.reduce((sum, count) => sum + count, 0) / Math.max(1, lost),
    inCall: inCall.length,
    inCallMs99: at(inCall, 0.99),
    inCallMsAll: at(inCall, 1),
    usedShare,
    costMicros: takenPerSetUp(drain, idleCoresOf(drain, idleCores)),
    swarmCores: mean(({ swarmCores }) => swarmCores),
    swarmLateMs: Math.max(0, ...during.map(({ swarmLateMs }) => swarmLateMs)),
    machineIdleCores: mean(({ machineIdleCores }) => machineIdleCores),
    bounded: boundedBy(
      during,
      usedShare,
      mean(({ machineIdleCores }) => machineIdleCores),
    ),
  };
}

function takenPerSetUp({ samples, returnedMs, episode }: Drain, idleCores: number): number {
  let beforeMs = returnedMs;
  let micros = 0;
  for (const { atMs, gatewayCores } of samples) {
    if (atMs <= returnedMs) continue;
    micros += (gatewayCores - idleCores) * (atMs - beforeMs) * 1_000;
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

/** What the gateways that are left take with nobody coming. */
export function idleCoresOf({ loss, gatewaysLeft, allowedCores }: Drain, idleCores: number): number {
  const before = loss.replaced ? gatewaysLeft : gatewaysLeft + loss.killed;
  return Math.min((idleCores * gatewaysLeft) / before, 0.9 * allowedCores);
}

function boundedBy(during: Drain['samples'], usedShare: number, idleCores: number): string | undefined {
  if (usedShare >= USED_UP) return undefined;
  const late =
    during.filter(({ swarmLateMs }) => swarmLateMs > LATE_MS_MAX).length / Math.max(1, during.length);
  if (late > LATE_SHARE_MAX)
    return `the swarm acted more than ${LATE_MS_MAX} ms late in ${(100 * late).toFixed(0)} % of the time`;
  if (idleCores < IDLE_CORES_MIN) return 'the machine had no CPU left';
  return undefined;
}

/** The value that the share lies at or below, if that is finite. */
function at(sorted: Float64Array, share: number): number | undefined {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}
