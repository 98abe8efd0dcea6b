/**
 * Inside: gateway, router and in-memory log in this process with nothing around them, no socket and no timer,
 * so that what is measured is our own code alone.
 *
 * A turn of the event loop is a call of `turn`.
 */

import { Registry } from 'prom-client';
import { createMemoryBus } from '#bus/memory/bus.ts';
import { RouterConfig } from '#router/config.ts';
import { createRouterMetrics } from '#router/metrics.ts';
import { createRouter } from '#router/router.ts';
import { type Clock, createSystemClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { createSocketless, type SocketlessFlow, socketlessConfig } from './socketless.ts';

export interface Inside {
  /** The flows of the users, in order. */
  readonly flows: readonly SocketlessFlow[];
  receive(flow: SocketlessFlow, message: Uint8Array): void;
  /** Everything that is due in this turn, and in those it makes due. */
  turn(): void;
}

const SETTLING_TURNS = 100;

/** So many users, attached. */
export async function startInside(users: number): Promise<Inside> {
  const { clock, turn } = clockByHand();
  const random = createSystemRandom();
  const config = socketlessConfig();
  const bus = createMemoryBus(
    {
      partitions: config.LOG_PARTITIONS,
      bytesMax: config.LOG_BYTES_MAX,
      channelFramesMax: config.LOG_CHANNEL_FRAMES_MAX,
      ttlMsMax: config.LOG_TTL_MAX_MS,
      dedupWindowMs: config.LOG_DEDUP_WINDOW_MS,
      journalTtlMs: config.JOURNAL_TTL_MS,
    },
    { clock, random },
  );
  const log = createLogger('inside', 'error');
  const metrics = createRouterMetrics(new Registry());
  createRouter({ bus, clock, random, config: readConfig(RouterConfig, {}), log, metrics }).start();
  const { gateway, open, receive } = createSocketless(bus, clock, config);
  await gateway.start();
  await until(turn, () => gateway.notReady() === undefined);
  const flows = open(0, users);
  await until(turn, () => flows.every((flow) => flow.sent > 0));
  // Those that have just been welcomed go live in the turns that follow.
  await until(turn, counted(SETTLING_TURNS));
  return { flows, turn, receive };
}

function clockByHand(): { readonly clock: Clock; readonly turn: () => void } {
  let due: (() => void)[] = [];
  const soon = (act: () => void) => void due.push(act);
  const clock = { ...createSystemClock(), soon, atEnd: soon };
  function turn(): void {
    while (due.length > 0) {
      const acts = due;
      due = [];
      for (const act of acts) act();
    }
  }
  return { clock, turn };
}

async function until(turn: () => void, reached: () => boolean): Promise<void> {
  while (!reached()) {
    turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function counted(turns: number): () => boolean {
  let left = turns;
  return () => left-- === 0;
}
