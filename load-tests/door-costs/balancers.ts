/**
 * Balancers: what HAProxy and nginx make of a gateway that does not listen for moments and keeps its connections.
 *
 * `node load-tests/door-costs/balancers.ts [--rate 30] [--cycles 4]`: two gateways behind each of them. One stops listening for 0.2,
 * 0.5, 1 and 2 s with a second between, again and again; then both do so for half a second. All balancers run at once, each with
 * gateways of its own.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tableText } from '../bench/figure.ts';
import { type Keeper, withKeeper } from '../bench/kept.ts';
import { pause } from '../bench/scene.ts';
import { quantile } from '../bench/spread.ts';
import { type BalancerCase, balancerCases, type Ports } from './balancer-configs.ts';
import { type ShutGateway, startShutGateway } from './shut-gateway.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '30' },
    cycles: { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`node load-tests/door-costs/balancers.ts [--rate PER_SECOND] [--cycles N]

Needs haproxy, nginx and its stream module (Debian: haproxy nginx libnginx-mod-stream); what is missing is left out and said.
With 4 cycles it takes a minute.`);
  process.exit(0);
}
const rate = Number(values.rate);
const cycles = Number(values.cycles);
const SHUT_MS = [200, 500, 1_000, 2_000];
const OPEN_MS = 1_000;
/** Longer than nginx leaves a server out by default. */
const CALM_MS = 11_000;
const BOTH_SHUT_MS = 500;
const AFTER_MS = 12_000;
const PATIENCE_MS = 10_000;
const STAYING = 10;
/** Below the ephemeral ports, so that no connection is given one of them while nobody listens. */
let nextPort = 17_700;
const UPGRADE =
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

const missing: string[] = [];
const haproxyVersion = versionOf('haproxy', '-v');
const nginxVersion = versionOf('nginx', '-V');
const streamModule = streamModuleOf(nginxVersion);
const versions = { haproxy: haproxyVersion, nginx: nginxVersion };
const cases = balancerCases.filter(
  ({ command, needsStream }) => versions[command] !== '' && !(needsStream && streamModule === undefined),
);
for (const line of missing) console.log(line);
if (cases.length === 0) process.exit(1);
console.log(
  [haproxyVersion, nginxVersion]
    .map((text) => text.split('\n')[0])
    .filter((line) => line !== '')
    .join('; '),
);

const rows = await withKeeper((keeper) => Promise.all(cases.map((one) => tried(keeper, one))));
console.log(
  tableText(
    [
      'balancer',
      'clients',
      'turned away',
      'by the other',
      'waited: 99 of 100, most',
      'left out',
      'those in stay',
      'both shut: turned away',
      'then nobody in for',
    ],
    rows,
  ),
);
process.exit(0);

function versionOf(command: string, option: string): string {
  const { stdout, stderr, status } = spawnSync(command, [option], { encoding: 'utf8' });
  if (status === 0) return `${stdout}${stderr}`.trim();
  missing.push(`${command} is not installed: its lines are missing`);
  return '';
}

/** The directive that loads it; `undefined` where there is none. */
function streamModuleOf(version: string): string | undefined {
  if (version === '' || /--with-stream(\s|$)/.test(version)) return '';
  const path = join(/--modules-path=(\S+)/.exec(version)?.[1] ?? '', 'ngx_stream_module.so');
  const directive = `load_module ${path};`;
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-balancer-'));
  writeFileSync(join(folder, 'try.conf'), `${directive}\nevents {}\nstream {}\n`);
  const args = ['-t', '-p', folder, '-c', join(folder, 'try.conf'), '-g', 'pid try.pid; error_log stderr;'];
  const { status } = spawnSync('nginx', args);
  rmSync(folder, { recursive: true });
  if (status === 0) return directive;
  missing.push('nginx has no stream module (Debian: libnginx-mod-stream): its lines for TCP are missing');
  return undefined;
}

interface Knocked {
  readonly socket: Socket;
  /** The gateway that answered; empty: turned away. */
  readonly by: string;
  readonly beganMs: number;
  readonly endMs: number;
}

