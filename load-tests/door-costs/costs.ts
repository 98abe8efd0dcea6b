/**
 * Door costs: what each way of letting a client in, or of refusing it, takes of a real gateway's processor time.
 *
 * Gateways with and without TLS, a router and NATS, as they are run; clients in a process of their own. So many come,
 * a few at once; the gateway's processor time per client, less what it takes with nothing to do. Memory is
 * what is the gateway's own after garbage was collected.
 */

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Fleet, startFleet } from '#test/harness/fleet.ts';
import type { Environment, ServiceProcess } from '#test/harness/process.ts';
import { createJwksIssuer, forged, type RotatingIssuer } from '#test/harness/tokens.ts';
import { unbounded } from '../bench/bounds.ts';
import { type Keeper, withKeeper } from '../bench/kept.ts';
import { collecting, cpuOf, ownBytesAfterCollection, pause } from '../bench/scene.ts';
import { makeCertificate } from '../swarm/certificate.ts';
import { type Goal, type Knocked, type Knocker, startKnocker } from './knocker.ts';

export interface DoorCostsOptions {
  readonly clients: number;
  readonly rounds: number;
  /** So few that all are open before the first has waited 10 s, after which a gateway cuts who says nothing. */
  readonly waiting: number;
  readonly progress: (line: string) => void;
}

export const ways = [
  'close after accept',
  '503',
  'upgrade',
  'refusal after opening',
  'resume',
  'fresh, ES256',
] as const;
export type Way = (typeof ways)[number];

/** Microseconds, round by round; and bytes of memory. */
export interface TransportCosts {
  readonly micros: Readonly<Record<Way, readonly number[]>>;
  readonly waitingBytes: readonly number[];
}

export interface DoorCosts {
  readonly plain: TransportCosts;
  readonly tls: TransportCosts;
  /** Of both ends of a refused connect, the making of the client's socket not counted; none without Python. */
  readonly refusedMicros: readonly number[];
}

const AT_ONCE = 64;
const IDLE_MS = 1_000;
/** After clients left, routers let their sessions go. */
const LEAVING_MS = 500;
/** Before the first look at memory, so that what a gateway makes once is not counted. */
const FIRST_WAITING = 200;
const CONNECTS = 100_000;

export async function doorCosts(options: DoorCostsOptions): Promise<DoorCosts> {
  const plain = await withKeeper((keeper) => measured(keeper, false, options));
  const tls = await withKeeper((keeper) => measured(keeper, true, options));
  const refusedMicros: number[] = [];
  for (let round = 0; round < options.rounds; round++) refusedMicros.push(...(await refused()));
  return { plain, tls, refusedMicros };
}

interface Scene {
  readonly fleet: Fleet;
  readonly knocker: Knocker;
  readonly holders: readonly Knocker[];
  readonly issuer: RotatingIssuer;
  readonly tls: boolean;
  readonly clients: number;
  /** As it is run; with room for one flow; with room for one socket. */
  readonly gateway: ServiceProcess;
  readonly full: ServiceProcess;
  readonly crowded: ServiceProcess;
}

/** Microseconds of processor time per millisecond with nothing to do, by process id. */
type Idle = ReadonlyMap<number, number>;

async function measured(
  keeper: Keeper,
  tls: boolean,
  { clients, rounds, waiting, progress }: DoorCostsOptions,
): Promise<TransportCosts> {
  const scene = await startScene(keeper, tls, clients);
  const micros = Object.fromEntries(ways.map((way) => [way, [] as number[]])) as Record<Way, number[]>;
  // The first round warms the processes up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const costs = await measureRound(scene, round);
    if (round > 0) for (const way of ways) micros[way].push(costs[way]);
    const shown = ways.map((way) => costs[way].toFixed(0)).join(', ');
    progress(`door, ${tls ? 'TLS' : 'plain'}, round ${round}/${rounds}  ${shown} µs`);
  }
  const waitingBytes: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const bytes = await waitingSocketBytes(scene, waiting);
    if (bytes !== undefined) waitingBytes.push(bytes);
    progress(
      `door, ${tls ? 'TLS' : 'plain'}, waiting sockets ${round}/${rounds}  ${bytes?.toFixed(0) ?? 'some were cut'} bytes`,
    );
  }
  return { micros, waitingBytes };
}

async function startScene(keeper: Keeper, tls: boolean, clients: number): Promise<Scene> {
  const issuer = keeper.keep(await createJwksIssuer(), (one) => one.close());
  const certificate = keeper.keep(makeCertificate(), (one) => one.remove());
  const files = { GATEWAY_TLS_CERT_FILE: certificate.certFile, GATEWAY_TLS_KEY_FILE: certificate.keyFile };
  const env: Environment = { ...unbounded, ...issuer.env, ...collecting, ...(tls ? files : {}) };
  const bounds: Record<string, Environment> = {
    'gateway-2': { GATEWAY_FLOWS_MAX: '1', GATEWAY_DOOR: 'open' },
    'gateway-3': { GATEWAY_SOCKETS_MAX: '1', GATEWAY_DOOR: 'open' },
  };
  const envOf = (name: string) => bounds[name] ?? {};
  const fleet = keeper.keep(await startFleet({ gateways: 3, routers: 1, env, envOf }), (one) => one.stop());
  const named = (name: string) => fleet.gateways.find((one) => one.name === name)!;
  return {
    knocker: keeper.keep(startKnocker(), (one) => one.close()),
    holders: [0, 1].map(() => keeper.keep(startKnocker(), (one) => one.close())),
    ...{ fleet, issuer, tls, clients },
    gateway: named('gateway-1'),
    full: named('gateway-2'),
    crowded: named('gateway-3'),
  };
}

