/**
 * Build: a gateway out of its configuration and a bus, as every process that holds one needs it.
 *
 * The concrete parts are chosen here, for `gateway/main.ts` and the one-process mode alike. A new protocol is
 * one more dialect in `dialects`.
 */

import type { Registry } from 'prom-client';
import type { Bus } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import { type ConfigCheck, ConfigError } from '#runtime/config.ts';
import { filesMax } from '#runtime/files.ts';
import type { Logger } from '#runtime/log.ts';
import { createSystemLoop } from '#runtime/loop.ts';
import type { Random } from '#runtime/random.ts';
import { type GatewayConfig, samePortTwice } from './config.ts';
import { nativeDialect } from './dialects/native/native.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { createAuthenticator } from './identity/authenticator.ts';
import { journalTooShort } from './identity/config.ts';
import { createIceServers } from './identity/ice.ts';
import { followRevocations } from './identity/revocations.ts';
import { createGatewayMetrics } from './metrics.ts';
import { transportContradiction, webTransportOptions } from './transports/config.ts';
import { createWebTransport, type Page, type WebTransportOptions } from './transports/web.ts';

export interface GatewayParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: GatewayConfig;
  readonly log: Logger;
  readonly register: Registry;
  /** Other things to GET on the clients' port. */
  readonly pages?: readonly Page[];
}

const dialects = { webSocket: [nativeDialect], poll: nativeDialect };

export const gatewayChecks: readonly ConfigCheck<GatewayConfig>[] = [
  transportContradiction,
  samePortTwice,
  journalTooShort,
];

export function buildGateway(parts: GatewayParts): Gateway {
  const { bus, clock, random, config, log, register } = parts;
  const metrics = createGatewayMetrics(register);
  const authenticator = createAuthenticator({
    config,
    clock,
    log,
    keysWereRead: (outcome) => metrics.keyReadings.inc({ outcome }),
  });
  const revocations = followRevocations({
    journal: bus.journal,
    clock,
    log,
    keepMs: config.AUTH_TOKEN_AGE_MS_MAX,
  });
  revocations.watch(({ kind }) => metrics.revocations.inc({ kind }));
  let flow = 0;
  const gateway = createGateway({
    bus,
    clock,
    loop: createSystemLoop(),
    random,
    config,
    log,
    metrics,
    authenticator,
    revocations,
    iceServers: createIceServers(config, clock),
    transport: (events) =>
      createWebTransport(transportOptions(config), dialects, events, {
        clock,
        random,
        flowNumber: () => ++flow,
        refused: (fault) => metrics.faults.inc({ fault }),
        certificateChanged: (problem) => certificateChanged(log, problem),
        socketsChanged: (count) => metrics.sockets.set(count),
        ...(parts.pages !== undefined && { pages: parts.pages }),
      }),
  });
  return {
    ...gateway,
    notReady: () => (revocations.caughtUp() ? gateway.notReady() : 'the revocations have not been read yet'),
    stop() {
      gateway.stop();
      revocations.close();
      authenticator.close();
    },
  };
}

/** Files that are not connections of clients: the bus, the operations port, what the process itself holds. */
const FILES_RESERVED = 512;

/**
 * At its file limit uWebSockets.js would turn in circles, so it has to stop before.
 *
 * @throws ConfigError where that leaves nothing: a gateway that never listens is of no use.
 */
function transportOptions(config: GatewayConfig): WebTransportOptions {
  const options = webTransportOptions(config, config.GATEWAY_OUTBOX_BYTES_MAX);
  const files = filesMax();
  if (files <= FILES_RESERVED) {
    const kept = `${FILES_RESERVED} are kept for other things than clients: raise the limit (ulimit -n)`;
    throw new ConfigError([`of the ${files} files that this process may have open, ${kept}`]);
  }
  return { ...options, socketsMax: Math.min(options.socketsMax, files - FILES_RESERVED) };
}

function certificateChanged(log: Logger, problem: string | undefined): void {
  if (problem === undefined) log.info({ event: 'certificate.taken' }, 'the certificate was read');
  else
    log.warn({ event: 'certificate.refused', problem }, 'the certificate cannot be used; the last one stays');
}
