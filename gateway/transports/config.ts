/**
 * Transport configuration: the variables that say where the gateway listens and whom it lets come.
 *
 * `gateway/config.ts` takes these properties into the schema of the process, and checks lists with
 * `transportContradiction`; `webTransportOptions` makes of them what the transport is given.
 */

import { BlockList, isIP } from 'node:net';
import Type, { type Static } from 'typebox';
import { commaList } from '#runtime/config.ts';
import { addTrusted } from './address.ts';
import { isOriginPattern } from './origins.ts';
import type { WebTransportOptions } from './web.ts';

export const transportProperties = {
  GATEWAY_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address that clients connect to.',
  }),
  GATEWAY_PORT: Type.Integer({
    default: 7600,
    minimum: 0,
    maximum: 65_535,
    description: 'Port that clients connect to; 0 takes a free one.',
  }),
  GATEWAY_PRIORITY_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description:
        'Port of its own for sessions in a call, so that they come in while the other one is shut; others are served last there. 0 takes a free one. Not set: there is none.',
    }),
  ),
  GATEWAY_TLS_CERT_FILE: Type.Optional(
    Type.String({
      description:
        'Certificate chain (PEM). With it the gateway speaks TLS itself; read again when it changes.',
    }),
  ),
  GATEWAY_TLS_KEY_FILE: Type.Optional(Type.String({ description: 'Private key (PEM) of the certificate.' })),
  TRUSTED_PROXIES: Type.Optional(
    Type.String({
      title: 'addresses and networks (CIDR), separated by commas',
      description:
        'Proxies whose word on the client’s address counts: PROXY protocol v2 (without TLS at the gateway), else X-Forwarded-For. Each of them has to set it.',
    }),
  ),
  ALLOWED_ORIGINS: Type.Optional(
    Type.String({
      title: 'origins such as https://app.example.org or *.example.org, separated by commas, or *',
      description:
        'Pages that may connect. Not set: pages of the host they connect to and, while GATEWAY_HOST is a loopback address, pages of any loopback host. Clients that are no browsers send no origin and pass.',
    }),
  ),
  GATEWAY_SOCKETS_MAX: Type.Integer({
    default: 19_000,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'TCP connections to the clients’ port, those that have not sent a request yet included; further ones are closed at once. Each takes a file descriptor.',
  }),
  GATEWAY_MESSAGE_BYTES_MAX: Type.Integer({
    default: 65_536,
    minimum: 1_024,
    maximum: 8_388_608,
    description: 'Bytes of one message of a client.',
  }),
  GATEWAY_IDLE_MS: Type.Integer({
    default: 60_000,
    minimum: 8_000,
    maximum: 960_000,
    description: 'A WebSocket that was silent for so long, pings unanswered, is closed. Granularity 4 s.',
  }),
  POLL_HOLD_MS: Type.Integer({
    default: 25_000,
    minimum: 100,
    maximum: 300_000,
    description: 'How long a long poll waits for messages before it is answered without.',
  }),
  POLL_LINGER_MS: Type.Integer({
    default: 15_000,
    minimum: 1_000,
    maximum: 300_000,
    description: 'How long a client may take from one long poll to the next before its flow closes.',
  }),
  POLL_BYTES_MAX: Type.Integer({
    default: 262_144,
    minimum: 4_096,
    maximum: 16_777_216,
    description: 'Bytes of the body of one long poll.',
  }),
};

const TransportConfig = Type.Object(transportProperties);
export type TransportConfig = Static<typeof TransportConfig>;

/** What contradicts itself, or is no list of what it should list, in a configuration; or `undefined`. */
export function transportContradiction(config: TransportConfig): string | undefined {
  const { GATEWAY_TLS_CERT_FILE: cert, GATEWAY_TLS_KEY_FILE: key } = config;
  if ((cert === undefined) !== (key === undefined))
    return 'GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE have to be set together';
  if (!commaList(config.TRUSTED_PROXIES).every((network) => addTrusted(new BlockList(), network)))
    return 'TRUSTED_PROXIES has to list addresses and networks such as 10.0.0.0/8';
  if (!commaList(config.ALLOWED_ORIGINS).every(isOriginPattern))
    return 'ALLOWED_ORIGINS has to list origins such as https://app.example.org or *.example.org, or be *';
  return undefined;
}

/** @param unsentBytesMax what the hub lets wait for one flow; the transport's own bound lies above it. */
export function webTransportOptions(config: TransportConfig, unsentBytesMax: number): WebTransportOptions {
  const { GATEWAY_TLS_CERT_FILE: certFile, GATEWAY_TLS_KEY_FILE: keyFile } = config;
  return {
    host: config.GATEWAY_HOST,
    port: config.GATEWAY_PORT,
    priorityPort: config.GATEWAY_PRIORITY_PORT,
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    trustedProxies: commaList(config.TRUSTED_PROXIES),
    allowedOrigins: commaList(config.ALLOWED_ORIGINS),
    socketsMax: config.GATEWAY_SOCKETS_MAX,
    loopback: isLoopback(config.GATEWAY_HOST),
    messageBytesMax: config.GATEWAY_MESSAGE_BYTES_MAX,
    idleMs: config.GATEWAY_IDLE_MS,
    unsentBytesMax,
    pollHoldMs: config.POLL_HOLD_MS,
    pollLingerMs: config.POLL_LINGER_MS,
    pollBytesMax: config.POLL_BYTES_MAX,
  };
}

/** Whether only this machine can come to an address that is listened on. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
