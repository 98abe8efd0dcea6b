/**
 * Overload: for minutes three times as many come as can be set up; who is not in after a while gives up for good.
 *
 * The test of a limiter that looks only at the first burst shows nothing: this one lasts.
 */

import type { Swarm, SwarmTally } from '../swarm/swarm.ts';
import { AT_ONCE, type FrameTimes, frameTimes, pause, watchDoors } from './acts.ts';
import { prepared } from './drains.ts';
import type { Judged } from './goals.ts';
import type { Options } from './options.ts';
import { look, type Stage, type StageOptions, startStage } from './stage.ts';
import { doorText, progress, seconds, tell } from './telling.ts';

const TIMES = 3;
const GIVE_UP_MS = 30_000;
/** Who is in leaves again, so that as many are in after the load as before it. */
const STAY_MS = 30_000;
/** Longer than the last stay. */
const CALM_MS = 40_000;
const WINDOW_MS = 10_000;
/** The first windows are on the way up. */
const WINDOWS_BEFORE = 2;
const GOODPUT_MIN = 0.95;
const LATENCY_MAX = 2;
/** Those in a call, whose frames are timed: enough of them. */
const PAIRS_MIN = 100;
/** What can be set up is counted for so long, before the load and after it, once as many leave as come. */
const CAPACITY_MS = 45_000;
/** Until those who have left are forgotten. */
const WARM_MS = STAY_MS + 15_000;

export interface OverloadOutcome {
  readonly text: string;
  readonly judged: readonly Judged[];
}

export async function overloaded(options: Options, stageOptions: StageOptions): Promise<OverloadOutcome> {
  const stage = await startStage({ ...stageOptions, pairs: Math.max(PAIRS_MIN, stageOptions.pairs) });
  try {
    const { calm } = await prepared(stage, options, undefined);
    // By those who come back with their tokens; who comes for the first time and leaves again takes somewhat more.
    const atMost = (1e6 * stage.allowed()) / calm.costMicros;
    const sessions = Math.ceil((atMost * (TIMES * GIVE_UP_MS + 2 * STAY_MS)) / 1_000);
    const guests = await stage.invite({ sessions, timing: 'law' });
    const say = progress('overload');
    guests.onTally((tally) =>
      say(
        `${tally.up} in, ${tally.waiting} waiting, ${tally.gaveUp} gave up, ${tally.lateMs.toFixed(0)} ms late`,
      ),
    );
    const capacity = await capacityFor(stage, guests);
    await frameTimes(stage);
    await pause(CALM_MS);
    const before = await frameTimes(stage);
    const perSecond = TIMES * capacity.used.perSecond;
    const forMs = options.minutes * 60_000;
    const doorsSince = await watchDoors(stage);
    const gone = guests.tally();
    const churned = guests.churn({ pace: { perSecond }, forMs, stayMs: STAY_MS, giveUpMs: GIVE_UP_MS });
    churned.catch(() => {});
    const load = await watched(stage, guests, forMs);
    const during = await frameTimes(stage);
    const calmAfterMs = await untilNobodyIsOutside(guests.tally, 2 * options.drainMs + GIVE_UP_MS);
    await churned;
    const tally = guests.tally();
    const [gaveUp, visitors] = [tally.gaveUp - gone.gaveUp, tally.visitors - gone.visitors];
    const doors = await doorsSince();
    await frameTimes(stage);
    await pause(CALM_MS);
    const after = await frameTimes(stage);
    const capacityAfter = await capacityFor(stage, guests);
    return told({
      capacity: [capacity.used, capacityAfter.used],
      load,
      before,
      inUse: [capacity.frames, capacityAfter.frames],
      during,
      after,
      calmAfterMs,
      gaveUp,
      visitors,
      doors: doorText(doors, visitors - gaveUp),
      drainMs: options.drainMs,
      minutes: options.minutes,
    });
  } finally {
    await stage.stop();
  }
}

interface CapacityFor {
  readonly used: Used;
  readonly frames: FrameTimes;
}

/** What the gateways set up of the same visits when the next comes as soon as one is in, and nobody in vain. */
async function capacityFor(stage: Stage, guests: Swarm): Promise<CapacityFor> {
  const pace = { atOnce: AT_ONCE * stage.gateways().length };
  const forMs = WARM_MS + CAPACITY_MS;
  const churned = guests.churn({ pace, forMs, stayMs: STAY_MS, giveUpMs: GIVE_UP_MS });
  churned.catch(() => {});
  await pause(WARM_MS);
  await frameTimes(stage);
  const usedSince = watchUse(stage, guests);
  await pause(CAPACITY_MS - 1_000);
  const used = usedSince();
  const frames = await frameTimes(stage);
  await churned;
  tell(
    `capacity: ${used.perSecond.toFixed(0)} set-ups a second, ${percent(used.share)} of the CPU allowed used`,
  );
  return { used, frames };
}

/** What the gateways did with their time. */
interface Used {
  /** Set-ups. */
  readonly perSecond: number;
  /** Of the CPU allowed. */
  readonly share: number;
}

