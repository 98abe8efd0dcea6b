/**
 * Gateway configuration: every variable of a gateway, with default, bounds and meaning.
 *
 * `docs/config.md` is generated from it.
 */

import Type, { type Static } from 'typebox';
import { busProperties } from '#bus/config.ts';
import { logProperties } from '#runtime/log.ts';
import { doorProperties } from './door/config.ts';
import { identityProperties } from './identity/config.ts';
import { transportProperties } from './transports/config.ts';

const count = (value: number, description: string, minimum = 1, maximum = 1e9) =>
  Type.Integer({ default: value, minimum, maximum, description });

export const gatewayProperties = {
  GATEWAY_OPS_HOST: Type.String({ default: '127.0.0.1', description: 'Where the operations port listens.' }),
  GATEWAY_OPS_PORT: Type.Integer({
    default: 7601,
    minimum: 0,
    maximum: 65_535,
    description: 'Operations port: /healthz, /readyz, /metrics. 0 takes a free one.',
  }),
  GATEWAY_OUTBOX_BYTES_MAX: count(
    262_144,
    'Unsent bytes one flow may hold before it is closed as SLOW_CONSUMER.',
    4_096,
  ),
  GATEWAY_FLOWS_MAX: count(15_000, 'Flows this gateway holds at most; further ones are refused as BUSY.'),
  GATEWAY_FLOWS_PER_ADDRESS_MAX: count(15_000, 'Flows one client address may hold on this gateway.'),
  GATEWAY_MESSAGES_PER_SECOND: count(100, 'Messages per second that one session may send.'),
  GATEWAY_MESSAGES_BURST: count(200, 'Messages one session may send at once after a pause.'),
  GATEWAY_USER_MESSAGES_PER_SECOND: count(500, 'Messages per second of all sessions of one user here.'),
  GATEWAY_USER_MESSAGES_BURST: count(1_000, 'Messages all sessions of one user may send at once.'),
  GATEWAY_ADDRESS_MESSAGES_PER_SECOND: count(20_000, 'Messages per second from one client address.'),
  GATEWAY_ADDRESS_MESSAGES_BURST: count(40_000, 'Messages one client address may send at once.'),
  GATEWAY_REFUSALS_MAX: count(
    500,
    'Messages refused for their rate, less those that passed since, before a flow closes as FLOOD.',
  ),
  GATEWAY_PENDING_MAX: count(256, 'Requests of one session that may wait for their answers.'),
  GATEWAY_ROOMS_MAX: count(256, 'Rooms one session may have joined.', 0, 256),
  GATEWAY_WATCHES_MAX: count(64, 'Channels whose presence one session may watch.', 0),
  GATEWAY_READS_MAX: count(256, 'Reads of the log that this gateway has under way at most.'),
  GATEWAY_PING_MS: count(
    25_000,
    'After how long a silence, in milliseconds, a client should ask `ping`.',
    1_000,
  ),
  GATEWAY_RETRY_MS: count(500, 'The `retryAfterMs` told when the bus or the log cannot take a frame.', 10),
  GATEWAY_DRAIN_MS: count(
    20_000,
    'Over how long a stopping gateway hands its sessions over, in milliseconds.',
    0,
  ),
  SPREAD_GATEWAY_MS: count(2_000, 'Over how long clients come back after the loss of one gateway.', 0),
  SPREAD_FLEET_MS: count(30_000, 'Over how long clients come back after the loss of the fleet.', 0),
};

export const GatewayConfig = Type.Object({
  ...gatewayProperties,
  ...transportProperties,
  ...doorProperties,
  ...identityProperties,
  ...busProperties,
  ...logProperties,
});
export type GatewayConfig = Static<typeof GatewayConfig>;

/** Two things cannot listen on one port of one address; 0 takes any that is free. */
export function samePortTwice(config: GatewayConfig): string | undefined {
  const taken = new Map<string, string>();
  for (const name of ['GATEWAY_PORT', 'GATEWAY_PRIORITY_PORT', 'GATEWAY_OPS_PORT'] as const) {
    const port = config[name] ?? 0;
    const place = `${name === 'GATEWAY_OPS_PORT' ? config.GATEWAY_OPS_HOST : config.GATEWAY_HOST} ${port}`;
    const other = taken.get(place);
    if (port !== 0 && other !== undefined) return `${other} and ${name} are the same port`;
    taken.set(place, name);
  }
  return undefined;
}
