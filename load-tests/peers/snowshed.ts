/** Snowshed: as it is compared: everything in one process, and two gateways with a router and the log on file. */

import type { Environment } from '#test/harness/process.ts';
import { tokenSecret } from '../bench/bounds.ts';
import { ownBytes } from '../bench/proc.ts';
import { collecting, fleetSystem, ownBytesAfterCollection, startBenchFleet } from '../bench/scene.ts';
import type { Peer, Running } from './peer.ts';

const env: Environment = { ...collecting, GATEWAY_IDLE_MS: '960000' };
const ours = {
  greeting: { kind: 'native', secret: tokenSecret },
  kind: 'durable',
} as const;
const identity = 'JWT (HS256) checked at connect; the server stamps who sent';
const order = 'of one channel, with positions; a repeat is stored once';

export const snowshedInOne: Peer = {
  ...ours,
  name: 'Snowshed, one process, log in memory',
  does: {
    identity,
    acknowledgement: 'when the log has it',
    durability: 'kept 30 s in the memory of the process; who comes back gets what he missed',
    order,
  },
  start: () => started('snowshed', 0, 0),
};

export const snowshedFleet: Peer = {
  ...ours,
  name: 'Snowshed, two gateways, a router, NATS with the log on file',
  does: {
    identity,
    acknowledgement: 'when the log has it',
    durability: 'NATS keeps it 30 s, in a file; who comes back, to whichever gateway, gets what he missed',
    order,
  },
  start: () => started('snowshed fleet', 2, 1),
};

async function started(name: string, gateways: number, routers: number): Promise<Running> {
  const fleet = await startBenchFleet(gateways, routers, env);
  const nats = fleet.nats?.pid;
  return {
    system: fleetSystem(name, fleet),
    async ownBytes() {
      let bytes = nats === undefined ? 0 : ownBytes(nats);
      for (const one of [...fleet.gateways, ...fleet.routers]) bytes += await ownBytesAfterCollection(one);
      return bytes;
    },
    stop: () => fleet.stop(),
  };
}
