/**
 * Session figures: the memory that one idle session takes, attached, of its gateway and of the router.
 *
 * The memory of each process after everything unreachable was collected, before and after so many sessions come, once the process has been
 * warmed up by some; the bare sockets of the yardstick beside it, in the same round.
 */

import type { Environment } from '#test/harness/process.ts';
import { tokenSecret } from './bounds.ts';
import type { Figure } from './figure.ts';
import { type Keeper, withKeeper } from './kept.ts';
import { startLoad } from './load.ts';
import type { Greeting } from './orders.ts';
import {
  collecting,
  nativeAddress,
  ownBytesAfterCollection,
  pause,
  startBenchFleet,
  startYardstick,
  yardstickSystem,
} from './scene.ts';
import { spreadOf } from './spread.ts';

export interface SessionOptions {
  readonly sessions: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

interface Round {
  readonly socket: number;
  readonly gateway: number;
  readonly router: number;
  /** Of gateway and router together, for the first half of the sessions. */
  readonly firstHalf: number;
}

const WARMING = 1_000;
const AT_ONCE = 64;
/** The client library's heartbeats and the sweeps of the gateway have run some times by then. */
const SETTLING_MS = 3_000;
const env: Environment = { ...collecting, GATEWAY_IDLE_MS: '960000' };

export async function sessionFigures({
  sessions,
  rounds,
  progress,
}: SessionOptions): Promise<readonly Figure[]> {
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    const one = await withKeeper((keeper) => measureRound(keeper, sessions));
    measured.push(one);
    progress(
      `round ${round}/${rounds}  session ${kiloBytes(one.gateway + one.router)}, socket ${kiloBytes(one.socket)}`,
    );
  }
  const spread = (of: (round: Round) => number) => spreadOf(measured.map(of));
  return [
    {
      what: `idle session, attached, at ${sessions} in one gateway: its memory, and the router's for it`,
      goal: '≤ 2.5 kB',
      goalMax: 2.5,
      spread: spread(({ gateway, router }) => (gateway + router) / 1_000),
      unit: 'kB',
    },
    { what: 'of it the gateway', spread: spread(({ gateway }) => gateway / 1_000), unit: 'kB' },
    { what: 'of it the router', spread: spread(({ router }) => router / 1_000), unit: 'kB' },
    { what: 'bare socket of the yardstick', spread: spread(({ socket }) => socket / 1_000), unit: 'kB' },
    {
      what: `idle session: the second half of ${sessions} by the first`,
      goal: '≤ 1.1',
      goalMax: 1.1,
      spread: spread(({ gateway, router, firstHalf }) => (2 * (gateway + router) - firstHalf) / firstHalf),
      unit: '×',
    },
  ];
}

function kiloBytes(bytes: number): string {
  return `${(bytes / 1_000).toFixed(2)} kB`;
}

async function measureRound(keeper: Keeper, sessions: number): Promise<Round> {
  const yardstick = keeper.keep(await startYardstick(env), (one) => one.kill());
  const fleet = keeper.keep(await startBenchFleet(1, 1, env), (one) => one.stop());
  const load = keeper.keep(startLoad(), (one) => one.close());
  const [gateway, router] = [fleet.gateways[0]!, fleet.routers[0]!];
  let from = 0;
  const open = async (greeting: Greeting, count: number): Promise<void> => {
    const bare = greeting.kind === 'yardstick';
    const addresses = bare ? yardstickSystem(yardstick).addresses : [nativeAddress(gateway)];
    await load.do({ order: 'open', crowd: `${from}`, greeting, addresses, from, count, atOnce: AT_ONCE });
    from += count;
    await pause(SETTLING_MS);
  };
  const bare: Greeting = { kind: 'yardstick' };
  await open(bare, WARMING);
  const socketsBefore = await ownBytesAfterCollection(yardstick);
  await open(bare, sessions / 2);
  const socket = ((await ownBytesAfterCollection(yardstick)) - socketsBefore) / (sessions / 2);
  yardstick.signal('SIGKILL');

  const native: Greeting = { kind: 'native', secret: tokenSecret };
  const ours = async () =>
    [await ownBytesAfterCollection(gateway), await ownBytesAfterCollection(router)] as const;
  await open(native, WARMING);
  const before = await ours();
  await open(native, sessions / 2);
  const half = await ours();
  await open(native, sessions / 2);
  const after = await ours();
  return {
    socket,
    gateway: (after[0] - before[0]) / sessions,
    router: (after[1] - before[1]) / sessions,
    firstHalf: (half[0] + half[1] - before[0] - before[1]) / (sessions / 2),
  };
}
