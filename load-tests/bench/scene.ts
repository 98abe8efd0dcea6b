/**
 * Scene: the real processes that a figure is measured on, all on loopback and all up at once.
 */

import { join } from 'node:path';
import { type Fleet, startFleet } from '#test/harness/fleet.ts';
import { type Environment, type ServiceProcess, startProcess } from '#test/harness/process.ts';
import { createHmacIssuer, type Issuer } from '#test/harness/tokens.ts';
import { CONNECT_PATH, SUBPROTOCOL } from '#wire/messages.ts';
import { tokenSecret, unbounded } from './bounds.ts';
import { COLLECTED } from './collected.ts';
import type { Address } from './line.ts';
import { cpuMicros, ownBytes } from './proc.ts';

/** One way from client to client: whom to connect to, and whose time counts. */
export interface System {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly pids: readonly number[];
}

const hmacIssuer = createHmacIssuer(tokenSecret);

export function startYardstick(env: Environment = {}): Promise<ServiceProcess> {
  return startProcess('yardstick', 'load-tests/yardstick/main.ts', env);
}

export function startBenchFleet(
  gateways: number,
  routers: number,
  env: Environment = {},
  issuer: Issuer = hmacIssuer,
): Promise<Fleet> {
  return startFleet({ gateways, routers, env: { ...unbounded, ...issuer.env, ...env } });
}

export function yardstickSystem(yardstick: ServiceProcess): System {
  return { name: 'yardstick', addresses: [addressOf(yardstick, '/', undefined)], pids: [yardstick.pid] };
}

export function fleetSystem(name: string, fleet: Fleet): System {
  const pids = [...fleet.gateways, ...fleet.routers].map(({ pid }) => pid);
  if (fleet.nats?.pid !== undefined) pids.push(fleet.nats.pid);
  return { name, addresses: fleet.gateways.map((gateway) => nativeAddress(gateway)), pids };
}

export function nativeAddress(gateway: ServiceProcess): Address {
  return addressOf(gateway, CONNECT_PATH, SUBPROTOCOL);
}

function addressOf({ url }: ServiceProcess, path: string, subprotocol: string | undefined): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port), path, subprotocol };
}

// Memory.

/** Makes a process collect its garbage when `ownBytesAfterCollection` asks it to. */
export const collecting: Environment = {
  NODE_OPTIONS: `--import=${join(import.meta.dirname, 'preload.ts')}`,
};

const COLLECTION_MS_MAX = 30_000;

export async function ownBytesAfterCollection(measured: ServiceProcess): Promise<number> {
  const before = collections(measured);
  measured.signal('SIGUSR2');
  const untilMs = performance.now() + COLLECTION_MS_MAX;
  while (collections(measured) === before) {
    if (performance.now() > untilMs) throw new Error(`${measured.name} does not collect its garbage`);
    await pause(20);
  }
  return ownBytes(measured.pid);
}

function collections({ lines }: ServiceProcess): number {
  return lines.filter((line) => line === COLLECTED).length;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The time the processes had on the processor while `act` ran, in microseconds, and how long that was. */
export async function cpuOf(
  pids: readonly number[],
  act: () => Promise<unknown>,
): Promise<{ readonly micros: number; readonly ms: number }> {
  const startMs = performance.now();
  const before = cpuMicros(pids);
  await act();
  return { micros: cpuMicros(pids) - before, ms: performance.now() - startMs };
}
