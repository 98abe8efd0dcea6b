/**
 * Drains: gateways are lost, one, half and all of them, and the clients come back.
 */

import type { Ledger } from '../swarm/orders.ts';
import {
  type Calm,
  calm,
  type Drain,
  idling,
  type Loss,
  lose,
  pause,
  ramp,
  rampCostMicros,
  SETTLE_MS,
  untilUp,
} from './acts.ts';
import type { Options } from './options.ts';
import { type Stage, type StageOptions, startStage } from './stage.ts';
import { calmText, progress, tell, verdictText } from './telling.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export interface Result {
  readonly drain: Drain;
  readonly verdict: Verdict;
  readonly calm: Calm;
}

export interface Played {
  readonly calm: Calm;
  /** Of one core, each gateway. */
  readonly share: number;
  readonly results: readonly Result[];
  readonly ledger: Ledger;
}

/** Set-ups per second while the sessions come for the first time. */
const RAMP_PER_SECOND = 1_000;
/** Of all sessions, to learn the cost of one. */
const CALM_SHARE = 0.08;
/** What a new gateway does slower than later is behind it after so many. */
const WARM_SET_UPS = 2_000;
const REST_MS = 3_000;
const HOLDS_MAX = 3;
/** How far the optimum may be from what it is to be. */
const NEAR = 0.1;

/** What was found out in an earlier part of the same run, under the same load. */
export interface Known {
  readonly calm: Calm;
  readonly share: number;
}

/** One fleet, and one loss after another. */
export async function play(
  options: Options,
  stageOptions: StageOptions,
  losses: readonly Loss[],
  known?: Known,
): Promise<Played> {
  const stage = await startStage(stageOptions);
  try {
    const { calm: first, share } = await prepared(stage, options, known);
    let inCalm = first;
    const results: Result[] = [];
    for (const [n, loss] of losses.entries()) {
      if (n > 0) inCalm = await restored(stage, options, share);
      const drain = await lose(stage, loss, progress(loss.title));
      results.push({ drain, verdict: verdictOf(drain, inCalm), calm: inCalm });
      tell(verdictText(results.at(-1)!));
    }
    await stage.swarm.rest();
    await pause(REST_MS);
    return { calm: first, share, results, ledger: await stage.swarm.ledger() };
  } finally {
    await stage.stop();
  }
}

/** As before the loss: as many gateways, each with as many sessions, and they know what they can do. */
async function restored(stage: Stage, options: Options, share: number): Promise<Calm> {
  await refilled(stage, options, share);
  const held = await calm(stage, calmClients(options.sessions));
  tell(calmText(held));
  await pause(SETTLE_MS);
  return held;
}

/** As many gateways and sessions as before the loss, without asking what they can do. */
async function refilled(stage: Stage, options: Options, share: number): Promise<void> {
  const { sessions, gateways } = options;
  await untilUp(stage, options.drainMs);
  stage.letGo();
  await stage.replace(gateways - stage.gateways().length);
  await stage.announce();
  const overMs = (1_000 * sessions) / RAMP_PER_SECOND;
  await stage.swarm.cut(sessions, overMs, overMs);
  await untilUp(stage, 60_000);
  stage.holdDown(share);
  await pause(SETTLE_MS);
}

function calmClients(sessions: number): number {
  return Math.max(Math.min(sessions, 2_000), Math.round(CALM_SHARE * sessions));
}

/** The sessions are there, the gateways are held down, and what a set-up costs is known. */
export async function prepared(stage: Stage, options: Options, known: Known | undefined): Promise<Known> {
  const { swarm } = stage;
  const { sessions, drainMs, gateways } = options;
  const say = progress('ramp');
  let ramping = true;
  swarm.onTally((tally) => ramping && say(`${tally.up}/${sessions} up, ${tally.lateMs.toFixed(0)} ms late`));
  const looks = await ramp(stage, (1_000 * sessions) / RAMP_PER_SECOND);
  await untilUp(stage, 60_000);
  ramping = false;
  await warm(stage, WARM_SET_UPS * gateways - sessions);
  if (known !== undefined) stage.holdDown(known.share);
  await pause(SETTLE_MS);
  if (known !== undefined) return known;
  const idleCores = await idling(stage);
  const costMicros = rampCostMicros(looks, idleCores);
  const share = ((sessions * costMicros) / 1_000 / drainMs + idleCores) / gateways;
  tell(`${costMicros.toFixed(0)} µs of the gateways per set-up in the ramp`);
  return heldDown(stage, options, share);
}

/** So far that the optimum is about what it is to be. */
async function heldDown(stage: Stage, { sessions, drainMs }: Options, firstShare: number): Promise<Known> {
  let share = firstShare;
  for (let round = 1; ; round++) {
    stage.holdDown(share);
    await pause(SETTLE_MS);
    const held = await calm(stage, calmClients(sessions));
    const times = (sessions * held.costMicros) / 1_000 / stage.allowed() / drainMs;
    tell(`held to ${(100 * share).toFixed(2)} % of a core each; ${calmText(held)}`);
    if (round === HOLDS_MAX || Math.abs(times - 1) < NEAR) {
      await pause(SETTLE_MS);
      return { calm: held, share };
    }
    share *= times;
  }
}

/** A fleet for few sessions has done too little to be measured: so many set-ups more. */
async function warm(stage: Stage, setUps: number): Promise<void> {
  const { swarm, options } = stage;
  for (let left = setUps; left > 0; left -= options.sessions) {
    await pause(SETTLE_MS);
    const overMs = (1_000 * options.sessions) / RAMP_PER_SECOND;
    await swarm.cut(options.sessions, overMs, overMs);
    await untilUp(stage, 60_000);
  }
}

export function lossOf(name: string, { gateways, drainMs }: Options, patience = 3): Loss {
  const msMax = patience * drainMs;
  switch (name) {
    case 'one':
      return { name, title: `one gateway of ${gateways} is killed`, killed: 1, replaced: false, msMax };
    case 'half':
      return {
        name,
        title: `half of ${gateways} gateways are killed`,
        killed: gateways / 2,
        replaced: false,
        msMax,
      };
    default:
      return {
        name,
        title: `all ${gateways} gateways are killed and start anew`,
        killed: gateways,
        replaced: true,
        msMax,
      };
  }
}
