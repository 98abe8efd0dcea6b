/**
 * Swarm: tens of thousands of real clients of the service, in several processes, steered from one.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { nowMs } from './clock.ts';
import type {
  Answer,
  CrowdOptions,
  Episode,
  GatewayPlaces,
  Ledger,
  Order,
  OrderMessage,
  Result,
  Tally,
  Timing,
  Visits,
} from './orders.ts';

/** Below the 20,000 files that a process may hold on most machines. */
const SESSIONS_PER_PROCESS = 16_000;
const PROCESSES_MIN = 2;
/** Well below what one address has ports for. */
const CLIENTS_PER_ADDRESS = 500;

export interface SwarmOptions {
  readonly sessions: number;
  readonly tls: boolean;
  readonly secret: string;
  readonly timing: Timing;
  readonly pairs: number;
  readonly frameEveryMs: number;
  /** Number of the first client; swarms beside one another do not overlap. */
  readonly first?: number;
  readonly seed?: number;
  readonly greeting?: CrowdOptions['greeting'];
  readonly replay?: string;
  readonly atPriority?: boolean;
  readonly perAddress?: number;
}

/** Sums over the processes; of lateness and spread the greatest. */
export type SwarmTally = Omit<Tally, 'cpuMicros'> & { readonly cpuMicros: readonly number[] };

export interface Swarm {
  readonly pids: readonly number[];
  tally(): SwarmTally;
  /** Told after each tally. */
  onTally(act: (tally: SwarmTally) => void): void;
  places(places: readonly GatewayPlaces[]): Promise<void>;
  ramp(overMs: number): Promise<void>;
  cut(clients: number, overMs: number, backMs: number): Promise<void>;
  drop(clients: number): Promise<void>;
  /** All that are up lose their connections at once. */
  breakAll(): Promise<void>;
  inTurn(atOnce: number): Promise<void>;
  churn(visits: Visits): Promise<void>;
  /** @returns the moment, on the machine's clock. */
  mark(): Promise<number>;
  episode(): Promise<Episode>;
  rest(): Promise<void>;
  ledger(): Promise<Ledger>;
  /** The resume token of one client that is in a call. */
  token(): Promise<string | undefined>;
  leave(): Promise<void>;
  stop(): void;
}

export async function startSwarm(options: SwarmOptions): Promise<Swarm> {
  const processes = Math.max(PROCESSES_MIN, Math.ceil(options.sessions / SESSIONS_PER_PROCESS));
  const members = Array.from({ length: processes }, () => startMember());
  const share = (n: number, all: number) =>
    Math.floor(((n + 1) * all) / processes) - Math.floor((n * all) / processes);
  let first = options.first ?? 0;
  await Promise.all(
    members.map((member, n) => {
      const count = share(n, options.sessions);
      const crowd = crowdOptions(options, n, first, count, share(n, options.pairs));
      first += count;
      return member.do({ order: 'crowd', options: crowd });
    }),
  );
  const all = async (order: Order) => void (await Promise.all(members.map((member) => member.do(order))));
  const listeners: ((tally: SwarmTally) => void)[] = [];
  const tally = () => summed(members.map((member) => member.tally()));
  members[0]!.tallied(() => {
    for (const listener of listeners) listener(tally());
  });
  return {
    pids: members.map(({ pid }) => pid),
    tally,
    onTally: (act) => void listeners.push(act),
    places: (places) => all({ order: 'places', places }),
    ramp: (overMs) => all({ order: 'ramp', overMs }),
    async cut(clients, overMs, backMs) {
      await Promise.all(
        members.map((member, n) => member.do({ order: 'cut', clients: share(n, clients), overMs, backMs })),
      );
    },
    async drop(clients) {
      await Promise.all(members.map((member, n) => member.do({ order: 'drop', clients: share(n, clients) })));
    },
    async inTurn(atOnce) {
      await Promise.all(members.map((member, n) => member.do({ order: 'inTurn', atOnce: share(n, atOnce) })));
    },
    breakAll: () => all({ order: 'break' }),
    async churn(visits) {
      const { pace } = visits;
      const paceOf = (n: number) =>
        'atOnce' in pace ? { atOnce: share(n, pace.atOnce) } : { perSecond: pace.perSecond / processes };
      await Promise.all(
        members.map((member, n) => member.do({ ...visits, order: 'churn', pace: paceOf(n) })),
      );
    },
    async mark() {
      const atMs = nowMs();
      await all({ order: 'mark', atMs });
      return atMs;
    },
    async episode() {
      const parts = await Promise.all(members.map((member) => member.do({ order: 'episode' })));
      return joined(parts as Episode[]);
    },
    rest: () => all({ order: 'rest' }),
    async ledger() {
      const parts = await Promise.all(members.map((member) => member.do({ order: 'ledger' })));
      return summedLedger(parts as Ledger[]);
    },
    token: async () => (await members.at(-1)!.do({ order: 'token' })) as string | undefined,
    leave: () => all({ order: 'leave' }),
    stop() {
      for (const member of members) member.stop();
    },
  };
}

