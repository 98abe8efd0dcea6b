/** Bus configuration: what gateways and routers are told about NATS and the log they keep there. */

import { isIPv6 } from 'node:net';
import Type, { type Static } from 'typebox';
import { commaList } from '#runtime/config.ts';
import { PARTITIONS_DEFAULT, PARTITIONS_MAX } from '#wire/limits.ts';

/**
 * A client may repeat a frame until two seconds before the window closes (`gateway/policy.ts`): what is shorter leaves it
 * no time to. No frame may be forgotten while its repeat is recognized, so it bounds the time to live as well.
 */
const DEDUP_WINDOW_MS_MIN = 5_000;

/** Spread into the configuration of a process that uses the bus. */
export const busProperties = {
  NATS_URL: Type.String({
    default: 'nats://127.0.0.1:4222',
    minLength: 1,
    title: 'one or more NATS addresses, with commas between',
    description:
      'Addresses of the NATS servers, with commas between; `tls://` before one asks for TLS. Others of their cluster are found by themselves.',
  }),
  NATS_CREDS_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'File with the credentials (JWT and seed) that NATS asks for. Read anew at each connect.',
    }),
  ),
  NATS_TLS_CA_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'File with the certificates of the authorities that sign the servers’ certificates; asks for TLS.',
    }),
  ),
  LOG_PARTITIONS: Type.Integer({
    default: PARTITIONS_DEFAULT,
    minimum: 1,
    maximum: PARTITIONS_MAX,
    description:
      'Partitions of the log: how finely routers share the work. Fixed for the life of a deployment.',
  }),
  LOG_STREAMS: Type.Integer({
    default: 6,
    minimum: 1,
    maximum: 64,
    description:
      'JetStream streams the partitions lie in, partition p in stream p mod LOG_STREAMS. Each has a leader, so that in a cluster the work spreads over the nodes: take a multiple of their number. Fixed for the life of a deployment.',
  }),
  LOG_STORAGE: Type.Union([Type.Literal('file'), Type.Literal('memory')], {
    default: 'file',
    description: 'Where NATS keeps the log. In memory it is faster, and gone when its servers are.',
  }),
  LOG_REPLICAS: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 5,
    description:
      'Copies of the log, the leases and the journal on different NATS servers: 3 survives the loss of one.',
  }),
  LOG_BYTES_MAX: Type.Integer({
    default: 1_073_741_824,
    minimum: 1_048_576,
    description:
      'Bytes of all frames in the log, shared evenly by its streams. Past it senders are told LOG_FULL.',
  }),
  LOG_CHANNEL_FRAMES_MAX: Type.Integer({
    default: 65_536,
    minimum: 16,
    description:
      'Frames of one channel that are alive. Past it senders to this channel are told CHANNEL_FULL.',
  }),
  LOG_TTL_MAX_MS: Type.Integer({
    default: 86_400_000,
    minimum: DEDUP_WINDOW_MS_MIN,
    maximum: 2_592_000_000,
    description: 'The longest time to live a frame may ask for, in milliseconds.',
  }),
  LOG_DEDUP_WINDOW_MS: Type.Integer({
    default: 30_000,
    minimum: DEDUP_WINDOW_MS_MIN,
    maximum: 600_000,
    description:
      'How long a frame sent again is recognized, in milliseconds. Costs the server some 210 bytes per frame.',
  }),
  JOURNAL_TTL_MS: Type.Integer({
    default: 604_800_000,
    minimum: 60_000,
    maximum: 31_536_000_000,
    description: 'How long revocations are kept, in milliseconds: at least as long as a token may live.',
  }),
};

const BusConfigSchema = Type.Object(busProperties);
export type BusConfig = Static<typeof BusConfigSchema>;

/** What is wrong between the variables of the bus, or `undefined`. */
export function busConfigProblem(config: BusConfig): string | undefined {
  if (config.NATS_URL !== '' && (natsServers(config).length === 0 || !natsServers(config).every(isServer))) {
    return 'NATS_URL has to be one or more NATS addresses such as nats://nats.example.org:4222, with commas between';
  }
  if (config.LOG_STREAMS > config.LOG_PARTITIONS) return 'LOG_STREAMS is larger than LOG_PARTITIONS';
  if (config.LOG_DEDUP_WINDOW_MS > config.LOG_TTL_MAX_MS) {
    return 'LOG_DEDUP_WINDOW_MS is larger than LOG_TTL_MAX_MS';
  }
  return undefined;
}

/** The addresses in `NATS_URL`. */
export function natsServers({ NATS_URL }: BusConfig): readonly string[] {
  return commaList(NATS_URL);
}

/** Read as the client library does; it speaks no WebSocket here. */
function isServer(address: string): boolean {
  const place = /^(?:(?:nats|tls):\/\/)?([^/].*)$/i.exec(address)?.[1];
  return place !== undefined && (isIPv6(place) || URL.canParse(`http://${place}`)) && !place.includes('://');
}
