/**
 * Subscription figures: what the bus knows of the sessions, which should be nothing: as many subscriptions with few
 * of them as with many.
 */

import assert from 'node:assert/strict';
import { tokenSecret } from './bounds.ts';
import type { Figure } from './figure.ts';
import { withKeeper } from './kept.ts';
import { startLoad } from './load.ts';
import { nativeAddress, pause, startBenchFleet } from './scene.ts';
import { spreadOf } from './spread.ts';

export interface SubscriptionOptions {
  readonly few: number;
  readonly many: number;
  readonly progress: (line: string) => void;
}

/** A process may open 20,000 files. */
const SESSIONS_PER_PROCESS = 17_000;
const AT_ONCE = 32;
/** A router that has just begun gathers what it follows in a few consumers. */
const STEADY_LOOKS = 5;
const LOOK_MS = 500;
const LOOKS_MAX = 60;

export function subscriptionFigures({
  few,
  many,
  progress,
}: SubscriptionOptions): Promise<readonly Figure[]> {
  return withKeeper(async (keeper) => {
    const gateways = Math.ceil(many / SESSIONS_PER_PROCESS);
    const fleet = keeper.keep(await startBenchFleet(gateways, 1), (one) => one.stop());
    const loads = fleet.gateways.map(() => keeper.keep(startLoad(), (one) => one.close()));
    const monitorPort = fleet.nats?.monitorPort;
    assert(monitorPort !== undefined);
    const open = async (from: number, all: number): Promise<void> => {
      const count = Math.floor((all - from) / gateways);
      await Promise.all(
        loads.map((load, n) =>
          load.do({
            ...{ order: 'open', crowd: `${from}`, greeting: { kind: 'native', secret: tokenSecret } },
            ...{
              addresses: [nativeAddress(fleet.gateways[n]!)],
              from: from + n * count,
              count,
              atOnce: AT_ONCE,
            },
          }),
        ),
      );
    };
    const settled = async (sessions: number): Promise<number> => {
      const count = await settledSubscriptions(monitorPort);
      progress(`${sessions} sessions, ${count} subscriptions`);
      return count;
    };
    await open(0, few);
    const withFew = await settled(few);
    await open(few, many);
    const withMany = await settled(many);
    return [
      {
        what: `subscriptions of the bus: with ${many} sessions more than with ${few}`,
        goal: 'none',
        goalMax: 0,
        spread: spreadOf([withMany - withFew]),
        unit: '',
      },
      { what: `subscriptions of the bus with ${many} sessions`, spread: spreadOf([withMany]), unit: '' },
    ];
  });
}

/** Their number once it has stayed the same for a while. */
async function settledSubscriptions(monitorPort: number): Promise<number> {
  let count = await subscriptionsOf(monitorPort);
  let steady = 0;
  for (let look = 0; look < LOOKS_MAX && steady < STEADY_LOOKS; look++) {
    await pause(LOOK_MS);
    const now = await subscriptionsOf(monitorPort);
    steady = now === count ? steady + 1 : 0;
    count = now;
  }
  return count;
}

async function subscriptionsOf(monitorPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/varz`);
  return ((await answer.json()) as { subscriptions: number }).subscriptions;
}
