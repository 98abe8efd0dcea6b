/**
 * Scene: a fleet of real processes for a swarm, with TLS at the gateways where wanted, and where its clients find it.
 */

import { connect } from 'node:net';
import { type Fleet, startFleet } from '#test/harness/fleet.ts';
import type { Environment, ServiceProcess } from '#test/harness/process.ts';
import { createHmacIssuer } from '#test/harness/tokens.ts';
import { unbounded } from '../bench/bounds.ts';
import { makeCertificate } from './certificate.ts';
import type { GatewayPlaces } from './orders.ts';

const ANSWER_MS_MAX = 5_000;

export interface Scene {
  readonly fleet: Fleet;
  stop(): Promise<void>;
}

export interface SceneOptions {
  readonly gateways: number;
  readonly routers: number;
  readonly tls: boolean;
  /** What tokens are made with. */
  readonly secret: string;
  readonly env?: Environment;
  /** Of one process. */
  envOf?(name: string): Environment;
}

export async function startScene(options: SceneOptions): Promise<Scene> {
  const { gateways, routers, tls, secret, env } = options;
  const certificate = tls ? makeCertificate() : undefined;
  const files: Environment =
    certificate === undefined
      ? {}
      : { GATEWAY_TLS_CERT_FILE: certificate.certFile, GATEWAY_TLS_KEY_FILE: certificate.keyFile };
  try {
    const issuer = createHmacIssuer(secret);
    const fleet = await startFleet({
      gateways,
      routers,
      env: { ...unbounded, ...issuer.env, ...files, ...env },
      envOf: (name) => options.envOf?.(name) ?? {},
    });
    return {
      fleet,
      async stop() {
        await fleet.stop();
        certificate?.remove();
      },
    };
  } catch (error) {
    certificate?.remove();
    throw error;
  }
}

export function placesOf(gateways: readonly ServiceProcess[]): readonly GatewayPlaces[] {
  return gateways.filter(({ running }) => running).map(({ url }) => ({ main: placeAt(url) }));
}

/** @throws where nobody takes a connection there. */
export async function requireSomebodyAt(url: string): Promise<void> {
  const { host, port } = placeAt(url);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: ANSWER_MS_MAX }, () => {
      socket.destroy();
      resolve();
    });
    const absent = (why: string) => reject(new Error(`nobody takes a connection at ${url}: ${why}`));
    socket.on('error', ({ message }) => absent(message));
    socket.on('timeout', () => absent(`no answer within ${ANSWER_MS_MAX / 1_000} s`));
  });
}

/** @throws where it is no address of a gateway. */
export function placeAt(url: string): {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
} {
  const { protocol, hostname, port } = new URL(url);
  if (!/^(ws|http)s?:$/.test(protocol)) throw new Error(`${url} is no ws: or wss: address`);
  const tls = protocol === 'wss:' || protocol === 'https:';
  return { host: hostname, port: Number(port || (tls ? 443 : 80)), tls };
}