function watchUse(stage: Stage, guests: Swarm): () => Used {
  const before = { ...look(stage), welcomed: guests.tally().welcomed };
  return () => {
    const after = look(stage);
    const seconds = (after.atMs - before.atMs) / 1_000;
    return {
      perSecond: (guests.tally().welcomed - before.welcomed) / seconds,
      share: (after.gateways - before.gateways) / 1e6 / seconds / stage.allowed(),
    };
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

async function untilNobodyIsOutside(tally: () => SwarmTally, msMax: number): Promise<number> {
  const fromMs = performance.now();
  const outside = ({ visitors, gaveUp, welcomed }: SwarmTally) => visitors - gaveUp - welcomed;
  await pause(500);
  while (outside(tally()) > 0 && performance.now() - fromMs < msMax) await pause(250);
  return performance.now() - fromMs;
}

interface Watched {
  /** Set-ups per second, of each window. */
  readonly windows: readonly number[];
  readonly used: Used;
}

async function watched(stage: Stage, guests: Swarm, forMs: number): Promise<Watched> {
  const endMs = performance.now() + forMs - WINDOW_MS / 2;
  await pause(WINDOWS_BEFORE * WINDOW_MS);
  const usedSince = watchUse(stage, guests);
  const windows: number[] = [];
  while (performance.now() < endMs) {
    const windowSince = watchUse(stage, guests);
    await pause(WINDOW_MS);
    windows.push(windowSince().perSecond);
  }
  return { windows, used: usedSince() };
}

interface Seen {
  /** Before, and after. */
  readonly capacity: readonly [Used, Used];
  readonly load: Watched;
  /** With nobody coming. */
  readonly before: FrameTimes;
  /** When clients come just as fast as they are served: before, and after. */
  readonly inUse: readonly [FrameTimes, FrameTimes];
  readonly during: FrameTimes;
  readonly after: FrameTimes;
  readonly calmAfterMs: number;
  readonly gaveUp: number;
  readonly visitors: number;
  readonly doors: string;
  readonly drainMs: number;
  readonly minutes: number;
}

function told(seen: Seen): OverloadOutcome {
  const { capacity, load, before, inUse, during, after } = seen;
  const { calmAfterMs, gaveUp, visitors, drainMs, minutes } = seen;
  const mean = load.used.perSecond;
  const least = Math.min(...load.windows);
  const [first, last] = [capacity[0].perSecond, capacity[1].perSecond];
  const between = (first + last) / 2;
  const share = mean / between;
  const inUseMs = (inUse[0].medianMs + inUse[1].medianMs) / 2;
  const latency = during.medianMs / inUseMs;
  const calmMs = GIVE_UP_MS + drainMs;
  const both = ({ medianMs, p99Ms }: FrameTimes) => `${medianMs.toFixed(0)} / ${p99Ms.toFixed(0)} ms`;
  const text = [
    `For ${minutes} minutes ${(TIMES * first).toFixed(0)} clients a second come, ${TIMES} times what the gateways can set up in calm; each stays for ${STAY_MS / 1_000} s once it is in, and gives up for good after ${GIVE_UP_MS / 1_000} s outside. ${visitors} came, ${gaveUp} gave up; ${seen.doors}.`,
    '',
    '| | |',
    '| --- | --- |',
    `| set up per second | ${mean.toFixed(0)} (${percent(share)} of capacity: ${between.toFixed(0)}, as it was ${first.toFixed(0)} before and ${last.toFixed(0)} after) |`,
    `| of the CPU allowed the gateways used, during / before / after | ${[load.used, ...capacity].map((used) => percent(used.share)).join(' / ')} |`,
    `| set up per second in the least of the windows of 10 s | ${least.toFixed(0)} (${percent(least / between)}) |`,
    `| frames of those who are in, median / 99 %: before, with nobody coming | ${both(before)} |`,
    `| before, when clients came just as fast as they were served | ${both(inUse[0])} |`,
    `| during | ${both(during)} |`,
    `| after, with nobody coming | ${both(after)} |`,
    `| after, when clients came just as fast as they were served | ${both(inUse[1])} |`,
    `| nobody was outside any more | ${seconds(calmAfterMs)} after the last had come |`,
  ].join('\n');
  tell(text);
  const judged = [
    {
      met: share >= GOODPUT_MIN,
      text: `goodput ${percent(share)} of capacity, at least ${percent(GOODPUT_MIN)}`,
    },
    {
      met: latency <= LATENCY_MAX,
      text: `frames took ${latency.toFixed(1)} times as long at the median as when clients come just as fast as they are served, at most ${LATENCY_MAX}`,
    },
    {
      met: calmAfterMs <= calmMs,
      text: `calm again after ${seconds(calmAfterMs)}, at most ${seconds(calmMs)}`,
    },
    {
      met: after.medianMs <= LATENCY_MAX * before.medianMs,
      text: `with nobody coming frames took ${(after.medianMs / before.medianMs).toFixed(1)} times as long after the load as before, at most ${LATENCY_MAX}`,
    },
  ];
  return { text, judged };
}
