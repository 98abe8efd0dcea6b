/**
 * Simulated: the same loss under virtual time, with the numbers that were measured in calm.
 */

import { costs } from '#simulation/costs.ts';
import type { Figures } from '#simulation/figures.ts';
import { law } from '#simulation/policies.ts';
import type { Scenario } from '#simulation/scenario.ts';
import { simulated } from '#simulation/world.ts';
import type { Calm, Drain } from './acts.ts';

const REFUSAL_MICROS = 3;

export function simulatedDrain(drain: Drain, calm: Calm, tls: boolean, seed: number): Figures {
  return simulated(scenarioOf(drain, calm, tls), law, seed);
}

function scenarioOf(drain: Drain, { costMicros }: Calm, tls: boolean): Scenario {
  const { loss, sessions, gatewaysLeft, allowedCores, episode, returnedMs } = drain;
  const transport = tls ? 'tls' : 'plain';
  const its = costs(transport, 'sealed', REFUSAL_MICROS);
  const gateways = loss.replaced ? gatewaysLeft : gatewaysLeft + loss.killed;
  const share = allowedCores / gatewaysLeft;
  const slowness = costMicros / 1_000 / (its.handshakeMs + its.setUpMs) / share;
  const inCall = episode.inCall.filter((is) => is === 1).length;
  return {
    ...{ name: loss.name, title: loss.title, goals: [] },
    ...{ transport, credential: 'sealed', clients: sessions, gateways, part: 1, slowness },
    ...(loss.replaced ? {} : { deadForGood: loss.killed }),
    ...{ awayMs: Math.round(returnedMs), balancerBlindMs: 0, addressed: false, weighted: false },
    ...{
      inCallShare: inCall / Math.max(1, episode.backMs.length),
      patienceMs: 10_000,
      believed: 1,
      noise: 0,
    },
    ...{ rttMs: 1, turnMs: 10, refusalMicros: REFUSAL_MICROS, acceptQueueMax: 512, openMax: 16_384 },
  };
}