async function measureRound(scene: Scene, round: number): Promise<Record<Way, number>> {
  const { issuer, clients, gateway, full, crowded } = scene;
  const named = (n: number) => `c${round}-${n}`;
  const tokens = Array.from({ length: clients }, (_, n) => issuer.token(named(n)));
  const bare = { hellos: [], stay: false };
  const idle = await idleOf([gateway, full, crowded]);
  // Each of the two has its one, anew in each round: it answers no pings and would be cut.
  for (const [n, one] of [full, crowded].entries()) {
    const hellos = [helloOf(issuer.token(`${one.name}-${round}`))];
    const order = { port: portOf(one), tls: scene.tls, hellos, count: 1, atOnce: 1, stay: true } as const;
    told(await scene.holders[n]!.knock({ ...order, goal: 'answered' }), '{"type":"welcome"');
  }
  const accept = await cost(scene, idle, crowded, 'closed', bare, '');
  const busy = await cost(scene, idle, full, 'upgraded', bare, 'HTTP/1.1 503');
  for (const holder of scene.holders) await holder.leave();
  const upgrade = await cost(scene, idle, gateway, 'upgraded', bare, 'HTTP/1.1 101');
  const wrong = tokens.map((token, n) => helloOf(forged(token, `${named(n)}-forged`)));
  const refusal = await cost(
    scene,
    idle,
    gateway,
    'answered',
    { hellos: wrong, stay: false },
    '{"type":"bye"',
  );
  const fresh = await cost(
    scene,
    idle,
    gateway,
    'answered',
    { hellos: tokens.map(helloOf), stay: true },
    '{"type":"welcome"',
  );
  const hellos = fresh.resumes.map((resume) => JSON.stringify({ type: 'hello', device: 'd', resume }));
  const resume = await cost(scene, idle, gateway, 'answered', { hellos, stay: true }, '{"type":"welcome"');
  return {
    'close after accept': accept.micros,
    '503': busy.micros,
    upgrade: upgrade.micros,
    'refusal after opening': refusal.micros,
    resume: resume.micros,
    'fresh, ES256': fresh.micros,
  };
}

async function idleOf(gateways: readonly ServiceProcess[]): Promise<Idle> {
  const measured = gateways.map(async ({ pid }) => {
    const { micros, ms } = await cpuOf([pid], () => pause(IDLE_MS));
    return [pid, micros / ms] as const;
  });
  return new Map(await Promise.all(measured));
}

function helloOf(token: string): string {
  return JSON.stringify({ type: 'hello', device: 'd', token });
}

/** What a gateway spends on each client that comes, until the last of them has got so far. */
async function cost(
  { knocker, tls, clients }: Scene,
  idle: Idle,
  gateway: ServiceProcess,
  goal: Goal,
  { hellos, stay }: { readonly hellos: readonly string[]; readonly stay: boolean },
  expected: string,
): Promise<{ readonly micros: number; readonly resumes: readonly string[] }> {
  const order = { port: portOf(gateway), tls, goal, count: clients, atOnce: AT_ONCE, hellos, stay };
  let knocked: Knocked | undefined;
  const spent = await cpuOf([gateway.pid], async () => {
    knocked = await knocker.knock(order);
  });
  const { resumes } = told(knocked!, expected);
  await knocker.leave();
  await pause(LEAVING_MS);
  return { micros: (spent.micros - idle.get(gateway.pid)! * spent.ms) / clients, resumes };
}

/** @throws Error where not all came to what was expected; `''`: the other end closed. */
function told(knocked: Knocked, expected: string): Knocked {
  const as = (words: string) =>
    expected === '' ? ['closed', 'ECONNRESET', 'EPIPE'].includes(words) : words.startsWith(expected);
  const all = Object.keys(knocked.outcomes);
  if (all.every(as)) return knocked;
  throw new Error(`instead of ${expected} came ${JSON.stringify(knocked.outcomes)}`);
}

function portOf({ url }: ServiceProcess): number {
  return Number(new URL(url).port);
}

/**
 * Of clients that opened and have not said who they are; `undefined` where the machine was so slow that some were cut.
 *
 * On a gateway of its own: one that had connections before has memory left over from them.
 */
async function waitingSocketBytes(
  { knocker, tls, fleet }: Scene,
  count: number,
): Promise<number | undefined> {
  const gateway = await fleet.addGateway();
  await gateway.ready();
  const order = { port: portOf(gateway), tls, atOnce: AT_ONCE, goal: 'upgraded', hellos: [] } as const;
  const opened = async (some: number) =>
    told(await knocker.knock({ ...order, count: some, stay: true }), 'HTTP/1.1 101');
  await opened(FIRST_WAITING);
  const before = await ownBytesAfterCollection(gateway);
  await opened(count);
  const bytes = (await ownBytesAfterCollection(gateway)) - before;
  const cut = await knocker.leave();
  await gateway.kill();
  return cut === 0 ? bytes / count : undefined;
}

/** Connects to a port where nobody listens. */
async function refused(): Promise<readonly number[]> {
  const port = await closedPort();
  const script = join(import.meta.dirname, 'connects.py');
  const { stdout, status } = spawnSync('python3', [script, '127.0.0.1', String(port), String(CONNECTS)], {
    encoding: 'utf8',
  });
  if (status !== 0) return [];
  const [connect, socket] = stdout.split(' ').map(Number);
  return [connect! - socket!];
}

function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