function crowdOptions(
  options: SwarmOptions,
  n: number,
  first: number,
  count: number,
  pairs: number,
): CrowdOptions {
  const {
    tls,
    secret,
    timing,
    frameEveryMs,
    seed = 1,
    greeting = 'proper',
    atPriority = false,
    perAddress = CLIENTS_PER_ADDRESS,
    replay,
  } = options;
  return {
    first,
    count,
    tls,
    secret,
    timing,
    pairs,
    frameEveryMs,
    seed: seed * 1_000 + n,
    greeting,
    replay,
    atPriority,
    perAddress,
  };
}

interface Member {
  readonly pid: number;
  do(order: Order): Promise<Result | undefined>;
  tally(): Tally | undefined;
  tallied(act: () => void): void;
  stop(): void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function startMember(): Member {
  const child = fork(join(import.meta.dirname, 'swarm-process.ts'), { serialization: 'advanced' });
  running.add(child);
  const waiting = new Map<
    number,
    { resolve(result: Result | undefined): void; reject(error: Error): void }
  >();
  let last: Tally | undefined;
  let tallied = () => {};
  let ordered = 0;
  child.on('message', (message: Answer) => {
    if (message.kind === 'tally') {
      last = message.tally;
      return tallied();
    }
    const waits = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'error') waits?.reject(new Error(message.error));
    else waits?.resolve(message.result);
  });
  child.on('exit', (code, signal) => {
    running.delete(child);
    const error = new Error(`a process of the swarm ended with ${code ?? signal}`);
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    pid: child.pid!,
    do: (order) =>
      new Promise((resolve, reject) => {
        const id = ++ordered;
        waiting.set(id, { resolve, reject });
        child.send({ id, order } satisfies OrderMessage);
      }),
    tally: () => last,
    tallied(act) {
      tallied = act;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}

const counts = [
  'up',
  'waiting',
  'lines',
  'attempts',
  'opened',
  'welcomed',
  'resumed',
  'failed',
  'losses',
  'waitsTold',
  'sentAway',
  'visitors',
  'gaveUp',
  'bytes',
] as const;

function summed(tallies: readonly (Tally | undefined)[]): SwarmTally {
  const known = tallies.filter((tally) => tally !== undefined);
  const sums = Object.fromEntries(
    counts.map((name) => [name, known.reduce((sum, tally) => sum + tally[name], 0)]),
  ) as { [name in (typeof counts)[number]]: number };
  const faults: Record<string, number> = {};
  for (const tally of known) {
    for (const [name, count] of Object.entries(tally.faults)) faults[name] = (faults[name] ?? 0) + count;
  }
  const greatest = (of: (tally: Tally) => number) => Math.max(0, ...known.map(of));
  return {
    ...sums,
    faults,
    lateMs: greatest((tally) => tally.lateMs),
    spread: {
      gatewayMs: greatest(({ spread }) => spread.gatewayMs),
      fleetMs: greatest(({ spread }) => spread.fleetMs),
    },
    cpuMicros: known.map(({ cpuMicros }) => cpuMicros),
  };
}

function joined(parts: readonly Episode[]): Episode {
  const sum = (of: (part: Episode) => number) => parts.reduce((total, part) => total + of(part), 0);
  const bins = (of: (part: Episode) => readonly number[]) => {
    const length = Math.max(0, ...parts.map((part) => of(part).length));
    return Array.from({ length }, (_, i) => sum((part) => of(part)[i] ?? 0));
  };
  return {
    backMs: Float64Array.from(parts.flatMap(({ backMs }) => [...backMs])),
    inCall: Uint8Array.from(parts.flatMap(({ inCall }) => [...inCall])),
    attempts: Uint16Array.from(parts.flatMap(({ attempts }) => [...attempts])),
    awayMs: Float64Array.from(parts.flatMap(({ awayMs }) => [...awayMs])),
    attempted: bins(({ attempted }) => attempted),
    setUp: bins(({ setUp }) => setUp),
    lost: bins(({ lost }) => lost),
    elsewhere: sum(({ elsewhere }) => elsewhere),
    openTimeouts: sum(({ openTimeouts }) => openTimeouts),
    handshakeTimeouts: sum(({ handshakeTimeouts }) => handshakeTimeouts),
    sentOn: sum(({ sentOn }) => sentOn),
  };
}

function summedLedger(parts: readonly Ledger[]): Ledger {
  const sum = (of: (part: Ledger) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    sent: sum(({ sent }) => sent),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    disordered: sum(({ disordered }) => disordered),
    gaps: sum(({ gaps }) => gaps),
    tookMs: parts.flatMap(({ tookMs }) => tookMs),
  };
}