async function tried(keeper: Keeper, one: BalancerCase): Promise<readonly string[]> {
  const ports = await freePorts();
  const first = await started(keeper, 'a', ports.gateways[0], ports.ops[0]);
  const second = await started(keeper, 'b', ports.gateways[1], ports.ops[1]);
  await startBalancer(keeper, one, ports);
  const staying = await Promise.all(Array.from({ length: STAYING }, () => knock(ports.balancer)));
  const crowd = startCrowd(ports.balancer);
  for (let shut = 0; shut < cycles * SHUT_MS.length; shut++) {
    await pause(OPEN_MS);
    first.shut();
    await pause(SHUT_MS[shut % SHUT_MS.length]!);
    await first.open();
  }
  const knocked = await Promise.all([...crowd.knocks]);
  const leftOutMs = first.leftOutMs();
  await pause(CALM_MS);
  first.shut();
  second.shut();
  await pause(BOTH_SHUT_MS);
  const openedMs = performance.now();
  const shutMs = openedMs - BOTH_SHUT_MS;
  await Promise.all([first.open(), second.open()]);
  await pause(AFTER_MS);
  crowd.stop();
  const later = await Promise.all(crowd.knocks);
  const back = later.filter(({ by, endMs }) => by !== '' && endMs > openedMs);
  const backMs = Math.min(...back.map(({ endMs }) => endMs)) - openedMs;
  const away = later.filter(({ by, beganMs }) => by === '' && beganMs >= shutMs).length;
  const lived = await Promise.all(staying.map(({ socket }) => livesStill(socket)));
  return [
    one.name,
    ...clientCells(knocked),
    `${(leftOutMs / 1_000).toFixed(1)} s`,
    `${lived.filter((it) => it).length} of ${STAYING}`,
    String(away),
    `${(Math.max(0, backMs) / 1_000).toFixed(1)} s`,
  ];
}

function clientCells(knocked: readonly Knocked[]): readonly string[] {
  const inside = knocked.filter(({ by }) => by !== '');
  const waits = inside.map(({ beganMs, endMs }) => endMs - beganMs).sort((a, b) => a - b);
  const share = (part: number) => `${((100 * part) / knocked.length).toFixed(1)} %`;
  return [
    String(knocked.length),
    share(knocked.length - inside.length),
    share(inside.filter(({ by }) => by === 'b').length),
    `${quantile(waits, 0.99).toFixed(0)} ms, ${waits.at(-1)!.toFixed(0)} ms`,
  ];
}

async function started(keeper: Keeper, name: string, port: number, opsPort: number): Promise<ShutGateway> {
  const gateway = keeper.keep(await startShutGateway(name, port, opsPort), (one) => one.close());
  await gateway.open();
  return gateway;
}

async function freePorts(): Promise<Ports> {
  const found: number[] = [];
  while (found.length < 5) found.push(await freePort());
  const [balancer = 0, a = 0, b = 0, opsA = 0, opsB = 0] = found;
  return { balancer, gateways: [a, b], ops: [opsA, opsB] };
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort++;
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((closed) => server.close(closed));
    return port;
  }
}

async function startBalancer(keeper: Keeper, one: BalancerCase, ports: Ports): Promise<void> {
  const folder = keeper.keep(mkdtempSync(join(tmpdir(), 'snowshed-balancer-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const file = join(folder, 'balancer.conf');
  writeFileSync(file, one.config(ports, streamModule ?? ''));
  const args = one.command === 'haproxy' ? ['-db', '-f', file] : ['-p', folder, '-c', file];
  const child = spawn(one.command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said = `${said}${bytes}`.slice(-2_000);
  });
  keeper.keep(child, ended);
  for (let tries = 0; tries < 50; tries++) {
    await pause(100);
    if (child.exitCode !== null) break;
    const { by, socket } = await knock(ports.balancer);
    socket.destroy();
    if (by !== '') return;
  }
  throw new Error(`${one.name} does not come up:\n${said}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  // Both end at once; nginx takes its worker with it.
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Clients that come evenly. */
function startCrowd(port: number): { readonly knocks: Promise<Knocked>[]; stop(): void } {
  const knocks: Promise<Knocked>[] = [];
  const timer = setInterval(() => {
    const one = knock(port);
    knocks.push(one);
    void one.then(({ socket }) => socket.destroy());
  }, 1_000 / rate);
  return { knocks, stop: () => clearInterval(timer) };
}

function knock(port: number): Promise<Knocked> {
  return new Promise((resolve) => {
    const beganMs = performance.now();
    const socket = connect({ port, host: '127.0.0.1' });
    const late = setTimeout(() => end(''), PATIENCE_MS);
    let heard = '';
    function end(by: string): void {
      clearTimeout(late);
      resolve({ socket, by, beganMs, endMs: performance.now() });
    }
    socket.on('connect', () => socket.write(UPGRADE));
    socket.on('error', () => end('')).on('close', () => end(''));
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      const body = heard.split('\r\n\r\n')[1];
      if (body) end(heard.startsWith('HTTP/1.1 101') ? body : '');
    });
  });
}

/** Whether what is said on it comes back. */
function livesStill(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), 1_000);
    socket.once('data', () => {
      clearTimeout(late);
      resolve(true);
    });
    socket.write('still here');
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
